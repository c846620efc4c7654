"""When a delivery is tried again, when an endpoint's owner is warned, and when it is paused. In seconds."""

import random
from collections.abc import Sequence
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# Before each try but the first, counted from the one before it: ten tries in 75 hours, 35 minutes and 5 seconds, as the
# specification of Standard Webhooks has it.
DELAYS: Final[Sequence[float]] = (
    5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
TRIES_MAX: Final = len(DELAYS) + 1
# What people read is told one message at a time, and what is critical waits for the one before: soon again, as long.
OF_PEOPLE: Final[Sequence[float]] = (5, MINUTE, 5 * MINUTE, *[15 * MINUTE] * 302)
WARNED_AFTER: Final[Sequence[float]] = (HOUR, DAY, 3 * DAY)
PAUSED_AFTER: Final = 5 * DAY
AT_ONCE: Final = 2  # tries under way on one endpoint
PROBES_AFTER: Final = 5  # failures in a row: from then on one try at a time
LEASE_SECONDS: Final = 60.0  # longer than a try may take
_WISH_MAX: Final = DAY  # whoever wants to be left alone for longer is asked again all the same


def probe_rest(failures: int) -> float:
    """Seconds for which an endpoint that has failed so often in a row is left alone."""
    return min(5 * 2.0 ** min(failures - PROBES_AFTER, 10), 5 * MINUTE)


def delay(tries: int, wish: float, delays: Sequence[float] = DELAYS) -> float | None:
    """Seconds until the next try behind so many; None: it was the last. `wish`: at least so many, as was asked."""
    if tries > len(delays):
        return None
    jittered = delays[max(0, tries - 1)] * random.uniform(0.9, 1.1)  # noqa: S311 - spreading load is no secret
    return max(jittered, min(wish, _WISH_MAX))
