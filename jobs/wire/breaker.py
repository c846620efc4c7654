"""The circuit breaker of one connection: a PSE that fails again and again, or that says "later", is left alone.

Closed, everything passes. After failures in a row it opens and nothing is sent. After the rest it is half open: one
probe passes, and what becomes of it closes or opens it again. Seconds are of `time.monotonic()`.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
import structlog

from domain.platform import metrics

FAILURES_MAX: Final = 5
REST_SECONDS: Final = 5.0  # the first rest; each probe that fails doubles it
REST_SECONDS_MAX: Final = 60.0
PROBE_SECONDS: Final = 1.0  # how long the others wait before they look whether the probe has come back
RETRY_AFTER_SECONDS_MAX: Final = 6 * 3600.0
_log = structlog.get_logger()


@dataclass(slots=True)
class Breaker:
    """`admit` before each send, `worked` or `failed` after it."""

    failures: int = 0
    rests_until: float = 0.0
    probes_failed: int = 0
    half_open: bool = False
    probe: "asyncio.Task[Any] | None" = None
    failing_since: datetime | None = None  # UTC; of the first failure in a row
    told_until: float = 0.0  # up to when it rests, as was told last (resting)

    @property
    def works(self) -> bool:
        """Whether the last that was sent was answered."""
        return self.failing_since is None and not self.half_open

    def rest(self) -> float:
        """Seconds for which nothing may be sent."""
        return max(0.0, self.rests_until - time.monotonic())

    def admit(self) -> float:
        """0: the current task may send, and if the breaker is half open it is the probe. Else: seconds to wait.

        The probe is a task, so that one which ends without a word (killed, or with nothing to send) blocks nobody.
        """
        if (rest := self.rest()) > 0 or not self.half_open:
            return rest
        if self.probe is None or self.probe.done() or self._is_probe():
            self.probe = asyncio.current_task()
            return 0.0
        return PROBE_SECONDS

    def worked(self, wait: float = 0.0) -> None:
        """The PSE answered, if only with a refusal. `wait`: for so long it wants to be left alone (a 429)."""
        if self._is_probe():
            _log.info("breaker.closed")
            self.half_open, self.probe, self.probes_failed = False, None, 0
        self.failures, self.failing_since = 0, None
        self._rest(wait)

    def failed(self, wait: float = 0.0) -> None:
        """No answer, or one that says that the PSE is in trouble, and maybe for how long."""
        self.failures += 1
        self.failing_since = self.failing_since or datetime.now(UTC)
        self._rest(wait)
        if self._is_probe() or (not self.half_open and self.failures >= FAILURES_MAX):
            self.probes_failed += self.half_open
            self.half_open, self.probe = True, None
            self._rest(min(REST_SECONDS * 2**self.probes_failed, REST_SECONDS_MAX))
            metrics.BREAKER_OPENED.inc()
            _log.warning("breaker.opened", seconds=round(self.rest(), 1))

    def _is_probe(self) -> bool:
        # What was sent before the breaker opened may end while it is half open: that decides nothing.
        return self.half_open and self.probe is not None and self.probe is asyncio.current_task()

    def _rest(self, seconds: float) -> None:
        self.rests_until = max(self.rests_until, time.monotonic() + min(seconds, RETRY_AFTER_SECONDS_MAX))


def retry_after(response: httpx.Response) -> float:
    """The seconds that a 429 or 503 asks us to wait (RFC 9110, 10.2.3: seconds or a date); 0: it does not."""
    given = response.headers.get("retry-after", "").strip()
    if response.status_code not in (429, 503):
        return 0.0
    if given.isascii() and given.isdigit():
        return float(given[:9])
    at = _date(given)
    # The PSE's date is compared with the PSE's clock where it tells it, because ours may be off.
    now = _date(response.headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (at - now).total_seconds()) if at is not None else 0.0


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
