"""Following a table: replay, CaughtUp, live; at least once, in order; whatever happens to the wakes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from api.graphql.transport.follow import CaughtUp, Change, Heartbeat, Item, Wakes, follow

SECONDS_MAX = 10


@dataclass
class Table:
    """Rows 1, 2, 3 …, read in batches of at most `batch`."""

    rows: list[int] = field(default_factory=list)
    batch: int = 3
    reads: int = 0

    async def read(self, after: int) -> list[int]:
        self.reads += 1
        await asyncio.sleep(0)
        return [row for row in self.rows if row > after][: self.batch]


class Bell:
    """Wakes that a test rings by hand."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.closed = False

    async def wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.event.wait()
        except TimeoutError:
            pass
        self.event.clear()

    def close(self) -> None:
        self.closed = True


def following(
    table: Table, wakes: Wakes, *, after: int = 0, poll: float = 60.0, heartbeat: float = 60.0, last: int = 1_000_000
) -> AsyncIterator[Item[int]]:
    return follow(
        table.read,
        after,
        position=lambda row: row,
        wakes=wakes,
        poll_seconds=poll,
        heartbeat_seconds=heartbeat,
        is_terminal=lambda row: row >= last,
    )


async def taken(stream: AsyncIterator[Item[int]], number: int) -> list[Item[int]]:
    async with asyncio.timeout(SECONDS_MAX):
        return [await anext(stream) for _ in range(number)]


async def test_rows_behind_the_cursor_are_replayed_then_caught_up_once_then_live() -> None:
    table, bell = Table([1, 2, 3, 4, 5]), Bell()
    stream = following(table, bell, after=1)
    assert await taken(stream, 5) == [*(Change(row, replayed=True) for row in (2, 3, 4, 5)), CaughtUp(5)]
    table.rows.append(6)
    bell.event.set()
    assert await taken(stream, 1) == [Change(6, replayed=False)]


async def test_an_empty_table_is_caught_up_at_the_cursor() -> None:
    assert await taken(following(Table(), Bell(), after=7), 1) == [CaughtUp(7)]


async def test_a_lost_wake_costs_no_more_than_a_poll() -> None:
    table = Table()
    stream = following(table, Bell(), poll=0.01)
    assert await taken(stream, 1) == [CaughtUp(0)]
    table.rows.append(1)
    assert await taken(stream, 1) == [Change(1, replayed=False)]


async def test_a_wake_during_a_read_is_not_lost() -> None:
    table, bell = Table(), Bell()
    stream = following(table, bell)
    assert await taken(stream, 1) == [CaughtUp(0)]
    bell.event.set()
    table.rows.append(1)
    assert await taken(stream, 1) == [Change(1, replayed=False)]


async def test_a_terminal_row_ends_the_stream_after_everything_was_given() -> None:
    stream = following(Table([1, 2, 3, 4]), Bell(), last=2)
    async with asyncio.timeout(SECONDS_MAX):
        items = [item async for item in stream]
    assert items == [*(Change(row, replayed=True) for row in (1, 2, 3, 4)), CaughtUp(4)]


async def test_a_stream_that_starts_behind_its_end_goes_on_living() -> None:
    table = Table([1])
    stream = following(table, Bell(), after=1, poll=0.01, last=1)
    assert await taken(stream, 1) == [CaughtUp(1)]
    table.rows.append(2)
    assert await taken(stream, 1) == [Change(2, replayed=False)]


async def test_silence_is_filled_with_heartbeats() -> None:
    stream = following(Table([1]), Bell(), heartbeat=0.01)
    assert await taken(stream, 4) == [Change(1, replayed=True), CaughtUp(1), Heartbeat(1), Heartbeat(1)]


async def test_a_long_replay_lets_other_work_run_between_rows() -> None:
    stream = following(Table(list(range(1, 501)), batch=500), Bell())
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other_work())
    await taken(stream, 501)
    task.cancel()
    assert turns > 500


async def test_leaving_a_stream_stops_listening() -> None:
    bell = Bell()
    async with aclosing(following(Table([1]), bell)) as stream:  # type: ignore[type-var] # it is a generator
        await anext(stream)
    assert bell.closed


@pytest.mark.parametrize("batch", [1, 7, 100])
async def test_rows_written_while_following_come_once_and_in_order(batch: int) -> None:
    table, bell = Table(batch=batch), Bell()

    async def write() -> None:
        for row in range(1, 301):
            table.rows.append(row)
            if row % 3:
                bell.event.set()
            if row % 10 == 0:
                await asyncio.sleep(0)

    writer = asyncio.create_task(write())
    async with asyncio.timeout(SECONDS_MAX):
        items = [item async for item in following(table, bell, poll=0.01, last=300)]
    await writer
    rows = [item.row for item in items if isinstance(item, Change)]
    assert rows == list(range(1, 301))
    assert all(after == before + 1 for before, after in pairwise(rows))
    assert sum(isinstance(item, CaughtUp) for item in items) == 1
