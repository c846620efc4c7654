"""Payouts: what left a PSE for the merchant's bank, by lines of its reports or by what these tell beside their lines.

A payout is a row, and what each report says of it a part: a revised report takes its parts away and adds others. Until
a bank statement has it, it is in PAYOUTS_IN_TRANSIT.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import polars as pl

from domain.models import Connection, PayoutPart, Report
from domain.models.settlements import BookedAs
from domain.money import EXPONENTS
from domain.platform.database import rows
from domain.platform.in_columns import is_empty, says
from domain.pse.reporting import PaidOut
from domain.settlements import booked
from domain.settlements.batches import Moved, minor_units, rounded

# What is known of a line that tells of a payout.
ASKED: Final = (
    *("line", "type", "effect", "booked_as", "reference", "payout_reference", "amount", "currency", "business_date"),
    *("settled_fee", "settled_tax", "settled_withheld", "settled_net", "settled_currency"),
)
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

# A payout is told by rows and beside lines: the more of both is what was paid. What came back is counted apart.
WANTED: Final = " + ".join(
    f"coalesce({more}(sum(t.{{told}}) FILTER (WHERE t.{{told}} {sign} 0 AND t.line IS NULL), "
    f"sum(t.{{told}}) FILTER (WHERE t.{{told}} {sign} 0 AND t.line IS NOT NULL)), 0)"
    for more, sign in (("greatest", ">"), ("least", "<"))
)
_PART: Final = """SELECT p.reference, p.currency, t.told_amount AS told, t.told_settled, t.settled_currency, t.line,
    p.business_date, p.expected_at, t.amount, t.settled
  FROM payouts p JOIN payout_parts t ON t.payout_id = p.id AND t.voided_at IS NULL"""
# What the other valid reports of the connection tell of payouts of these names.
_OTHERS: Final = f"""{_PART} JOIN reports r ON r.id = t.report_id
  WHERE p.connection_id = $1 AND r.name <> $2 AND p.reference = ANY($3)"""
_STORED: Final = f"{_PART} WHERE t.report_id = $1"
_UNEVEN: Final = f"""SELECT DISTINCT o.report_id AS id FROM (SELECT t.payout_id FROM payout_parts t
    WHERE t.voided_at IS NULL AND t.payout_id IN (SELECT payout_id FROM payout_parts WHERE report_id = ANY($1))
    GROUP BY t.payout_id, t.settled_currency HAVING sum(t.amount) <> {WANTED.format(told="told_amount")}
      OR sum(t.settled) <> {WANTED.format(told="told_settled")}) u
  JOIN payout_parts o ON o.payout_id = u.payout_id AND o.voided_at IS NULL"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class ToldPayout:
    """What a report says of a payout, and what of it counts here: `told` and `amount` in minor units of `currency`,
    `told_settled` and `settled` in those of its own.
    """

    reference: str
    currency: str
    told: int
    told_settled: int
    settled_currency: str
    line: int | None
    business_date: date
    expected_at: date | None = None
    amount: int = 0
    settled: int = 0


def telling(lines: pl.DataFrame) -> pl.DataFrame:
    """Those of the lines by which `of_report` knows what was paid out."""
    paid, named = pl.col("booked_as") == BookedAs.PAYOUT.value, pl.col("payout_reference").is_not_null()
    if not says(lines, "booked_as", BookedAs.PAYOUT.value) and is_empty(lines["payout_reference"]):
        return lines[list(ASKED)].clear()
    some = lines.select(ASKED).filter(paid | (named & (pl.col("booked_as") == BookedAs.NONE.value)))
    return some.filter(paid | booked.elsewhere())


async def of_report(
    connection: Connection, name: str, on: date, lines: pl.DataFrame, beside: Sequence[PaidOut]
) -> list[ToldPayout]:
    """The parts that the report of that name tells, one per payout and currency: a payout may be told in two rows.
    `lines`: its lines that are `telling`.

    A payout that is told by rows and beside lines, be it by this file or by others, comes to the more of both: what is
    counted already counts no more. Such a part is kept though nothing is left of it: it counts when others tell less.
    """
    parts = [
        part
        for part in (*_grouped(_of_lines(name, lines)), *_grouped(_besides(on, lines, beside)))
        if part.told or part.told_settled
    ]
    if not parts:
        return []
    counting: dict[tuple[str, str, str], list[ToldPayout]] = defaultdict(list)
    for part in (*await _others(connection, name, parts), *parts):
        counting[_payout(part)].append(part)
    counted = []
    for part in parts:
        told = counting[_payout(part)]
        counted.append(_less(part, told))
        told[told.index(part)] = counted[-1]
    return counted


def _of_lines(name: str, lines: pl.DataFrame) -> Iterable[ToldPayout]:
    found = lines.filter(pl.col("booked_as") == BookedAs.PAYOUT.value).sort("line")
    return [_of_line(name, row) for row in found.iter_rows(named=True)]


def _besides(on: date, lines: pl.DataFrame, beside: Sequence[PaidOut]) -> Iterable[ToldPayout]:
    elsewhere = _elsewhere(lines) if beside else {}
    return [_beside(one, on, elsewhere) for one in beside if one.currency in EXPONENTS]


def _grouped(parts: Iterable[ToldPayout]) -> list[ToldPayout]:
    grouped: dict[tuple[str, str, str, bool], ToldPayout] = {}
    for part in parts:
        key = _key(part)
        grouped[key] = _together(grouped[key], part) if key in grouped else part
    return list(grouped.values())


def _key(part: ToldPayout) -> tuple[str, str, str, bool]:
    return *_payout(part), part.line is None


