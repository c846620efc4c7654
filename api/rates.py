"""How often one may ask: so many times at once, filled up again evenly over a minute.

All processes count together in Valkey, and each one what it lets through itself. While Valkey is away, or a storm keeps
the process from hearing it in time, that alone holds: limits become laxer by the number of processes, and nobody waits.
Who asks often is counted a handful at a time: a process takes what a tenth of a second fills up, and uses it for so
long before it asks again. What it took and nobody used is lost, so a limit is never laxer by it.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from domain.platform import tls

WINDOW_SECONDS: Final = 60.0
_ANSWER_SECONDS_MAX: Final = 0.2
_AWAY_SECONDS: Final = 5.0  # before Valkey is asked again
_KEPT_MAX: Final = 10_000
_HANDFUL_SECONDS: Final = 0.1
# The generic cell rate algorithm: one number, the moment at which all that was taken is filled up again. Answers how
# many of those asked for were taken, or else, below zero, the seconds until there is one; and the seconds to it.
_TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local interval, wanted = tonumber(ARGV[1]), tonumber(ARGV[3])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local room = ARGV[2] - (full - now) + 0.000001
if room < interval then return tostring(room - interval) .. ' ' .. tostring(full - now) end
local taken = math.min(wanted, math.floor(room / interval))
full = full + taken * interval
redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000))
return tostring(taken) .. ' ' .. tostring(full - now)
"""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a limit, as this process knows it: what others took in the last tenth of a second may be missing.

    `limit`: in a minute. `reset_seconds`: until all of it is there again.
    """

    limit: int
    remaining: int
    reset_seconds: int

    def told(self) -> dict[str, int]:
        """As `extensions.rateLimit`: each request costs one."""
        return {"limit": self.limit, "remaining": self.remaining, "resetSeconds": self.reset_seconds, "cost": 1}


class Rates:
    """`limits`: how often a minute, by kind, such as `token` or `address`; 0: no limit.

    Valkey has `answer_seconds` to say what it counted; then the process counts alone for a while.
    """

    def __init__(
        self, redis_url: str, limits: Mapping[str, int], *, answer_seconds: float = _ANSWER_SECONDS_MAX
    ) -> None:
        self._limits = limits
        self._answer_seconds = answer_seconds
        self._redis = tls.redis(redis_url, socket_timeout=answer_seconds) if redis_url else None
        self._away_until = 0.0
        self._own: dict[str, float] = {}
        self._in_hand: dict[str, tuple[int, float]] = {}  # taken and not used yet, and until when it may be
        self._full_at: dict[str, float] = {}  # by what Valkey said last: when all that was taken is filled up again

    async def seconds_to_wait(self, kind: str, subject: str) -> float:
        """Zero: it was counted, go on. Else nothing was counted; after so many seconds it would be."""
        per_minute = self._limits.get(kind, 0)
        if per_minute <= 0:
            return 0.0
        key = _key(kind, subject)
        interval = WINDOW_SECONDS / per_minute
        own = self._alone(key, interval)
        if own:
            return own
        shared = 0.0 if self._had(key) else await self._shared(key, interval)
        if shared:
            self._give_back(key, interval)
        return shared

    def left(self, kind: str, subject: str) -> Left | None:
        """What is left of a limit, without asking anybody; None where there is no limit."""
        per_minute = self._limits.get(kind, 0)
        if per_minute <= 0:
            return None
        key, now = _key(kind, subject), time.monotonic()
        spoken_for = max(self._own.get(key, now), self._full_at.get(key, now)) - now
        in_hand, until = self._in_hand.get(key, (0, 0.0))
        remaining = int((WINDOW_SECONDS - spoken_for) * per_minute / WINDOW_SECONDS + 1e-6)
        remaining += in_hand if now < until else 0
        return Left(per_minute, min(max(remaining, 0), per_minute), math.ceil(spoken_for))

    def _had(self, key: str) -> bool:
        """Whether one was in hand, and is used now."""
        left, until = self._in_hand.get(key, (0, 0.0))
        if not left:
            return False
        if left == 1 or time.monotonic() >= until:
            del self._in_hand[key]
        else:
            self._in_hand[key] = (left - 1, until)
        return time.monotonic() < until

    async def _shared(self, key: str, interval: float) -> float:
        """As all processes count; zero while nobody can tell."""
        now = time.monotonic()
        if self._redis is None or now < self._away_until:
            return 0.0
        alone = self._away_until > 0
        if alone:
            self._away_until = now + _AWAY_SECONDS  # One asks whether it is back, for all.
        try:
            async with asyncio.timeout(self._answer_seconds):
                handful = max(1, int(_HANDFUL_SECONDS / interval))
                asked: Any = self._redis.eval(_TAKE, 1, key, str(interval), str(WINDOW_SECONDS), str(handful))
                taken, full = (float(one) for one in (await asked).split())
        except (RedisError, OSError, TimeoutError) as error:
            if alone or time.monotonic() >= self._away_until:  # the first of all who waited for it
                _log.warning("rates.alone", error=str(error), retry_seconds=_AWAY_SECONDS)
            self._away_until = time.monotonic() + _AWAY_SECONDS
            return 0.0
        self._away_until = 0.0
        if len(self._full_at) >= _KEPT_MAX:
            self._full_at.clear()
        self._full_at[key] = time.monotonic() + full
        if taken > 1:
            self._keep(key, int(taken) - 1)
        return max(0.0, -taken)

    def _keep(self, key: str, more: int) -> None:
        if len(self._in_hand) >= _KEPT_MAX:
            self._in_hand.clear()  # It was counted; who comes next asks.
        left, _ = self._in_hand.get(key, (0, 0.0))
        self._in_hand[key] = (left + more, time.monotonic() + _HANDFUL_SECONDS)

    def _alone(self, key: str, interval: float) -> float:
        now = time.monotonic()
        full = max(self._own.get(key, now), now) + interval
        wait = full - now - WINDOW_SECONDS
        if wait > 1e-6:
            return wait
        if len(self._own) >= _KEPT_MAX:
            self._own = {one: moment for one, moment in self._own.items() if moment > now}
            if len(self._own) >= _KEPT_MAX:
                self._own.clear()  # Memory is bounded first.
        self._own[key] = full
        return 0.0

    def _give_back(self, key: str, interval: float) -> None:
        full = self._own.pop(key, 0.0) - interval
        if full > time.monotonic():
            self._own[key] = full

    async def close(self) -> None:
        """Let go of the connection to Valkey, where there is one."""
        if self._redis is not None:
            await self._redis.aclose()


def _key(kind: str, subject: str) -> str:
    # A link's token opens a door: only its hash leaves the process.
    return f"estorno-rate:{kind}:{hashlib.sha256(subject.encode('utf-8', 'replace')).hexdigest()[:32]}"
