"""How many may be there at once: requests, sockets and streams, subscriptions. Counted in this process."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

EVERYBODY: Final = ""  # the holder of the process's own limit
SHARE: Final = "share"  # a kind of holder
_SECONDS_ENOUGH: Final = 1.0  # to send a few kilobytes, or a token, from wherever


class HeldPlace:
    """Places that are taken until `leave`, which may be called again."""

    def __init__(self, taken: Counter[tuple[str, str]], keys: list[tuple[str, str]]) -> None:
        self._taken = taken
        self._keys = keys

    def leave(self) -> None:
        """Give the place back; a second time gives nothing."""
        for key in self._keys:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]  # An address that has left takes no memory.
        self._keys = []


class Places:
    """`limits`: how many places each holder of a kind may take, such as `{"token": 20, "process": 300}`.

    A SHARE has no number: it gets as many of the process's as are free, and no more.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._taken: Counter[tuple[str, str]] = Counter()

    def full(self, kind: str, holder: str) -> bool:
        """Whether the holder has all its places."""
        if kind == SHARE and "process" in self._limits:
            most = self._limits["process"] - self._taken["process", EVERYBODY]
        elif kind in self._limits:
            most = self._limits[kind]
        else:
            return False
        return self._taken[kind, holder] >= most

    def take(self, holders: Mapping[str, str]) -> HeldPlace | None:
        """One place of each holder, or None and none of them."""
        if any(self.full(*holder) for holder in holders.items()):
            return None
        keys = list(holders.items())
        self._taken.update(keys)
        return HeldPlace(self._taken, keys)


class Shares:
    """`places` for all holders together; one who holds as many as are free, or more, gets no more.

    Alone one takes half of them, two take a third each. However k holders come and go, of n places n / 2^k - 1 stay
    free: each of them stopped at what the others had left. So one who holds nothing is let in.
    """

    def __init__(self, places: int) -> None:
        self._places = Places({"process": places})

    def take(self, holder: str) -> HeldPlace | None:
        """A place for the holder, or None."""
        return self._places.take({"process": EVERYBODY, SHARE: holder})


class Newcomer:
    """One who has not said yet who it is or what it wants; `drop` ends it."""

    def __init__(self, among: "Newcomers", address: str, drop: Callable[[], None]) -> None:
        self._among = among
        self.address = address
        self.drop = drop
        self.since = time.monotonic()

    def leave(self) -> None:
        """It is known by now, or has gone."""
        self._among.discard(self)


class Newcomers:
    """`places` for them. One more makes another go: of those that had a second, as long as there are any, the oldest
    of the address that has the most.

    So whoever says at once what it has to say is let in, however many others, of however many addresses, say nothing.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._count = 0
        self._of_address: dict[str, dict[Newcomer, None]] = {}  # the oldest first

    def enter(self, address: str, drop: Callable[[], None]) -> Newcomer:
        """A place of the address. Another may be dropped for it."""
        newcomer = Newcomer(self, address, drop)
        self._of_address.setdefault(address, {})[newcomer] = None
        self._count += 1
        if self._count > self._places:
            slowest = self._slowest()
            slowest.leave()
            slowest.drop()
        return newcomer

    def _slowest(self) -> Newcomer:
        begun = time.monotonic() - _SECONDS_ENOUGH
        had_time = ([one for one in those if one.since <= begun] for those in self._of_address.values())
        crowds = [those for those in had_time if those] or [list(those) for those in self._of_address.values()]
        return max(crowds, key=lambda those: (len(those), -those[0].since))[0]

    def discard(self, newcomer: Newcomer) -> None:
        """It has said who it is, or has gone; one that is not there is no error."""
        neighbours = self._of_address.get(newcomer.address, {})
        if newcomer in neighbours:
            del neighbours[newcomer]
            self._count -= 1
        if not neighbours:
            self._of_address.pop(newcomer.address, None)  # An address that has left takes no memory.
