"""Channels are pure: what is sent, to the byte, and what each answer means."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels import dingtalk, feishu, wecom, wording
from domain.deliveries.channels.channel import Address, Channel, Message
from domain.deliveries.channels.limits import PUBLISHED, held
from domain.deliveries.channels.robots import ROBOTS, why_not
from domain.models.deliveries import EndpointKind as Kind

NOW = datetime.fromtimestamp(1577808000, UTC)
URLS = {
    Kind.DINGTALK: "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef0123456789abcdef",
    Kind.WECOM: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789abcdef0123456789abcdef",
    Kind.FEISHU: "https://open.feishu.cn/open-apis/bot/v2/hook/0123456789abcdef0123456789abcdef",
    Kind.SLACK: "https://hooks.slack.com/services/T0/B0/0123456789abcdef0123456789abcdef",
    Kind.TEAMS: "https://prod.westus.logic.azure.com/workflows/1?sig=0123456789abcdef0123456789abcdef",
    Kind.PAGERDUTY: "https://events.pagerduty.com/v2/enqueue",
}
SECRET = "0123456789abcdef0123456789abcdef"


def _message(**more: Any) -> Message:
    told = {
        "id": "alert_1",
        "type": "alert.opened",
        "title": "Refunds stuck at pix-itau",
        "text": "3 refunds, R$ 450.00",
        "markdown": "**3 refunds**, [look](https://estorno.example/console/news)",
        "link": "https://estorno.example/console/news",
        "severity": "critical",
        "key": "refund_stuck:1",
    }
    return Message(**{**told, **more})


def _body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def _read(channel: Channel, body: Any, status: int = 200) -> Answer:
    return channel.read(httpx.Response(status, json=body))


@pytest.mark.parametrize(
    ("secret", "wanted"),
    [
        ("this is secret", "ijHEivi6YiCNPZOq4hZstmvZ3sPfbioAiMhP30ae7W0="),
        ("SEC000000000000000000000", "kHojILYHYvDLX4wUcm1U9xVtXJHg0YMNDtVgcMkxs1A="),
    ],
)
def test_dingtalk_signs_as_its_published_examples_do(secret: str, wanted: str) -> None:
    assert dingtalk.sign(secret, 1577808000000) == wanted
    request = ROBOTS[Kind.DINGTALK].request(Address(URLS[Kind.DINGTALK], (secret,)), _message(), NOW)
    assert request.url.params["sign"] == wanted
    assert request.url.params["timestamp"] == "1577808000000"
    assert str(request.url).endswith(wanted.replace("=", "%3D").replace("/", "%2F").replace("+", "%2B"))
    assert request.url.params["access_token"] == SECRET


def test_feishu_signs_the_other_way_round_and_in_seconds() -> None:
    wanted, swapped = "wSds2BzzFIIGf/WrhUO+NI1q/9j+FRJd3JNHKAq0NZY=", "bwOSU6XMEexAHKuyN31krxa2lbNEg4trOnn0f+E2pPs="
    assert feishu.sign("test-secret", 1599360473) == wanted != swapped
    at = datetime.fromtimestamp(1599360473.9, UTC)
    body = _body(ROBOTS[Kind.FEISHU].request(Address(URLS[Kind.FEISHU], ("test-secret",)), _message(), at))
    assert (body["timestamp"], body["sign"]) == ("1599360473", wanted)


@given(st.text(max_size=300), st.integers(3, 200))
def test_a_text_is_cut_by_bytes_and_never_within_a_character(text: str, most: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # lone surrogates: nothing of ours has any
    found = wording.cut(text, most)
    assert len(found.encode()) <= most
    assert found == text or (found.endswith("…") and text.startswith(found[:-1]))


@pytest.mark.parametrize("letter", ["a", "退", "é", '"', "\n", "👩‍💼"])
def test_what_is_too_long_is_cut_to_what_the_channel_takes(letter: str) -> None:
    long = _message(markdown=letter * 600_000, text=letter * 600_000)
    sizes = {kind: len(_sent(kind, long).content) for kind in ROBOTS}
    assert sizes[Kind.DINGTALK] <= 20_000
    assert sizes[Kind.FEISHU] <= 20_000
    assert sizes[Kind.TEAMS] <= 28_000
    assert sizes[Kind.PAGERDUTY] <= 512_000
    assert len(_body(_sent(Kind.SLACK, long))["text"]) <= 35_000
    content = _body(_sent(Kind.WECOM, long))["markdown"]["content"]
    assert 4_000 < len(content.encode()) <= wecom.CONTENT_BYTES_MAX
    for kind in ROBOTS:
        assert "�" not in _sent(kind, long).content.decode()


def _sent(kind: Kind, message: Message, **options: str) -> httpx.Request:
    return ROBOTS[kind].request(Address(URLS[kind], (SECRET,), options), message, NOW)


def test_a_keyword_that_a_robot_wants_is_in_its_message_and_mentions_are_for_critical_ones() -> None:
    body = _body(_sent(Kind.DINGTALK, _message(), keyword="退款", mentions="13800000000"))
    assert body["markdown"]["title"].startswith("退款 ")
    assert body["at"]["atMobiles"] == ["13800000000"]
    assert "@13800000000" in body["markdown"]["text"]
    calm = _body(_sent(Kind.DINGTALK, _message(severity="warning"), keyword="stuck", mentions="13800000000"))
    assert calm["markdown"]["title"] == "Refunds stuck at pix-itau"
    assert calm["at"]["atMobiles"] == []
    assert "<@lisi>" in _body(_sent(Kind.WECOM, _message(), mentions="lisi"))["markdown"]["content"]
    assert _body(_sent(Kind.SLACK, _message(), mentions="here"))["text"].startswith("<!here> *Refunds stuck")
    assert "<https://estorno.example/console/news|look>" in _body(_sent(Kind.SLACK, _message()))["text"]
    assert _body(_sent(Kind.FEISHU, _message(), keyword="退款"))["card"]["header"]["title"]["content"].startswith(
        "退款"
    )


def test_an_incident_is_triggered_and_resolved_by_one_key() -> None:
    begun, over = _body(_sent(Kind.PAGERDUTY, _message())), _body(_sent(Kind.PAGERDUTY, _message(resolves=True)))
    assert (begun["event_action"], over["event_action"]) == ("trigger", "resolve")
    assert begun["dedup_key"] == over["dedup_key"] == "refund_stuck:1"
    assert begun["payload"]["severity"] == "critical"
    assert begun["routing_key"] == SECRET
    assert len(_body(_sent(Kind.PAGERDUTY, _message(key="k" * 300)))["dedup_key"]) == 255


DINGTALK: list[tuple[dict[str, Any], type[Answer]]] = [
    ({"errcode": 0, "errmsg": "ok"}, Sent),
    ({"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}, Later),
    ({"errcode": 410100, "errmsg": "rate"}, Later),
    ({"errcode": 660026, "errmsg": "发送速度太快而限流"}, Later),
    ({"errcode": -1, "errmsg": "系统繁忙"}, Later),
    ({"errcode": 90030, "errmsg": "webhook over limit"}, Later),
    ({"errcode": 310000, "errmsg": "keywords not in content"}, Broken),
    ({"errcode": 310000, "errmsg": "sign not match"}, Broken),
    ({"errcode": 310000, "errmsg": "ip 1.2.3.4 not in whitelist"}, Broken),
    ({"errcode": 300005, "errmsg": "token is not exist"}, Broken),
    ({"errcode": 300001, "errmsg": "token is not exist"}, Broken),
    ({"errcode": 400101, "errmsg": "access_token is not exist"}, Broken),
    ({"errcode": 400102, "errmsg": "bot is stopped"}, Broken),
    ({"errcode": 400013, "errmsg": "group dissolved"}, Broken),
    ({"errcode": 400106, "errmsg": "no such robot"}, Broken),
    ({"errcode": 88, "sub_code": "60011", "errmsg": "permission"}, Broken),
    ({"errcode": 400105, "errmsg": "type not supported"}, Refused),
    ({"errcode": 43004, "errmsg": "Content-Type"}, Refused),
    ({"errcode": 43002, "errmsg": "requires POST"}, Refused),
    ({"errcode": 40035, "errmsg": "parameter"}, Refused),
    ({"errcode": 460101, "errmsg": "message too long, exceed 20000 bytes"}, Refused),
    ({"errcode": 999999, "errmsg": "never seen"}, Refused),
    ({"status": 1111, "source": "x5", "punish": "deny", "wait": 5}, Later),
    ({"result": "ok"}, Refused),
    ({"errcode": True}, Refused),
    ({"errcode": None}, Refused),
]
WECOM: list[tuple[dict[str, Any], type[Answer]]] = [
    ({"errcode": 0, "errmsg": "ok"}, Sent),
    ({"errcode": 45009, "errmsg": "api freq out of limit"}, Later),
    ({"errcode": -1, "errmsg": "system error"}, Later),
    ({"errcode": 93000, "errmsg": "invalid webhook url"}, Broken),
    ({"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"}, Refused),
    ({"errcode": 40008, "errmsg": "invalid message type"}, Refused),
    ({}, Refused),
]
FEISHU: list[tuple[dict[str, Any], type[Answer]]] = [
    ({"code": 0, "msg": "success"}, Sent),
    ({"code": 11232, "msg": "frequency limited"}, Later),
    ({"code": 19021, "msg": "sign match fail"}, Broken),
    ({"code": 19022, "msg": "Ip Not Allowed"}, Broken),
    ({"code": 19024, "msg": "Key Words Not Found"}, Broken),
    ({"code": 9499, "msg": "Bad Request"}, Refused),
    ({"code": 19036, "msg": "too large"}, Refused),
    ({"StatusCode": 0}, Refused),
]


@pytest.mark.parametrize(("kind", "table"), [(Kind.DINGTALK, DINGTALK), (Kind.WECOM, WECOM), (Kind.FEISHU, FEISHU)])
def test_a_robot_that_answers_200_is_believed_by_its_code_alone(
    kind: Kind, table: list[tuple[dict[str, Any], type[Answer]]]
) -> None:
    for body, wanted in table:
        assert isinstance(_read(ROBOTS[kind], body), wanted), body


def test_dingtalk_that_has_muted_us_is_left_alone_for_ten_minutes_and_wecom_for_one() -> None:
    muted = _read(ROBOTS[Kind.DINGTALK], {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"})
    assert isinstance(muted, Later)
    assert muted.seconds == 600
    rolling = _read(ROBOTS[Kind.WECOM], {"errcode": 45009, "errmsg": "api freq out of limit"})
    assert isinstance(rolling, Later)
    assert rolling.seconds == 60


def test_what_the_others_answer_is_read_by_status_and_word() -> None:
    slack, teams, pager = ROBOTS[Kind.SLACK], ROBOTS[Kind.TEAMS], ROBOTS[Kind.PAGERDUTY]
    assert isinstance(slack.read(httpx.Response(200, text="ok")), Sent)
    assert isinstance(slack.read(httpx.Response(200, text="<html>sign in</html>")), Refused)
    assert slack.read(httpx.Response(429, headers={"retry-after": "7"})) == Later(7.0, "429: too many messages")
    for word in ("no_service", "channel_is_archived"):
        assert isinstance(slack.read(httpx.Response(404, text=word)), Broken)
    assert isinstance(slack.read(httpx.Response(400, text="invalid_payload")), Refused)
    told = teams.read(httpx.Response(202))
    assert isinstance(told, Sent)
    assert "does not say" in told.detail
    assert isinstance(teams.read(httpx.Response(413)), Refused)
    assert isinstance(teams.read(httpx.Response(401)), Broken)
    assert isinstance(pager.read(httpx.Response(202, json={"status": "success"})), Sent)
    assert isinstance(pager.read(httpx.Response(400, json={"errors": ["Invalid routing key"]})), Broken)
    assert isinstance(pager.read(httpx.Response(400, json={"errors": ["'payload.summary' is missing"]})), Refused)
    assert pager.read(httpx.Response(429)) == Later(30.0, "429: too many events")


@given(st.sampled_from(sorted(ROBOTS)), st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_raises_and_none_but_a_channels_own_word_is_success(kind: Kind, status: int, body: bytes) -> None:
    answer = ROBOTS[kind].read(httpx.Response(status, content=body))
    assert isinstance(answer, Sent | Later | Broken | Refused)
    if isinstance(answer, Sent):
        assert status == 202 or (status == 200 and kind in (Kind.TEAMS, Kind.SLACK))
    if status >= 500:
        assert isinstance(answer, Later)


def test_a_failure_of_http_means_the_same_everywhere() -> None:
    for channel in ROBOTS.values():
        assert isinstance(channel.read(httpx.Response(503, headers={"retry-after": "90"})), Later)
        assert isinstance(channel.read(httpx.Response(429)), Later)
        assert isinstance(channel.read(httpx.Response(404)), Broken)
        assert isinstance(channel.read(httpx.Response(302, headers={"location": "https://x"})), Broken)


def test_nothing_that_an_answer_or_an_error_says_has_the_password_in_it() -> None:
    echo = {"errcode": 300005, "errmsg": f"token {SECRET} is not exist", "code": 19021, "msg": f"bad {SECRET}"}
    for kind, channel in ROBOTS.items():
        for status in (200, 400):
            answer = channel.read(httpx.Response(status, json=echo))
            assert SECRET not in repr(answer), kind
        with pytest.raises(ValueError, match=".") as caught:
            channel.request(Address(f"https://h:{SECRET}/", (SECRET,)), _message(), NOW)
        assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
        assert SECRET not in repr(Address(URLS[kind], (SECRET,)))


def test_an_address_that_cannot_be_a_robot_is_refused_with_a_sentence() -> None:
    for kind in ROBOTS:
        assert why_not(kind, Address(URLS[kind], (SECRET,))) is None
    for host in ("acme.webhook.office.com", "outlook.office.com"):
        assert "retired" in (why_not(Kind.TEAMS, Address(f"https://{host}/webhookb2/1")) or "")
    assert "access_token" in (why_not(Kind.DINGTALK, Address("https://oapi.dingtalk.com/robot/send")) or "")
    assert why_not(Kind.WECOM, Address("https://qyapi.weixin.qq.com/cgi-bin/webhook/send"))
    assert why_not(Kind.PAGERDUTY, Address(""))


def test_what_is_sent_in_a_minute_stays_below_what_each_channel_publishes() -> None:
    for kind in (*ROBOTS, Kind.EMAIL):
        used = held(kind, 60_000)
        assert used < PUBLISHED.get(kind, 61), kind
        assert held(kind, 3) == 3
    assert held(Kind.WEBHOOK, 60_000) == 60_000


def test_what_others_have_named_is_no_markup() -> None:
    assert wording.unmarked("[x](http://evil) **a** <@all> `b`\nc @here") == "x http://evil a all b c here"
    assert wording.mrkdwn("# Head\n**a** & <b>") == "*Head*\n*a* &amp; &lt;b&gt;"