def _payout(part: ToldPayout) -> tuple[str, str, str]:
    return part.reference, part.currency, part.settled_currency


async def _others(connection: Connection, name: str, parts: Sequence[ToldPayout]) -> list[ToldPayout]:
    """What other valid reports tell and count of these payouts."""
    found = await rows(_OTHERS, connection.id, name, sorted({part.reference for part in parts}))
    return [ToldPayout(**row) for row in found]


def _less(part: ToldPayout, all_of_it: Sequence[ToldPayout]) -> ToldPayout:
    """What of it is not counted yet: never more than all of it. `all_of_it`: every part of its payout, itself too."""
    amount = _left(part.told, [(one.line is None, one.told, one.amount) for one in all_of_it])
    settled = _left(part.told_settled, [(one.line is None, one.told_settled, one.settled) for one in all_of_it])
    return replace(part, amount=amount, settled=settled)


def _left(told: int, all_of_it: Iterable[tuple[bool, int, int]]) -> int:
    """`all_of_it`: beside lines or not, told and counted. What came back is no less of what left."""
    alike = [(beside, abs(one), abs(counted)) for beside, one, counted in all_of_it if one * told > 0]
    wanted = max(sum(one for beside, one, _ in alike if beside is way) for way in (True, False))
    left = min(abs(told), max(0, wanted - sum(counted for _, _, counted in alike))) if alike else 0
    return left if told > 0 else -left


async def same(report: Report, parts: Sequence[ToldPayout]) -> bool:
    """Whether the stored report tells and counts these parts."""
    return {_said(ToldPayout(**row)) for row in await rows(_STORED, report.id)} == {_said(part) for part in parts}


def _said(part: ToldPayout) -> tuple[Any, ...]:
    return *_key(part), part.told, part.told_settled, part.amount, part.settled


async def uneven(reports: Sequence[UUID]) -> set[UUID]:
    """The reports that tell of a payout which one of these has told, and of which more or less is counted than is told:
    each counts what is left to it when it is read again.
    """
    return {row["id"] for row in await rows(_UNEVEN, list(reports))}


def _of_line(name: str, row: dict[str, Any]) -> ToldPayout:
    """What its fee took was not paid out. The bank gets what the line says, where it is of another currency.

    A line that has a name of its own beside its payout's is a movement of its own at the bank: what came back, or was
    sent to the PSE.
    """
    parts = (row["settled_fee"], row["settled_tax"], row["settled_withheld"])
    main = row["settled_net"] - sum((one or Decimal(0) for one in parts), Decimal(0))
    settled = -rounded(minor_units(main, row["settled_currency"]))
    same = row["currency"] == row["settled_currency"] or not row["amount"]
    return ToldPayout(
        reference=_called(row["reference"] or row["payout_reference"] or f"{name}, line {row['line']}"),
        currency=row["settled_currency"] if same else row["currency"],
        # Its sign is that of what was settled before rounding: that may be less than half a minor unit.
        told=settled if same else (row["amount"] if main < 0 else -row["amount"]),
        told_settled=settled,
        settled_currency=row["settled_currency"],
        line=row["line"],
        business_date=row["business_date"],
    )


def _elsewhere(lines: pl.DataFrame) -> dict[tuple[str, str], Decimal]:
    """What the lines of each payout and currency come to that other reports have told: they tell that much of it."""
    told = lines.filter(booked.elsewhere() & pl.col("payout_reference").is_not_null())
    sums = told.group_by("payout_reference", "settled_currency").agg(pl.col("settled_net").sum())
    return {(reference, currency): net for reference, currency, net in sums.iter_rows()}


def _beside(told: PaidOut, on: date, elsewhere: Mapping[tuple[str, str], Decimal]) -> ToldPayout:
    """What was paid out of the lines that count here: of a week's file whose days were told, nothing."""
    other = elsewhere.get((told.reference, told.currency), Decimal(0))
    # Its lines may have more decimals than it: of all of them it is all, whatever its rounding is.
    left = Decimal(0) if other and other == told.lines else told.amount - other
    amount = rounded(minor_units(left, told.currency))
    when = told.business_date or on
    return ToldPayout(
        _called(told.reference), told.currency, amount, amount, told.currency, None, when, told.expected_at
    )


def _called(reference: str) -> str:
    return reference.replace("\x00", "")[:_REFERENCE_CHARACTERS]


def _together(one: ToldPayout, other: ToldPayout) -> ToldPayout:
    return ToldPayout(
        one.reference,
        one.currency,
        one.told + other.told,
        one.told_settled + other.told_settled,
        one.settled_currency,
        one.line,
        max(one.business_date, other.business_date),
        one.expected_at or other.expected_at,
    )


async def store(connection: Connection, report: Report, parts: Sequence[ToldPayout]) -> None:
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
                told_amount=part.told,
                told_settled=part.told_settled,
            )
        )
    await PayoutPart.bulk_create(made)


async def void(connection: Connection, report_id: UUID) -> Moved:
    """Take away what a superseded report said of payouts: what it had moved. Inside the caller's transaction."""
    gone = await rows(_VOID, report_id)
    told = ((row["currency"], row["amount"], row["settled"], row["settled_currency"]) for row in gone)
    return _moved(connection.default_store_id, told)


async def stored(connection: Connection, report_id: UUID) -> Moved:
    """What a stored report's payouts have moved."""
    parts = await rows(_STORED, report_id)
    told = ((row["currency"], row["amount"], row["settled"], row["settled_currency"]) for row in parts)
    return _moved(connection.default_store_id, told)


def moved(connection: Connection, parts: Sequence[ToldPayout]) -> Moved:
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
