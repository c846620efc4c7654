"""What refunds have cost: what the lines of valid reports say of them, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from uuid import UUID

from domain.money import EXPONENTS, Money
from domain.platform.database import rows
from domain.settlements.fees import THEIRS

# The lines that prove each refund, beside that of its payment's capture.
_LINES: Final = f"""
SELECT l.refund_id, l.line, r.name, l.business_date, l.amount, l.currency, l.settled_currency,
  {THEIRS} AS fee, abs(l.settled_gross) AS gross,
  abs(c.settled_gross) / nullif(c.amount, 0) * l.amount AS came
FROM settlement_lines l JOIN reports r ON r.id = l.report_id
LEFT JOIN LATERAL (SELECT c.settled_gross, c.amount FROM settlement_lines c WHERE c.payment_id = l.payment_id
    AND c.effect = 'CAPTURE' AND c.voided_at IS NULL AND c.settled_currency = l.settled_currency
    AND c.currency = l.currency ORDER BY c.id LIMIT 1) AS c ON true
WHERE l.refund_id = ANY($1) AND l.effect = 'REFUND' AND l.voided_at IS NULL ORDER BY l.id"""  # noqa: S608 - ours, and bound


@dataclass(frozen=True, slots=True)
class Actual:
    """What a refund has cost by the report that proves it, or its first part: all parts together. None: they do not say
    it. Gains are below zero.
    """

    report: str
    line: int
    currency: str | None
    fee: int | None  # minor units; what came back of the payment's fee is taken off
    fx: int | None

    def money(self, units: int | None) -> Money | None:
        """The amount without its sign."""
        return None if units is None or self.currency is None else Money(abs(units), self.currency)


async def of_refunds(refund_ids: Sequence[UUID]) -> dict[UUID, Actual]:
    """Of each refund that a valid report proves."""
    made: dict[UUID, Actual] = {}
    for row in await rows(_LINES, list(refund_ids)):
        one, first = _actual(row), made.get(row["refund_id"])
        made[row["refund_id"]] = one if first is None else _together(first, one)
    return made


def _together(first: Actual, part: Actual) -> Actual:
    if first.currency is None or first.currency != part.currency:
        return replace(first, currency=None, fee=None, fx=None)
    return replace(first, fee=_sum(first.fee, part.fee), fx=_sum(first.fx, part.fx))


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _actual(row: Mapping[str, Any]) -> Actual:
    currency = row["settled_currency"]
    if currency not in EXPONENTS:
        return Actual(row["name"], row["line"], None, None, None)
    fx = 0 if currency == row["currency"] else None
    if fx is None and row["gross"] is not None and row["came"] is not None:
        fx = _minor(row["gross"] - row["came"], currency)
    fee = None if row["fee"] is None else _minor(row["fee"], currency)
    return Actual(row["name"], row["line"], currency, fee, fx)


def _minor(major: Decimal, currency: str) -> int:
    return int(major.scaleb(EXPONENTS[currency]).quantize(Decimal(1), ROUND_HALF_UP))
