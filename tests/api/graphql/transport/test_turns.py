"""Turns of one merchant's operations, how many may wait for theirs, and whom an address stands for."""

import asyncio

import pytest
from starlette.types import Message
from strawberry.types import ExecutionResult

from api.app import _at_once
from api.doors import network_of
from api.graphql.transport.bounds import OperationBounds
from api.graphql.transport.turns import Part, TooManyWaiting, Turns
from tests.kit.world import quick_settings


async def _stay() -> Message:
    return await asyncio.Future[Message]()


async def test_one_more_than_may_wait_is_refused_and_others_are_not() -> None:
    turns, go_on, inside = Turns(at_once=2, waiting_max=3), asyncio.Event(), 0

    async def work() -> None:
        nonlocal inside
        async with turns.turn("one"):
            inside += 1
            await go_on.wait()

    working = [asyncio.create_task(work()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert inside == 2
    with pytest.raises(TooManyWaiting):
        await asyncio.wait_for(work(), 2)
    async with turns.turn("another"):
        pass
    go_on.set()
    await asyncio.gather(*working)
    assert not turns._queues


async def test_who_may_not_even_wait_is_told_to_come_again() -> None:
    bounds, go_on = OperationBounds(Turns(at_once=1, waiting_max=0)), asyncio.Event()

    async def execute() -> ExecutionResult:
        await go_on.wait()
        return ExecutionResult(data={}, errors=None)

    first = asyncio.create_task(bounds.within("one", _stay, execute))
    await asyncio.sleep(0.01)
    refused = await asyncio.wait_for(bounds.within("one", _stay, execute), 2)
    assert [error.extensions and error.extensions["code"] for error in refused.errors or ()] == ["UNAVAILABLE"]
    go_on.set()
    assert (await first).data == {}


@pytest.mark.parametrize(("pool", "at_once"), [(1, 1), (3, 2), (500, 5)])
def test_one_merchant_never_holds_the_whole_pool(pool: int, at_once: int) -> None:
    assert _at_once(quick_settings(database_pool=pool)) == at_once


def test_all_addresses_of_a_line_are_one_and_those_of_the_next_line_are_others() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8:0:0:ffff::2")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")


async def test_a_part_takes_half_of_the_turns_and_leaves_the_others() -> None:
    turns, go_on, inside = Turns(at_once=4, waiting_max=9), asyncio.Event(), 0

    async def work(key: object) -> None:
        nonlocal inside
        async with turns.turn(key):
            inside += 1
            await go_on.wait()

    working = [asyncio.create_task(work(Part("one"))) for _ in range(6)]
    await asyncio.sleep(0.01)
    assert inside == 2
    working += [asyncio.create_task(work("one")) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert inside == 4  # together no more than the whole may
    go_on.set()
    await asyncio.gather(*working)
    assert not turns._queues
