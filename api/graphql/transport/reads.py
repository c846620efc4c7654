"""Reads that many want at the same moment, made once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeVar

E = TypeVar("E")


class SharedReads:
    """One read of a table for all who ask for the same `key` before it begins.

    Nobody joins a read that has begun: it may not see what they were woken for.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Task[Any]] = {}

    async def read(self, key: Hashable, read: Callable[[], Awaitable[Sequence[E]]]) -> Sequence[E]:
        """What `read` gives, or raises. `key` names everything that the answer depends on; nobody changes the rows."""
        reading = self._waiting.get(key)
        if reading is None:
            reading = self._waiting[key] = asyncio.create_task(self._begin(key, read))
            reading.add_done_callback(_looked_at)
        rows: Sequence[E] = await asyncio.shield(reading)  # who leaves takes nothing from the others
        return rows

    async def _begin(self, key: Hashable, read: Callable[[], Awaitable[Sequence[E]]]) -> Sequence[E]:
        del self._waiting[key]
        return await read()


def _looked_at(reading: asyncio.Task[Any]) -> None:
    if not reading.cancelled():
        reading.exception()  # Those who asked may all have left: it is no news then.
