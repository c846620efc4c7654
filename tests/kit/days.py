"""Days and moments of tests: asked for where they are used, and never in the last seconds of a day.

A run may go on over midnight: in Greenwich, or in Sao Paulo, where the merchants of the tests are.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

ZONES: Final[tuple[tzinfo, ...]] = (UTC, ZoneInfo("America/Sao_Paulo"))
_LAST = timedelta(seconds=20)
_A_DAY: Final = timedelta(days=1)


def utc_today(days: int = 0) -> date:
    """The date in Greenwich so many days from today; the merchant's own is `tests.kit.lines.today`."""
    return datetime.now(UTC).date() + timedelta(days=days)


def earlier(days: float, now: datetime | None = None) -> datetime:
    """So many days ago. Less than half a day ago is of today, whichever zone is asked."""
    now = now or datetime.now(UTC)
    moment = now - timedelta(days=days)
    return moment if days >= 0.5 else max(moment, *(_midnight_before(now, zone) for zone in ZONES))


def _midnight_before(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def seconds_to_a_new_day(now: datetime) -> float:
    """How long a test waits before it begins, so that the day does not change under it; 0 nearly always."""
    ends = (_midnight_before(now, zone) + _A_DAY - now for zone in ZONES)
    near = [left for left in ends if left <= _LAST]
    return max(near).total_seconds() if near else 0.0
