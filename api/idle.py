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
        self._waiting: dict[str, dict[Waiter, None]] = {}  # by address, the longest first
        self._young: dict[str, dict[Waiter, None]] = {}

    def drop_one(self, address: str) -> bool:
        """End one to make room for one of `address`; False: there is none that should go for it.

        It is the one that waits longest of the address that has the most: who keeps one is not the first to lose it.
        Young ones go only where one address has more of them than the one that comes: it opens faster than they age.
        """
        if self._waiting:
            _first(_most(self._waiting)).drop()
            return True
        most = _most(self._young) if self._young else {}
        if len(most) > 1 + len(self._young.get(address, ())):
            _first(most).drop()
            return True
        return False

    def is_young(self, waiter: "Waiter") -> None:
        """A connection that has asked nothing yet."""
        self._young.setdefault(waiter.address, {})[waiter] = None

    def add(self, waiter: "Waiter") -> None:
        """It waits from now on; where its address has too many, the one that has waited longest goes."""
        self.discard(waiter)
        neighbours = self._waiting.setdefault(waiter.address, {})
        neighbours[waiter] = None
        if self._per_address and waiter.address and len(neighbours) > self._per_address:
            _first(neighbours).drop()

    def discard(self, waiter: "Waiter") -> None:
        """It works, or has gone; one that did not wait is no error."""
        for those in (self._waiting, self._young):
            neighbours = those.get(waiter.address, {})
            neighbours.pop(waiter, None)
            if not neighbours:
                those.pop(waiter.address, None)  # An address that has left takes no memory.


def _most(by_address: dict[str, dict["Waiter", None]]) -> dict["Waiter", None]:
    return max(by_address.values(), key=lambda those: len(those))


def _first(those: dict["Waiter", None]) -> "Waiter":
    return next(iter(those))


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
        self._idle.is_young(self)
        self._young = asyncio.get_running_loop().call_later(YOUNG_SECONDS, self._idle.add, self)

    def is_done(self) -> None:
        """Its client has been told to go: it makes room at once."""
        self.works()
        self._idle.add(self)

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
