"""How many findings are open, by how long ago they were found, and how many are due: each is counted up to an end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.platform.database import rows

COUNTED_MAX: Final = 10_000
# Days of the merchant's since they were found: from, to (both included; None: ever before).
AGES: Final[Sequence[tuple[int, int | None]]] = ((0, 1), (2, 7), (8, 30), (31, None))
_SOON: Final = timedelta(days=1)
_OF_STORES: Final = (
    "AND (EXISTS (SELECT 1 FROM payments p WHERE p.id = f.payment_id AND p.store_id = ANY($6)) "
    "OR EXISTS (SELECT 1 FROM refunds r WHERE r.id = f.refund_id AND r.store_id = ANY($6)))"
)
# $1 the merchant; $2 and $3 where each age begins and ends, the last is excluded; $4 what is due before; $5 how many
# are counted at most. Each count reads its part of the index of open findings, by when they were found or are due.
_FIGURES: Final = """
SELECT a.number, c.count FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS a (begins, ends, number)
CROSS JOIN LATERAL (SELECT count(*) FROM (SELECT 1 FROM findings f WHERE f.merchant_id = $1 AND f.resolved_at IS NULL
  AND f.created_at >= a.begins AND f.created_at < a.ends {stores} LIMIT $5) AS found) AS c
UNION ALL
SELECT 0, count(*) FROM (SELECT 1 FROM findings f WHERE f.merchant_id = $1 AND f.resolved_at IS NULL
  AND f.due_at < $4 {stores} LIMIT $5) AS found"""
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CountedFindings:
    """How many; `is_more`: there are more than the COUNTED_MAX that were counted."""

    count: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class FindingFigures:
    """Of open findings: those that are due within a day or overdue, and all of them by AGES."""

    due: CountedFindings
    ages: Sequence[CountedFindings]


async def figures(principal: Principal, zone: str) -> FindingFigures:
    """Of what one may see, by days of the merchant's zone. Raises Forbidden."""
    scope, now = principal.scope(Permission.READ_LEDGER), datetime.now(UTC)
    begins, ends = zip(*(_bounds(now, ZoneInfo(zone), *age) for age in AGES), strict=True)
    asked: list[Any] = [scope.merchant_id, begins, ends, now + _SOON, COUNTED_MAX + 1]
    found = await _counted(asked, None if scope.stores is None else list(scope.stores))
    due, *ages = (CountedFindings(min(count, COUNTED_MAX), count > COUNTED_MAX) for count in found)
    return FindingFigures(due, ages)


async def _counted(asked: Sequence[Any], stores: list[UUID] | None) -> list[int]:
    if stores is None:
        found = await rows(_FIGURES.format(stores=""), *asked)
    else:
        found = await rows(_FIGURES.format(stores=_OF_STORES), *asked, stores)
    return [row["count"] for row in sorted(found, key=lambda row: row["number"])]


def _bounds(now: datetime, zone: ZoneInfo, first: int, last: int | None) -> tuple[datetime, datetime]:
    """The moments at which an age begins and ends; the newest has no end but now's day."""
    today = now.astimezone(zone).date()
    return _EVER if last is None else _midnight(today, zone, last), _midnight(today, zone, first - 1)


def _midnight(today: date, zone: ZoneInfo, days_ago: int) -> datetime:
    return datetime.combine(today - timedelta(days=days_ago), time(), zone)
