"""One read for all who are woken together, and none that began before the wake."""

import asyncio

from api.graphql.transport.follow import CaughtUp, Change, Waker, follow
from tests.api.graphql.transport.test_following import SECONDS_MAX, Table, taken


async def test_all_who_are_woken_together_share_one_read_of_the_table() -> None:
    table, waker = Table(), Waker("redis://127.0.0.1:1")
    streams = [
        follow(
            lambda after: waker.reads.read(after, lambda: table.read(after)),
            0,
            position=lambda row: row,
            wakes=waker.listen("c"),
            poll_seconds=60.0,
            heartbeat_seconds=60.0,
            is_terminal=lambda row: False,
        )
        for _ in range(50)
    ]
    assert await asyncio.gather(*(taken(one, 1) for one in streams)) == [[CaughtUp(0)]] * 50
    waiting = [asyncio.ensure_future(taken(one, 1)) for one in streams]
    await asyncio.sleep(0.05)
    table.rows.append(1)
    before = table.reads
    waker._wake("c")
    assert await asyncio.gather(*waiting) == [[Change(1, replayed=False)]] * 50
    assert table.reads == before + 1


async def test_who_asks_after_a_read_has_begun_gets_a_read_of_its_own() -> None:
    rows, begun, go_on = [1], asyncio.Event(), asyncio.Event()
    reads = Waker("redis://127.0.0.1:1").reads

    async def slow() -> list[int]:
        seen = list(rows)
        begun.set()
        await go_on.wait()
        return seen

    first = asyncio.ensure_future(reads.read("k", slow))
    async with asyncio.timeout(SECONDS_MAX):
        await begun.wait()
        rows.append(2)
        second = asyncio.ensure_future(reads.read("k", slow))
        go_on.set()
        assert (await first, await second) == ([1], [1, 2])


async def test_who_leaves_or_fails_takes_nothing_from_the_others_and_the_next_read_is_a_new_one() -> None:
    reads, came = Waker("redis://127.0.0.1:1").reads, asyncio.Event()

    async def slow() -> list[int]:
        await came.wait()
        return [1]

    async def down() -> list[int]:
        raise OSError("The database is away.")

    first, second = (asyncio.create_task(reads.read("a", slow)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    came.set()
    assert await second == [1]
    failed = await asyncio.gather(*(reads.read("a", down) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in failed] == [OSError, OSError]
    assert await reads.read("a", slow) == [1]
