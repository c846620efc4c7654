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

# What valid reports (`which` of all, `o`) tell and move. Several of one day are a chain: one whose opening is the
# closing of another of that day `follows`; where nothing says so, the one whose name came first is the first. A revised
# report stands where the one before it stood.
_VALID: Final = """valid AS MATERIALIZED (
  SELECT v.*, coalesce((SELECT count(*) FROM unnest(v.closings) AS c WHERE c = v.opening)
      > CASE WHEN v.closing = v.opening THEN 1 ELSE 0 END, false) AS follows,
    coalesce((SELECT count(*) FROM unnest(v.openings) AS c WHERE c = v.closing)
      > CASE WHEN v.closing = v.opening THEN 1 ELSE 0 END, false) AS is_followed
  FROM (SELECT r.*, b.currency, b.opening, b.closing, b.moved - b.paid_out AS moved,
      array_agg(b.closing) OVER one AS closings, array_agg(b.opening) OVER one AS openings
    FROM (SELECT o.id, o.connection_id, o.name, o.business_date, o.superseded_at,
        min(o.created_at) OVER (PARTITION BY o.connection_id, o.name) AS arrived FROM reports o WHERE {which}) r
    JOIN report_balances b ON b.report_id = r.id WHERE r.superseded_at IS NULL
    WINDOW one AS (PARTITION BY r.connection_id, b.currency, r.business_date)) v)"""
# Of each connection and currency: the first valid report that tells an opening balance, and what that makes of what was
# there before all of them: without what the reports of the days before it moved.
_WANTED: Final = f"""{_VALID},
first AS (SELECT DISTINCT ON (connection_id, currency) connection_id, currency, business_date, opening FROM valid
  WHERE opening IS NOT NULL ORDER BY connection_id, currency, business_date, follows, arrived, name),
wanted AS (SELECT f.connection_id, f.currency, f.business_date, f.opening - coalesce((SELECT sum(v.moved) FROM valid v
    WHERE v.connection_id = f.connection_id AND v.currency = f.currency AND v.business_date < f.business_date), 0)
  AS amount FROM first f)"""  # noqa: S608 - ours
WANTED: Final = _WANTED.format(which="true")
_OPENINGS: Final = f"""
WITH {_WANTED.format(which="o.connection_id = $1")},
posted AS (SELECT currency, sum(CASE WHEN debit = 'PSE_BALANCE' THEN amount ELSE -amount END) AS amount
  FROM ledger_entries WHERE connection_id = $1 AND entry = 'PROVE_OPENING' GROUP BY 1)
SELECT currency, w.business_date, coalesce(p.amount, 0) AS posted, coalesce(w.amount, 0) AS wanted
FROM wanted w FULL JOIN posted p USING (currency) ORDER BY 1"""  # noqa: S608 - ours
# The last closing balance that the valid reports of a day tell, with what the books hold after that day, and by how
# much both differ: where that is as much as the one before differed, it is no news.
_DIFFERING: Final = f"""
WITH {_VALID.format(which="o.connection_id = $1")},
held AS (SELECT *, sum(moved) OVER (PARTITION BY currency ORDER BY business_date) AS held FROM valid),
opening AS (SELECT currency, sum(CASE WHEN debit = 'PSE_BALANCE' THEN amount ELSE -amount END) AS amount
  FROM ledger_entries WHERE connection_id = $1 AND entry = 'PROVE_OPENING' GROUP BY 1),
told AS (SELECT DISTINCT ON (currency, business_date) v.*, v.held + coalesce(o.amount, 0) AS ours
  FROM held v LEFT JOIN opening o USING (currency) WHERE v.closing IS NOT NULL
  ORDER BY currency, business_date, is_followed, arrived DESC, name DESC),
compared AS (SELECT *, lag(closing - ours, 1, 0) OVER (PARTITION BY currency ORDER BY business_date) AS was FROM told)
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
class DifferingBalance:
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


async def differing(connection: Connection) -> list[DifferingBalance]:
    """Where a balance that a report tells differs from the books by another amount than the one told before it."""
    return [
        DifferingBalance(row["name"], row["business_date"], row["currency"], row["closing"], int(row["ours"]))
        for row in await rows(_DIFFERING, connection.id)
    ]


ASKED: Final = ("type", "payout_reference", "settled_currency", "settled_net")


def nets_of(lines: pl.DataFrame) -> pl.DataFrame:
    """What the lines moved, added up as `unbalanced` asks."""
    nets = lines.filter(pl.col("settled_net").is_not_null())
    return nets.group_by("type", "payout_reference", "settled_currency").agg(pl.col("settled_net").sum())


def unbalanced(report: reporting.ReadReport, nets: pl.DataFrame) -> list[Unbalanced]:
    """What in a file does not add up: the balances that it tells, and the payouts, against all of its lines.

    `nets`: `nets_of` these; those of several frames may stand below each other.
    """
    return [*_balances(report, nets), *_beside(report), *_payouts(nets)]


def _balances(report: reporting.ReadReport, nets: pl.DataFrame) -> list[Unbalanced]:
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


def _beside(report: reporting.ReadReport) -> list[Unbalanced]:
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
