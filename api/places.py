"""How many may be there at once: requests, sockets and streams, subscriptions. Counted in this process."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

EVERYBODY: Final = ""  # the holder of the process's own limit


class Held:
    """Places that are taken until `leave`, which may be called again."""

    def __init__(self, taken: Counter[tuple[str, str]], keys: list[tuple[str, str]]) -> None:
        self._taken = taken
        self._keys = keys

    def leave(self) -> None:
        for key in self._keys:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]  # An address that has left takes no memory.
        self._keys = []


class Places:
    """`limits`: how many places each holder of a kind may take, such as `{"token": 20, "process": 300}`."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._taken: Counter[tuple[str, str]] = Counter()

    def take(self, holders: Mapping[str, str]) -> Held | None:
        """One place of each holder, or None and none of them."""
        keys = [(kind, holder) for kind, holder in holders.items() if kind in self._limits]
        if any(self._taken[key] >= self._limits[key[0]] for key in keys):
            return None
        self._taken.update(keys)
        return Held(self._taken, keys)
