"""What the refunds of a filter come to: of the newest ones, so that the answer takes as long among millions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tortoise.queryset import QuerySet

from domain.models import Refund
from domain.platform.counted import counted
from domain.platform.database import rows

COUNTED_MAX: Final = 10_000
# {} is the filter's own statement, with its parameters.
_SUMMED: Final = "SELECT currency, count(*) AS count, sum(amount)::int8 AS amount FROM ({}) found GROUP BY 1 ORDER BY 1"


@dataclass(frozen=True, slots=True)
class RefundTotal:
    """Of one currency; `amount` in minor units."""

    currency: str
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class Summed:
    """`is_more`: there are older ones than the newest COUNTED_MAX, which are what is counted."""

    count: int
    is_more: bool
    totals: Sequence[RefundTotal]


async def newest(query: QuerySet[Refund], *, added_up: bool = True) -> Summed:
    """The newest of them, counted and added up in the database; or counted alone, which reads none of their rows."""
    if not added_up:
        count = await counted(query, COUNTED_MAX)
        return Summed(min(count, COUNTED_MAX), count > COUNTED_MAX, ())
    chosen = query.order_by("-created_at", "-id").limit(COUNTED_MAX + 1).values("currency", "amount")
    chosen._make_query()
    text, parameters = chosen.query.get_parameterized_sql()
    found = await rows(_SUMMED.format(text), *parameters)
    totals = [RefundTotal(one["currency"], one["count"], one["amount"]) for one in found]
    count = sum(one.count for one in totals)
    return Summed(min(count, COUNTED_MAX), count > COUNTED_MAX, totals)
