"""Long work stands in line apart: one at a time, merchants in turn, and nobody's who has left."""

import asyncio
import threading
from uuid import uuid4

from domain.platform.apart import apart
from tests.kit.family import until


class Long:
    """Work that takes until it is let go; what was begun is written down."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = threading.Event()

    def work(self, name: str) -> str:
        self.begun.append(name)
        self.go.wait(60)
        return name


async def _standing(long: Long) -> None:
    """Until one is begun, and each of the others has come as far as it can."""
    await until(lambda: long.begun, "the thread has begun")
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_has_left_the_line_is_not_begun_and_who_was_begun_goes_on_to_the_end() -> None:
    long, mine, other = Long(), uuid4(), uuid4()
    first = asyncio.create_task(apart(mine, long.work, "first"))
    left = asyncio.create_task(apart(other, long.work, "left"))
    await _standing(long)
    first.cancel()  # its deadline is over: the thread goes on
    left.cancel()
    last = asyncio.create_task(apart(other, long.work, "last"))
    await _standing(long)
    assert long.begun == ["first"]
    long.go.set()
    assert await last == "last"
    assert long.begun == ["first", "last"]


async def test_a_merchant_with_much_to_do_lets_the_others_have_their_turn() -> None:
    long, mine, other = Long(), uuid4(), uuid4()
    many = [asyncio.create_task(apart(mine, long.work, f"mine {number}")) for number in range(3)]
    await _standing(long)
    one = asyncio.create_task(apart(other, long.work, "another's"))
    await _standing(long)
    long.go.set()
    await asyncio.gather(*many, one)
    assert long.begun == ["mine 0", "another's", "mine 1", "mine 2"]
