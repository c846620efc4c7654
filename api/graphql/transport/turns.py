"""Turns: so many operations of one merchant at once, and the others wait here instead of holding database connections.

A storm of requests on one payment waits for one row lock. Were each to hold a connection meanwhile, nobody else would
get one.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


class TooManyWaiting(Exception):
    """So many of one merchant wait already that this one would not have its turn in time."""


@dataclass(frozen=True, slots=True)
class Part:
    """Those of a key who may have half of its turns at once, and none of the others' when there are too many."""

    whole: Hashable

    def __str__(self) -> str:
        return f"a part of {self.whole}"


@dataclass(slots=True)
class _Queue:
    gate: asyncio.Semaphore
    inside: int = 0  # those that have their turn and those that wait for it


@dataclass(slots=True)
class Turns:
    """`at_once` operations for each key, first come, first served; `waiting_max` more may wait."""

    at_once: int
    waiting_max: int
    _queues: dict[Hashable, _Queue] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises TooManyWaiting."""
        if not isinstance(key, Part):
            async with self._turn(key, self.at_once):
                yield
            return
        async with self._turn(key, max(1, self.at_once // 2)), self._turn(key.whole, self.at_once):
            yield

    @asynccontextmanager
    async def _turn(self, key: Hashable, at_once: int) -> AsyncIterator[None]:
        queue = self._queues.setdefault(key, _Queue(asyncio.Semaphore(at_once)))
        if queue.inside >= at_once + self.waiting_max:
            raise TooManyWaiting
        queue.inside += 1
        try:
            async with queue.gate:
                yield
        finally:
            queue.inside -= 1
            if not queue.inside:
                del self._queues[key]


@dataclass(slots=True)
class Rotation:
    """One at a time of all, for work that holds the event loop; those of each key wait behind each other only.

    After each one the loop is free: for as long as the work has held it where somebody waits for the next turn.
    """

    _waiting: dict[Hashable, deque[asyncio.Future[None]]] = field(default_factory=dict)
    _busy: bool = False

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        """Wait until the keys before have had a turn each, and hold the one there is."""
        if self._busy:
            await self._called(key)
        self._busy = True
        begun = time.monotonic()
        try:
            yield
            held = time.monotonic() - begun
            await asyncio.sleep(held if self._waiting else 0)
        finally:
            self._pass_on()

    async def _called(self, key: Hashable) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():
                self._pass_on()  # The turn had come, and nobody is here to take it.
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            key = next(iter(self._waiting))
            queue = self._waiting.pop(key)
            while queue and queue[0].done():
                queue.popleft()  # It has gone while it waited.
            if queue:
                queue.popleft().set_result(None)
                self._waiting.update({key: queue} if queue else {})  # behind the other keys
                return
        self._busy = False
