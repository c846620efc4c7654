"""The balance at the PSE as its reports tell it, beside what they move in the books.

What was there before the first report that tells its opening balance is posted once (PROVE_OPENING), and again when an
earlier report comes later: from then on PSE_BALANCE is what the PSE shows.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import polars as pl

from domain.books.ledger import Posting
from domain.models import Connection, Report, ReportBalance
from domain.models.ledger import Entry
from domain.models.settlements import BookedAs
from domain.money import EXPONENTS
from domain.platform.database import rows
from domain.pse import reporting
from domain.settlements.batches import minor_units, rounded

# A revised report stands where the first of its name stood: the files of one day follow one another.
_FIRST_AT: Final = (
    "(SELECT min(o.created_at) FROM reports o WHERE o.connection_id = r.connection_id AND o.name = r.name) AS first_at"
)
# Of each currency: the first valid report that tells an opening balance, what the reports of the days before it moved,
# and what is posted as the opening.
_OPENINGS: Final = f"""
WITH valid AS MATERIALIZED (SELECT r.business_date, {_FIRST_AT}, b.currency, b.opening,
    b.moved - b.paid_out AS moved
  FROM reports r JOIN report_balances b ON b.report_id = r.id WHERE r.connection_id = $1 AND r.superseded_at IS NULL),
first AS (SELECT DISTINCT ON (currency) currency, business_date, opening FROM valid WHERE opening IS NOT NULL
  ORDER BY currency, business_date, first_at),
posted AS (SELECT currency, sum(CASE WHEN debit = 'PSE_BALANCE' THEN amount ELSE -amount END) AS amount
  FROM ledger_entries WHERE connection_id = $1 AND entry = 'PROVE_OPENING' GROUP BY 1)
SELECT coalesce(f.currency, p.currency) AS currency, f.business_date, coalesce(p.amount, 0) AS posted,
  coalesce(f.opening - coalesce((SELECT sum(v.moved) FROM valid v WHERE v.currency = f.currency
    AND v.business_date < f.business_date), 0), 0) AS wanted
FROM first f FULL JOIN posted p USING (currency) ORDER BY 1"""  # noqa: S608 - ours
# The last valid report of each day that tells a closing balance, with what the books hold after the day, and by how
# much both differ: where that is as much as the one before differed, it is no news.
_DIFFERING: Final = f"""
WITH valid AS (SELECT r.name, r.business_date, {_FIRST_AT}, b.currency, b.closing,
    sum(b.moved - b.paid_out) OVER (PARTITION BY b.currency ORDER BY r.business_date) AS held
  FROM reports r JOIN report_balances b ON b.report_id = r.id WHERE r.connection_id = $1 AND r.superseded_at IS NULL),
opening AS (SELECT currency, sum(CASE WHEN debit = 'PSE_BALANCE' THEN amount ELSE -amount END) AS amount
  FROM ledger_entries WHERE connection_id = $1 AND entry = 'PROVE_OPENING' GROUP BY 1),
told AS (SELECT DISTINCT ON (v.currency, v.business_date) v.*, v.held + coalesce(o.amount, 0) AS ours
  FROM valid v LEFT JOIN opening o USING (currency)
  WHERE v.closing IS NOT NULL ORDER BY v.currency, v.business_date, v.first_at DESC),
compared AS (SELECT *, lag(closing - ours, 1, 0) OVER (PARTITION BY currency ORDER BY business_date) AS was
  FROM told)
SELECT name, business_date, currency, closing, ours FROM compared WHERE closing - ours <> was
ORDER BY business_date, currency, name"""  # noqa: S608 - ours
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """A batch whose lines are not what it is told to come to. Signed, major units; `name` None: the whole account's."""

    name: str | None
    currency: str
    told: Decimal
    lines: Decimal


@dataclass(frozen=True, slots=True)
class Differing:
    """A balance that is not the books': minor units, signed, after all reports up to that date."""

    report: str
    business_date: date
    currency: str
    theirs: int
    ours: int


