"""What stands against closing a month: it may be closed all the same, with a word why."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from domain.languages import LOCALES
from domain.models import Merchant
from domain.periods.months import Month
from domain.platform.database import rows


class Obstacle(StrEnum):
    """Why the month's figures may not be its last."""

    NIGHTS_NOT_DONE = "NIGHTS_NOT_DONE"  # of these dates no run has ended well, after their end
    NIGHTS_UNPROVEN = "NIGHTS_UNPROVEN"  # these have reports that nothing proves to be whole
    OPEN_FINDINGS = "OPEN_FINDINGS"
    RUNNING_REFUNDS = "RUNNING_REFUNDS"
    UNEXPLAINED_MONEY = "UNEXPLAINED_MONEY"  # payments of which money is in SUSPENSE

    def in_words(self, locale: str) -> str:
        """What it is, in English where the locale is not one of ours."""
        return _words()[self][locale if locale in LOCALES else "en"]


@cache
def _words() -> Mapping[Obstacle, Mapping[str, str]]:
    told = tomllib.loads((Path(__file__).parent / "obstacles.toml").read_text(encoding="utf-8"))
    return {Obstacle(name): words for name, words in told.items()}


@dataclass(frozen=True, slots=True)
class Against:
    """How many of them, and the first few: dates, or what people call the things by."""

    obstacle: Obstacle
    count: int
    examples: tuple[str, ...]

    def kept(self) -> dict[str, Any]:
        """As the closing keeps it."""
        return asdict(self)


_EXAMPLES_MAX: Final = 5
# What is suspended takes payments and refunds all the same, and its nights come later.
_DAYS: Final = """FROM connections c CROSS JOIN generate_series($2::date, $3::date, interval '1 day') AS d(day)
LEFT JOIN reconciliation_runs r ON r.connection_id = c.id AND r.business_date = d.day::date
WHERE c.merchant_id = $1 AND c.state IN ('ACTIVE', 'SUSPENDED')
  AND d.day::date >= (c.created_at AT TIME ZONE $4)::date"""
_QUERIES: Final = {
    Obstacle.NIGHTS_NOT_DONE: f"SELECT c.name || ' ' || d.day::date AS one {_DAYS} "
    "AND (r.state IN ('COMPLETED', 'NO_REPORT') AND (r.finished_at AT TIME ZONE $4)::date > d.day::date) IS NOT TRUE "
    "ORDER BY d.day, c.name",
    Obstacle.NIGHTS_UNPROVEN: f"SELECT c.name || ' ' || d.day::date AS one {_DAYS} AND r.state = 'COMPLETED' "
    """AND jsonb_path_exists(r.manifest::jsonb, '$.files[*] ? (@.proof == "UNPROVEN" || @.proof == "CONTRADICTED")') """
    "ORDER BY d.day, c.name",
    Obstacle.OPEN_FINDINGS: "SELECT f.kind AS one, count(*) AS many "
    "FROM findings f LEFT JOIN reconciliation_runs r ON r.id = f.run_id "
    "WHERE f.merchant_id = $1 AND f.resolved_at IS NULL "
    "AND coalesce(r.business_date, (f.created_at AT TIME ZONE $4)::date) <= $3 "
    "GROUP BY f.kind ORDER BY min(f.created_at), f.kind",  # of five of a kind: one, and not five times the same
    Obstacle.RUNNING_REFUNDS: "SELECT reference AS one FROM refunds WHERE merchant_id = $1 AND state <> 'SUCCEEDED' "
    "AND state IN ('REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL') AND (created_at AT TIME ZONE $4)::date <= $3 "
    "ORDER BY created_at, id",
    Obstacle.UNEXPLAINED_MONEY: "SELECT coalesce(p.pse_reference, 'no payment') AS one FROM ledger_entries e "
    "LEFT JOIN payments p ON p.id = e.payment_id WHERE e.merchant_id = $1 AND 'SUSPENSE' IN (e.debit, e.credit) "
    "AND e.accounting_date <= $3 GROUP BY e.payment_id, p.pse_reference, e.connection_id, e.currency "
    "HAVING sum(CASE e.debit WHEN 'SUSPENSE' THEN e.amount ELSE -e.amount END) <> 0 ORDER BY 1",
}
_MANY: Final = frozenset({Obstacle.OPEN_FINDINGS})  # whose query says itself how many there are of each
# Every query is given all of them, whichever it needs.
_COUNTED: Final = (
    "WITH given AS (SELECT $1::uuid, $2::date, $3::date, $4::text), found AS MATERIALIZED ({query}) "  # noqa: S608
    "SELECT (SELECT {count} FROM found) AS count, "
    "ARRAY(SELECT one FROM (SELECT one, row_number() OVER () AS at FROM found) f GROUP BY one ORDER BY min(at) "
    f"LIMIT {_EXAMPLES_MAX}) AS examples"
)


async def against(merchant_id: UUID, month: Month) -> Sequence[Against]:
    """What stands against closing this month just now."""
    zone = (await Merchant.get(id=merchant_id)).zone
    found = []
    for obstacle, query in _QUERIES.items():
        count = "coalesce(sum(many), 0)::int8" if obstacle in _MANY else "count(*)"
        counted = _COUNTED.format(query=query, count=count)
        (row,) = await rows(counted, merchant_id, month.first_day, month.last_day, zone)
        if row["count"]:
            found.append(Against(obstacle, row["count"], tuple(row["examples"])))
    return found
