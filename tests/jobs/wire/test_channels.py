"""Each channel against a server that speaks its published protocol, over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels.channel import Address, Message
from domain.deliveries.channels.robots import ROBOTS
from domain.models.deliveries import EndpointKind as Kind
from tests.kit.world import served
from tests.sandbox.channels.app import Channels
from tests.sandbox.channels.others import open_incidents

MESSAGE = Message(
    id="alert_1", type="alert.opened", title="Refunds stuck", text="3", markdown="**3**", severity="critical", key="k1"
)


class Clock:
    """Seconds that a test turns: a window of a minute is over when it says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def _speaking() -> AsyncIterator[tuple[Channels, Clock, Any]]:
    channels, clock = Channels(), Clock()
    for robot in vars(channels).values():
        robot.clock = clock
    async with served(channels.app()) as url, httpx.AsyncClient() as http:

        async def say(kind: Kind, *secrets: str, message: Message = MESSAGE, **options: str) -> Answer:
            to = Address(url + channels.paths()[kind], secrets, options)
            request = ROBOTS[kind].request(to, message, datetime.fromtimestamp(clock.now, UTC))
            return ROBOTS[kind].read(await http.send(request))

        yield channels, clock, say


async def test_dingtalk_takes_what_is_signed_and_says_in_its_own_words_why_not() -> None:
    async with _speaking() as (channels, clock, say):
        robot = channels.dingtalk
        robot.secret, robot.keyword = "SEC-of-the-robot", "退款"
        assert isinstance(await say(Kind.DINGTALK, "SEC-of-the-robot", keyword="退款"), Sent)
        assert robot.delivered[0]["markdown"]["title"] == "退款 Refunds stuck"
        for secrets, options, said in (((), {"keyword": "退款"}, "sign not match"), (("other",), {}, "sign not match")):
            answer = await say(Kind.DINGTALK, *secrets, **options)
            assert isinstance(answer, Broken)
            assert said in answer.reason
        wordless = await say(Kind.DINGTALK, "SEC-of-the-robot")
        assert isinstance(wordless, Broken)
        assert "keywords not in content" in wordless.reason
        robot.allowed = False
        assert isinstance(await say(Kind.DINGTALK, "SEC-of-the-robot", keyword="退款"), Broken)
        robot.secret, robot.keyword, robot.allowed = "", "", True
        meaning: dict[str, type[Answer]] = dict.fromkeys(("busy", "quota", "punished", "new_rate_code", "500"), Later)
        meaning |= {"stopped": Broken, "dissolved": Broken, "permission": Broken, "wordless": Refused}
        for mood, wanted in meaning.items():
            robot.mood = mood
            assert isinstance(await say(Kind.DINGTALK), wanted), mood
        robot.mood = "ok"
        clock.now += 3_600
        assert isinstance(await say(Kind.DINGTALK), Sent)


async def test_one_message_too_many_mutes_a_dingtalk_robot_and_wecoms_window_rolls() -> None:
    async with _speaking() as (channels, clock, say):
        for kind, robot, seconds in (
            (Kind.DINGTALK, channels.dingtalk, 600),
            (Kind.WECOM, channels.wecom, 60),
        ):
            for _ in range(20):
                assert isinstance(await say(kind), Sent)
            over = await say(kind)
            assert isinstance(over, Later)
            assert over.seconds == seconds
            clock.now += seconds - 1
            assert isinstance(await say(kind), Later if kind is Kind.DINGTALK else Sent | Later)
            clock.now += 62
            assert isinstance(await say(kind), Sent), robot.answered


async def test_wecom_counts_bytes_and_knows_its_key() -> None:
    async with _speaking() as (channels, _, say):
        long = Message(id="m", type="t", title="退款", markdown="退" * 10_000)
        assert isinstance(await say(Kind.WECOM, message=long), Sent)
        assert len(channels.wecom.delivered[0]["markdown"]["content"].encode()) <= 4_096
        channels.wecom.mood = "busy"
        assert isinstance(await say(Kind.WECOM), Later)
        channels.wecom.mood, path = "ok", channels.paths
        old = path()
        channels.wecom.token = "another"
        channels.paths = lambda: old  # type: ignore[method-assign]
        assert isinstance(await say(Kind.WECOM), Broken)


async def test_feishu_checks_sign_address_keyword_size_and_its_limits() -> None:
    async with _speaking() as (channels, clock, say):
        robot = channels.feishu
        robot.secret = "feishu-secret"
        assert isinstance(await say(Kind.FEISHU, "feishu-secret"), Sent)
        assert robot.delivered[0]["card"]["header"]["template"] == "red"
        assert isinstance(await say(Kind.FEISHU, "other"), Broken)
        robot.allowed = False
        assert isinstance(await say(Kind.FEISHU, "feishu-secret"), Broken)
        robot.allowed, robot.secret, robot.keyword = True, "", "退款"
        assert isinstance(await say(Kind.FEISHU), Broken)
        assert isinstance(await say(Kind.FEISHU, keyword="退款"), Sent)
        huge = Message(id="m", type="t", title="t", markdown='退"' * 20_000)
        assert isinstance(await say(Kind.FEISHU, message=huge, keyword="退款"), Sent)
        for _ in range(3):
            last = await say(Kind.FEISHU, keyword="退款")
        assert isinstance(last, Later)
        assert "11232" in last.reason
        clock.now += 2
        assert isinstance(await say(Kind.FEISHU, keyword="退款"), Sent)


async def test_slack_teams_and_pagerduty_as_far_as_they_are_published() -> None:
    async with _speaking() as (channels, clock, say):
        assert isinstance(await say(Kind.SLACK), Sent)
        limited = await say(Kind.SLACK)
        assert isinstance(limited, Later)
        assert limited.seconds == 7
        for mood, wanted in {"no_service": Broken, "channel_is_archived": Broken, "something_new": Refused}.items():
            channels.slack.mood = mood
            assert isinstance(await say(Kind.SLACK), wanted)
        channels.teams.mood = "lost"
        lost = await say(Kind.TEAMS)
        assert isinstance(lost, Sent)
        assert "does not say" in lost.detail
        assert channels.teams.delivered == []
        assert isinstance(await say(Kind.PAGERDUTY, "token-1"), Sent)
        assert open_incidents(channels.pagerduty) == {"k1"}
        over = Message(id="alert_2", type="alert.resolved", title="over", resolves=True, key="k1")
        assert isinstance(await say(Kind.PAGERDUTY, "token-1", message=over), Sent)
        assert open_incidents(channels.pagerduty) == set()
        assert isinstance(await say(Kind.PAGERDUTY, "another"), Broken)
        untitled = Message(id="alert_3", type="alert.opened", title="", key="k2")
        assert isinstance(await say(Kind.PAGERDUTY, "token-1", message=untitled), Refused)
        for _ in range(130):
            last = await say(Kind.PAGERDUTY, "token-1")
        assert isinstance(last, Later)
        assert last.seconds == 30
        clock.now += 61
        assert isinstance(await say(Kind.PAGERDUTY, "token-1"), Sent)
