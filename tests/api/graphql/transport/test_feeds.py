"""Joining those who follow already, leaving them, and how all of it ends: nothing is missed and nothing told twice."""

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest

from api.graphql.transport.authority import UNAUTHORIZED, Watches
from api.graphql.transport.feeds import Feed
from api.graphql.transport.follow import CaughtUp, Change, Heartbeat, Item, Waker
from api.graphql.transport.live import WAITING_BYTES_MAX, Followed, Member, Rendered, SeeingAlike, TooSlow, outlet, told
from api.places import Places
from tests.api.graphql.transport.live_shop import CHANNEL, Ticks
from tests.api.graphql.transport.shop import Clerk


async def _render(item: Item[int]) -> Rendered:
    await asyncio.sleep(0)  # so that others come and go meanwhile
    return Rendered(repr(item).encode())


class _Crowd:
    """Followers of one clock."""

    def __init__(self, **more: float) -> None:
        self.ticks = Ticks()
        self.waker = Waker("redis://127.0.0.1:1")
        self.feed: Feed[str, int] = Feed(self.ticks.kind(**more), self.waker)

    def tick(self) -> None:
        rows = self.ticks.rows["clock"]
        rows.append(len(rows) + 1)
        self.waker._wake(f"{CHANNEL}:clock")

    async def told(self, after: int, count: int, between: Callable[[], None] = lambda: None) -> list[str]:
        """The first `count` things that a follower behind `after` is told, or all up to the end.

        `between` is called when it has been told something, before it goes on.
        """
        source: Followed[str, int] = Followed(self.feed, "clock", after, shown=repr, scope=None, shared=None)
        room = source.enter()
        held = Places({}).take({})
        assert held
        group: Any = room.audiences.setdefault("all", SeeingAlike(_render, held))
        seen: list[str] = []
        try:
            async with asyncio.timeout(10), aclosing(told(source, room, group)) as news:
                async for one in news:
                    seen.append(one.json.decode() if isinstance(one, Rendered) else repr(one))
                    if len(seen) == count:
                        break
                    between()
        finally:
            self.feed.leave(room)
        return seen


@pytest.mark.parametrize("seed", range(5))
async def test_whoever_joins_at_any_moment_is_told_each_row_once_and_in_order(seed: int) -> None:
    chance, crowd = random.Random(seed), _Crowd()

    async def follow(after: int) -> None:
        await asyncio.sleep(chance.random() / 50)
        seen = await crowd.told(after, 60 - after + 1)
        assert [one for one in seen if "CaughtUp" not in one and "row=" not in one] == []
        rows = [one.partition("row=")[2].partition(",")[0] for one in seen if "row=" in one]
        assert rows == [str(number) for number in range(after + 1, 61)]
        behind = seen[[("CaughtUp" in one) for one in seen].index(True) :]
        assert [one for one in behind if "replayed=True" in one] == []

    async def write() -> None:
        for _ in range(60):
            crowd.tick()
            await asyncio.sleep(chance.random() / 1000)

    await asyncio.gather(write(), *(follow(chance.randrange(20)) for _ in range(30)))
    assert not crowd.feed.rooms


async def test_what_happens_between_catching_up_and_joining_is_told_at_once() -> None:
    crowd = _Crowd()
    assert await crowd.told(0, 2, between=crowd.tick) == [repr(CaughtUp(0)), repr(Change(1, replayed=False))]


async def test_a_lost_wake_is_made_good_by_the_poll_and_silence_is_told() -> None:
    crowd = _Crowd(poll=0.02, heartbeat=0.05)
    following = asyncio.ensure_future(crowd.told(0, 3))
    await asyncio.sleep(0.03)
    crowd.ticks.rows["clock"].append(1)  # and nobody is woken
    assert await following == [repr(one) for one in (CaughtUp(0), Change(1, replayed=False), Heartbeat(1))]


