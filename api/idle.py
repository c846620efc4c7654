"""Connections on which no request is under way: who of them goes when there are too many.

Such a connection costs its client nothing. So it is the one that waits longest which makes room, and a client that
sends its request at once is served however many others say nothing.
"""

import asyncio
from typing import Final

# Younger ones are let alone, as their request may have come and only not been read yet.
YOUNG_SECONDS: Final = 0.2


class Idle:
    """The connections of a process that wait for a request; `per_address` of one address at most, 0: any number."""

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._waiting: dict[Waiter, None] = {}  # the longest first
        self._of_address: dict[str, dict[Waiter, None]] = {}

    def drop_one(self) -> bool:
        """End the connection that waits longest; False: none does."""
        longest = next(iter(self._waiting), None)
        if longest is not None:
            longest.drop()
        return longest is not None

    def add(self, waiter: "Waiter") -> None:
        self._waiting[waiter] = None
        if self._per_address and waiter.address:
            neighbours = self._of_address.setdefault(waiter.address, {})
            neighbours[waiter] = None
            if len(neighbours) > self._per_address:
                next(iter(neighbours)).drop()

    def discard(self, waiter: "Waiter") -> None:
        self._waiting.pop(waiter, None)
        neighbours = self._of_address.get(waiter.address, {})
        neighbours.pop(waiter, None)
        if not neighbours:
            self._of_address.pop(waiter.address, None)  # An address that has left takes no memory.


class Waiter:
    """One connection's place among the idle ones, from shortly after `waits` until `works`."""

    def __init__(self, idle: Idle, transport: asyncio.Transport, address: str) -> None:
        self.address = address
        self._idle = idle
        self._transport = transport
        self._young: asyncio.TimerHandle | None = None

    def waits(self) -> None:
        """It waits for a request from now on."""
        self.works()
        self._young = asyncio.get_running_loop().call_later(YOUNG_SECONDS, self._idle.add, self)

    def works(self) -> None:
        """A request is under way, or the connection has ended."""
        if self._young is not None:
            self._young.cancel()
            self._young = None
        self._idle.discard(self)

    def drop(self) -> None:
        """End the connection."""
        self.works()
        self._transport.abort()
