"""Turns: so many operations of one merchant at once, and the others wait here instead of holding database connections.

A storm of requests on one payment waits for one row lock. Were each to hold a connection meanwhile, nobody else would
get one.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


class TooManyWaiting(Exception):
    """So many of one merchant wait already that this one would not have its turn in time."""


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
        queue = self._queues.setdefault(key, _Queue(asyncio.Semaphore(self.at_once)))
        if queue.inside >= self.at_once + self.waiting_max:
            raise TooManyWaiting
        queue.inside += 1
        try:
            async with queue.gate:
                yield
        finally:
            queue.inside -= 1
            if not queue.inside:
                del self._queues[key]
