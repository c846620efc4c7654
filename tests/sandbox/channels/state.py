"""What a sandbox robot remembers: what was delivered, what was refused, and how much came within its window."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Robot:
    """One robot. `mood`: `ok`, or a way to fail that its protocol knows; `clock`: seconds, that a test may turn."""

    token: str = "token-1"
    secret: str = ""
    keyword: str = ""
    allowed: bool = True  # whether the caller's address is on its list
    mood: str = "ok"
    clock: Callable[[], float] = time.time
    delivered: list[dict[str, Any]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)  # the code of each answer, in order
    _came: deque[float] = field(default_factory=deque)
    muted_until: float = 0.0

    def over(self, count: int, seconds: float) -> bool:
        """Count this one; whether more than `count` came within the last `seconds`."""
        now = self.clock()
        self._came.append(now)
        recent = [at for at in self._came if at > now - seconds]
        while self._came and self._came[0] <= now - 3600:
            self._came.popleft()
        return len(recent) > count

    async def slow(self) -> None:
        """A mood: it takes its time."""
        if self.mood == "slow":
            await asyncio.sleep(30)