async def test_behind_a_terminal_row_the_stream_of_all_ends() -> None:
    crowd = _Crowd()
    crowd.ticks.last = 2
    following = [asyncio.ensure_future(crowd.told(0, 100)) for _ in range(3)]
    await asyncio.sleep(0.02)
    crowd.tick()
    crowd.tick()
    crowd.tick()
    told_all = [repr(one) for one in (CaughtUp(0), *(Change(number, replayed=False) for number in (1, 2, 3)))]
    assert await asyncio.gather(*following) == [told_all] * 3


async def test_while_the_database_is_away_all_stay_and_a_mistake_of_ours_is_told_to_each() -> None:
    crowd = _Crowd(poll=0.02)
    following = [asyncio.ensure_future(crowd.told(0, 2)) for _ in range(2)]
    await asyncio.sleep(0.03)
    crowd.ticks.failure = ConnectionRefusedError("The database restarts.")
    crowd.tick()
    await asyncio.sleep(0.05)
    crowd.ticks.failure = None
    assert await asyncio.gather(*following) == [[repr(CaughtUp(0)), repr(Change(1, replayed=False))]] * 2
    following = [asyncio.ensure_future(crowd.told(1, 2)) for _ in range(2)]
    await asyncio.sleep(0.03)
    crowd.ticks.failure = RuntimeError("nobody foresaw it")
    assert await asyncio.gather(*following, return_exceptions=True) == [crowd.ticks.failure] * 2


async def test_who_asks_after_a_read_has_begun_gets_a_read_of_its_own() -> None:
    crowd, begun, go_on = _Crowd(), asyncio.Event(), asyncio.Event()
    crowd.ticks.begun, crowd.ticks.go_on = begun, go_on
    first = asyncio.ensure_future(crowd.feed.read("clock", 0))
    async with asyncio.timeout(10):
        await begun.wait()
        others = [asyncio.ensure_future(crowd.feed.read("clock", 0)) for _ in range(5)]
        await asyncio.sleep(0)
        crowd.tick()
        go_on.set()
        assert await asyncio.gather(first, *others) == [[], *[[1]] * 5]
        assert crowd.ticks.reads == 2


async def test_who_leaves_or_fails_takes_nothing_from_the_others_and_the_next_read_is_a_new_one() -> None:
    crowd = _Crowd()
    crowd.tick()
    leaves, stays = (asyncio.ensure_future(crowd.feed.read("clock", 0)) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    async with asyncio.timeout(10):
        assert await stays == [1]
    crowd.ticks.failure = OSError("The database is away.")
    failed = await asyncio.gather(*(crowd.feed.read("clock", 0) for _ in range(2)), return_exceptions=True)
    assert failed == [crowd.ticks.failure] * 2
    crowd.ticks.failure = None
    assert await crowd.feed.read("clock", 0) == [1]


async def test_what_waits_for_one_follower_is_bounded() -> None:
    member = Member(0)
    for _ in range(WAITING_BYTES_MAX // 1_000 + 1):
        member.take(Rendered(b"x" * 1_000))
    with pytest.raises(TooSlow):
        await member.next()


async def test_nothing_overtakes_what_a_follower_executes_for_itself() -> None:
    sent: list[Rendered] = []
    outlet.set(sent.append)
    member, own, after = Member(0), Change(1, replayed=False), Rendered(b"2")
    waiting = asyncio.ensure_future(member.next())
    await asyncio.sleep(0)
    member.take(own)
    member.take(after)
    assert (await waiting, sent) == (own, [])
    member.take(Rendered(b"3"))
    assert [await member.next(), await member.next(), sent] == [after, Rendered(b"3"), []]


async def test_a_token_is_looked_at_once_for_all_that_is_open_with_it() -> None:
    looks: list[str | None] = []

    async def gone(token: str | None) -> Clerk | None:
        looks.append(token)
        return None

    watches, codes = Watches(gone, 0.01), list[int]()
    clerk = Clerk("ana", datetime.max.replace(tzinfo=UTC))
    for _ in range(50):
        watches.watch("token", clerk, lambda code: codes.append(code))
    watches.watch("token", clerk, codes.append)()  # who leaves is told nothing
    assert await watches.ended("token", clerk) == UNAUTHORIZED
    assert (looks, codes, watches.count) == (["token"], [UNAUTHORIZED] * 50, 0)