async def store(
    report: Report, told: Sequence[reporting.Balance], moved: Mapping[str, int], paid_out: Mapping[str, int]
) -> None:
    """Keep what the report tells and moved, by currency, in minor units. Inside the caller's transaction."""
    said = {one.currency: one for one in told if one.currency in EXPONENTS}
    await ReportBalance.bulk_create(
        [
            ReportBalance(
                report_id=report.id,
                currency=currency,
                opening=_units(said[currency].opening, currency) if currency in said else None,
                closing=_units(said[currency].closing, currency) if currency in said else None,
                moved=moved.get(currency, 0),
                paid_out=paid_out.get(currency, 0),
            )
            for currency in sorted({*said, *moved, *paid_out})
        ]
    )


def _units(amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else rounded(minor_units(amount, currency))


async def openings(connection: Connection, report_id: UUID, on: date, request_id: str) -> list[Posting]:
    """What makes the opening balances of the connection what its first reports tell, as things are now."""
    found = await rows(_OPENINGS, connection.id)
    return [
        Posting(
            merchant_id=connection.merchant_id,
            store_id=connection.default_store_id,
            connection_id=connection.id,
            entry=Entry.PROVE_OPENING,
            amount=abs(int(row["wanted"] - row["posted"])),
            currency=row["currency"],
            accounting_date=row["business_date"] or on,
            cause=f"report/{report_id}/opening/{row['currency']}",
            request_id=request_id,
            reverse=row["wanted"] < row["posted"],
        )
        for row in found
        if row["wanted"] != row["posted"]
    ]


async def differing(connection: Connection) -> list[Differing]:
    """Where a balance that a report tells differs from the books by another amount than the one told before it."""
    return [
        Differing(row["name"], row["business_date"], row["currency"], row["closing"], int(row["ours"]))
        for row in await rows(_DIFFERING, connection.id)
    ]


def unbalanced(report: reporting.Report, lines: pl.DataFrame) -> list[Unbalanced]:
    """What in a file does not add up: the balances that it tells, and the payouts, against all of its lines."""
    nets = lines.filter(pl.col("settled_net").is_not_null())
    return [*_balances(report, nets), *_beside(report), *_payouts(nets)]


def _balances(report: reporting.Report, nets: pl.DataFrame) -> list[Unbalanced]:
    if not report.balances:
        return []
    summed = nets.group_by("settled_currency").agg(pl.col("settled_net").sum())
    sums: dict[str, Decimal] = {row[0]: row[1] for row in summed.iter_rows()}
    found = []
    for one in report.balances:
        if one.opening is None or one.closing is None:
            continue
        moved = sums.get(one.currency, Decimal(0))
        if one.closing - one.opening != moved:
            found.append(Unbalanced(None, one.currency, one.closing - one.opening, moved))
    return found


def _beside(report: reporting.Report) -> list[Unbalanced]:
    """A payout that is told beside its lines is rounded, and so is each of these."""
    return [
        Unbalanced(one.reference, one.currency, one.amount, one.lines)
        for one in report.payouts
        if abs(one.amount - one.lines) >= _ONE.scaleb(-EXPONENTS.get(one.currency, 0))
    ]


def _payouts(nets: pl.DataFrame) -> list[Unbalanced]:
    """A payout takes what the lines of its name have brought; lines without a name may be a part of it."""
    key = ("payout_reference", "settled_currency")
    paid = nets.filter((pl.col("type") == BookedAs.PAYOUT.value) & pl.col("payout_reference").is_not_null())
    if paid.is_empty():
        return []
    others = nets.filter(pl.col("type") != BookedAs.PAYOUT.value)
    lines = others.group_by(key).agg(pl.col("settled_net").sum().alias("_lines"))
    told = paid.group_by(key).agg(-pl.col("settled_net").sum().alias("_told")).join(lines, on=key, how="inner")
    wrong = told.filter(pl.col("_told") != pl.col("_lines")).sort(key)
    nameless: dict[str, Decimal] = {row[1]: row[2] for row in lines.iter_rows() if row[0] is None}
    gaps: dict[str, Decimal] = defaultdict(Decimal)
    for row in wrong.iter_rows(named=True):
        gaps[row["settled_currency"]] += row["_told"] - row["_lines"]
    explained = {currency for currency, gap in gaps.items() if gap == nameless.get(currency)}
    return [_unbalanced(row) for row in wrong.iter_rows(named=True) if row["settled_currency"] not in explained]


def _unbalanced(row: dict[str, Any]) -> Unbalanced:
    return Unbalanced(row["payout_reference"], row["settled_currency"], row["_told"], row["_lines"])
