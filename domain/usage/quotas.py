"""Hard quotas: what is not begun any more in this month. Each process remembers who has reached one; nobody waits.

Who is above is asked in the background, so what is refused is refused a little late. What was begun goes on: refunds
that are there, what PSEs tell, reconciliation, reading, and every way to stop something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.platform.database import for_all, remembered, rows
from domain.problems import QuotaExceeded
from domain.usage.plans import Metered

# What each counter's hard quota refuses: what begins something new, by the names of the API's mutations.
BEGINS: Final[Mapping[Metered, frozenset[str]]] = {
    Metered.REFUNDS: frozenset({"refundCreate", "refundRetry", "batchConfirm"}),
    Metered.API_CALLS: frozenset({"refundCreate", "refundRetry", "batchCreate", "batchConfirm", "exportCreate"}),
}
_ABOVE: Final = """SELECT p.merchant_id, q.key AS counter, used.count AS used, (q.value ->> 'limit')::bigint AS quota,
  (u.month + interval '1 month') AT TIME ZONE m.zone AS renews_at
FROM usage_plans p JOIN merchants m ON m.id = p.merchant_id
JOIN usage_months u ON u.merchant_id = p.merchant_id AND u.month = date_trunc('month', now() AT TIME ZONE m.zone)::date
CROSS JOIN LATERAL jsonb_each(p.quotas) q
CROSS JOIN LATERAL (SELECT CASE q.key WHEN 'REFUNDS' THEN u.refunds WHEN 'API_CALLS' THEN u.api_calls END AS count) used
WHERE p.ended_at IS NULL AND (q.value ->> 'hard')::boolean AND used.count >= (q.value ->> 'limit')::bigint"""
_BEGINS_ANY: Final = frozenset[str]().union(*BEGINS.values())
_asked: Final[set[str]] = set()  # what was begun since it was last asked who is above
_above: Final[dict[UUID, "tuple[Above, ...]"]] = remembered()


@dataclass(frozen=True, slots=True)
class Above:
    """A hard quota that was reached; `renews_at` (UTC): when the merchant's next month begins."""

    counter: Metered
    used: int
    limit: int
    renews_at: datetime


@for_all("who has reached a hard quota")
async def refresh() -> None:
    """Ask who is above."""
    found: dict[UUID, tuple[Above, ...]] = {}
    for row in await rows(_ABOVE):
        one = Above(Metered(row["counter"]), row["used"], row["quota"], row["renews_at"])
        found[row["merchant_id"]] = (*found.get(row["merchant_id"], ()), one)
    _above.clear()
    _above.update(found)


async def reached(merchant_id: UUID, counter: Metered) -> Above | None:
    """The hard quota that a merchant has reached, asked of the database: for what begins in no process of the API."""
    for row in await rows(f"{_ABOVE} AND p.merchant_id = $1 AND q.key = $2", merchant_id, counter.value):
        return Above(counter, row["used"], row["quota"], row["renews_at"])
    return None


async def refresh_where_asked() -> None:
    """As `refresh`, unless nobody has begun anything since: a process that idles asks nothing."""
    if _asked:
        _asked.clear()
        await refresh()


def check(merchant_id: UUID, operation: str, now: datetime) -> None:
    """Raises QuotaExceeded for what is not begun any more. Nothing is asked."""
    if operation in _BEGINS_ANY:
        _asked.add(operation)
    for one in _above.get(merchant_id, ()):
        if operation in BEGINS.get(one.counter, ()) and now < one.renews_at:
            raise exceeded(one)


def exceeded(one: Above) -> QuotaExceeded:
    """What is said to whoever would begin something."""
    return QuotaExceeded(
        f"The plan's {one.counter} of this month are used up ({one.used} of {one.limit}): nothing new is begun "
        f"until {one.renews_at.isoformat()}, and all that was begun goes on. Ask whoever runs this "
        "installation for a larger plan (usagePlanSet).",
        counter=one.counter.value,
        used=one.used,
        limit=one.limit,
        renews_at=one.renews_at,
    )
