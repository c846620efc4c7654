"""Payouts: what left a PSE for the merchant's bank, by lines of its reports or by what these tell beside their lines.

A payout is a row, and what each report says of it a part: a revised report takes its parts away and adds others. Until
a bank statement has it, it is in PAYOUTS_IN_TRANSIT.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import polars as pl

from domain.models import Connection, PayoutPart, Report
from domain.models.settlements import BookedAs
from domain.money import EXPONENTS
from domain.platform.database import rows
from domain.pse.reporting import PaidOut
from domain.settlements import booked
from domain.settlements.batches import Moved, minor_units, rounded

_REFERENCE_CHARACTERS: Final = 600  # with the connection it is a row of an index
# The payouts as they add up, each told first by the report that is stored now where nobody had told it.
_UPSERT: Final = """INSERT INTO payouts AS p (id, merchant_id, connection_id, reference, currency, amount,
    business_date, expected_at, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())
  ON CONFLICT (connection_id, reference, currency) DO UPDATE SET amount = p.amount + excluded.amount,
    business_date = excluded.business_date, expected_at = coalesce(excluded.expected_at, p.expected_at)
  RETURNING p.id"""
_VOID: Final = """WITH gone AS (UPDATE payout_parts SET voided_at = now()
    WHERE report_id = $1 AND voided_at IS NULL RETURNING payout_id, amount, settled, settled_currency),
  less AS (UPDATE payouts p SET amount = p.amount - g.amount
    FROM (SELECT payout_id, sum(amount)::bigint AS amount FROM gone GROUP BY 1) g WHERE p.id = g.payout_id
    RETURNING p.id, p.currency)
  SELECT l.currency, g.amount, g.settled, g.settled_currency FROM gone g JOIN less l ON l.id = g.payout_id"""


@dataclass(frozen=True, slots=True)
class Part:
    """What a report says of a payout. `amount` in minor units of `currency`, `settled` in those of its own."""

    reference: str
    currency: str
    amount: int
    settled: int
    settled_currency: str
    line: int | None
    business_date: date
    expected_at: date | None = None


def of_report(name: str, on: date, lines: pl.DataFrame, beside: Sequence[PaidOut]) -> list[Part]:
    """The parts that the report of that name tells, one per payout and currency: a payout may be told in two rows."""
    found = lines.filter(pl.col("booked_as") == BookedAs.PAYOUT.value).sort("line")
    made = [_of_line(name, row) for row in found.iter_rows(named=True)]
    elsewhere = _elsewhere(lines) if beside else {}
    made += [_beside(one, on, elsewhere) for one in beside if one.currency in EXPONENTS]
    grouped: dict[tuple[str, str, str], Part] = {}
    for part in made:
        key = (part.reference, part.currency, part.settled_currency)
        grouped[key] = _together(grouped[key], part) if key in grouped else part
    return [part for part in grouped.values() if part.amount or part.settled]


def _of_line(name: str, row: dict[str, Any]) -> Part:
    """What its fee took was not paid out. The bank gets what the line says, where it is of another currency."""
    parts = (row["settled_fee"], row["settled_tax"], row["settled_withheld"])
    main = row["settled_net"] - sum((one or Decimal(0) for one in parts), Decimal(0))
    settled = -rounded(minor_units(main, row["settled_currency"]))
    same = row["currency"] == row["settled_currency"] or not row["amount"]
    return Part(
        reference=_called(row["payout_reference"] or f"{name}, line {row['line']}"),
        currency=row["settled_currency"] if same else row["currency"],
        # Its sign is that of what was settled before rounding: that may be less than half a minor unit.
        amount=settled if same else (row["amount"] if main < 0 else -row["amount"]),
        settled=settled,
        settled_currency=row["settled_currency"],
        line=row["line"],
        business_date=row["business_date"],
    )


def _elsewhere(lines: pl.DataFrame) -> dict[tuple[str, str], Decimal]:
    """What the lines of each payout and currency come to that other reports have told: they tell that much of it."""
    told = lines.filter(booked.elsewhere() & pl.col("payout_reference").is_not_null())
    sums = told.group_by("payout_reference", "settled_currency").agg(pl.col("settled_net").sum())
    return {(reference, currency): net for reference, currency, net in sums.iter_rows()}


def _beside(told: PaidOut, on: date, elsewhere: Mapping[tuple[str, str], Decimal]) -> Part:
    """What was paid out of the lines that count here: of a week's file whose days were told, nothing."""
    other = elsewhere.get((told.reference, told.currency), Decimal(0))
    # Its lines may have more decimals than it: of all of them it is all, whatever its rounding is.
    left = Decimal(0) if other and other == told.lines else told.amount - other
    amount = rounded(minor_units(left, told.currency))
    when = told.business_date or on
    return Part(_called(told.reference), told.currency, amount, amount, told.currency, None, when, told.expected_at)


def _called(reference: str) -> str:
    return reference.replace("\x00", "")[:_REFERENCE_CHARACTERS]


def _together(one: Part, other: Part) -> Part:
    return Part(
        one.reference,
        one.currency,
        one.amount + other.amount,
        one.settled + other.settled,
        one.settled_currency,
        one.line,
        max(one.business_date, other.business_date),
        one.expected_at or other.expected_at,
    )


async def store(connection: Connection, report: Report, parts: Sequence[Part]) -> None:
    """Keep the parts, and what their payouts come to. Inside the caller's transaction."""
    made = []
    for part in sorted(parts, key=lambda one: (one.reference, one.currency)):
        (row,) = await rows(
            _UPSERT,
            uuid4(),
            connection.merchant_id,
            connection.id,
            part.reference,
            part.currency,
            part.amount,
            part.business_date,
            part.expected_at,
        )
        made.append(
            PayoutPart(
                payout_id=row["id"],
                report_id=report.id,
                line=part.line,
                amount=part.amount,
                settled=part.settled,
                settled_currency=part.settled_currency,
            )
        )
    await PayoutPart.bulk_create(made)


async def void(connection: Connection, report_id: UUID) -> Moved:
    """Take away what a superseded report said of payouts: what it had moved. Inside the caller's transaction."""
    gone = await rows(_VOID, report_id)
    told = ((row["currency"], row["amount"], row["settled"], row["settled_currency"]) for row in gone)
    return _moved(connection.default_store_id, told)


def moved(connection: Connection, parts: Sequence[Part]) -> Moved:
    """What the parts move: they name no payment, so it is the default store's."""
    told = ((part.currency, part.amount, part.settled, part.settled_currency) for part in parts)
    return _moved(connection.default_store_id, told)


def _moved(store_id: UUID, parts: Iterable[tuple[str, int, int, str]]) -> Moved:
    found: Moved = defaultdict(int)
    for currency, amount, settled, settled_currency in parts:
        found[store_id, BookedAs.PAYOUT, currency] -= amount
        if currency != settled_currency:
            found[store_id, "PAYOUT_CONVERTED", settled_currency] -= settled
            found[store_id, "PAYOUT_CONVERTED", currency] += amount
    return {batch: amount for batch, amount in found.items() if amount}
