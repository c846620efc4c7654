"""What the settled money of each line is booked as, set-wise: whatever a report says to have moved has moved.

A file is an account of movements: each of its rows is one, though it looks like another. Two files may tell of one
movement, which is counted once: by its effect where a payment of ours has it, else as often as the file that tells of
it most often. What nobody here can explain is booked all the same, to SUSPENSE
(docs/decisions/031-whatever-the-words-the-money-is-booked.md).
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Final

import polars as pl

from domain.models import Connection
from domain.models.settlements import BookedAs, Effect
from domain.money import EXPONENTS
from domain.platform.database import rows
from domain.platform.in_columns import says
from domain.pse.reporting import SETTLED

BY_TYPE: Final = tuple(
    one.value for one in (BookedAs.FEE, BookedAs.PAYOUT, BookedAs.RESERVE, BookedAs.ADJUSTMENT, BookedAs.TRANSFER)
)
OF_PAYMENT: Final = ("CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED")
# Major units: what is more is no money that anybody has, and no column of the ledger could hold the sum of many.
LARGEST: Final = 10**11
_PARTS: Final = ("settled_fee", "settled_tax", "settled_withheld", "settled_net")
SETTLING: Final = (*_PARTS, "settled_currency")  # what `is_settled` looks at
_NAME: Final = pl.coalesce("reference", "pse_refund_reference")
_NAMELESS: Final = ("payment_id", "type", "state", "amount")
_NAMED: Final = (*_NAMELESS, "_name")
_NOBODYS: Final = ("type", "state", "_payment", "_name", "_payout", "_kind", "_at", "settled_net", "settled_currency")
_OTHERS_SCHEMA: Final = {
    "report_id": pl.String(),
    "booked_as": pl.String(),
    "type": pl.String(),
    "state": pl.String(),
    "payment_reference": pl.String(),
    "payment_alias": pl.String(),
    "order_reference": pl.String(),
    "reference": pl.String(),
    "pse_refund_reference": pl.String(),
    "by_amount": pl.Boolean(),
    "settled_net": SETTLED,
    "settled_currency": pl.String(),
    "payout_reference": pl.String(),
    "kind": pl.String(),
    "booked_at": pl.Datetime("us", "UTC"),
}
_ASKED: Final = (*(name for name in _OTHERS_SCHEMA if name != "report_id"), "business_date")
# Money of no payment of ours that other valid reports of the connection tell on these dates, whoever has booked it.
_TOLD: Final = (
    "SELECT "  # noqa: S608 - ours
    f"{', '.join(f'l.{name}::text' if name == 'report_id' else f'l.{name}' for name in _OTHERS_SCHEMA)} "
    "FROM settlement_lines l JOIN reports r ON r.id = l.report_id WHERE r.connection_id = $1 AND r.name <> $2 "
    "AND r.superseded_at IS NULL AND l.voided_at IS NULL "
)
_BOOKED: Final = "l.booked_as NOT IN ('NONE', 'EFFECT')"
_LEFT: Final = (
    "l.booked_as = 'NONE' AND l.effect = 'NONE' AND l.settled_net IS NOT NULL "
    f"AND (l.payment_id IS NULL OR l.type IN {BY_TYPE}) AND l.settled_currency = ANY($6) "
    f"AND greatest({', '.join(f'abs(l.{part})' for part in _PARTS)}) <= {LARGEST}"
)
_OTHERS: Final = " UNION ALL ".join(
    f"{_TOLD} AND {some} AND l.business_date BETWEEN $3 AND $4 "
    # A payout that has a name is told on the day on which it was made by one, and on which it arrived by another.
    f"UNION ALL {_TOLD} AND {some} AND l.type = 'PAYOUT' AND l.payout_reference = ANY($5) "
    "AND l.business_date NOT BETWEEN $3 AND $4"
    for some in (_BOOKED, _LEFT)
) + (
    # Of a payment of ours a row that is there twice may be told again by a file of another date.
    f" UNION ALL {_TOLD} AND l.booked_as = 'UNEXPLAINED' AND l.payment_id = ANY($7::uuid[]) "
    "AND l.business_date NOT BETWEEN $3 AND $4"
)


def worded(effects: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The lines with `booked_as`, as far as their payments say it.

    `effects`: as reconciliation/match gives them. `settled`: what other valid reports have of the same payments.
    """
    lines = effects.with_columns(booked_as=_word())
    if not says(lines, "booked_as", BookedAs.UNEXPLAINED.value):
        return lines
    of_ours = lines.filter(_of_ours())
    again = [] if of_ours.is_empty() else [*_told_of_ours(of_ours, settled), of_ours.filter("otherwise")]
    return without(lines, [line for one in again for line in one["line"].to_list()])


def nobodys(lines: pl.DataFrame) -> pl.DataFrame:
    """Those of the lines (`worded`) that no payment's effect explains. Of a payment of ours, too: money that it has no
    effect of, and that nobody can explain.
    """
    unexplained = pl.col("booked_as") == BookedAs.UNEXPLAINED.value
    if not says(lines, "booked_as", BookedAs.UNEXPLAINED.value, *BY_TYPE):
        return lines[["line", "payment_id", *_ASKED]].clear()
    return lines.filter(unexplained | pl.col("booked_as").is_in(BY_TYPE)).select("line", "payment_id", *_ASKED)


async def told_elsewhere(connection: Connection, name: str, unowned: pl.DataFrame) -> list[int]:
    """The lines that other reports have told and booked already, of all `nobodys` of the report of that name."""
    if unowned.is_empty():
        return []
    others = await _others(connection, name, unowned)
    return [] if others.is_empty() else _left(_keyed(unowned), _keyed(others))["line"].to_list()


def without(lines: pl.DataFrame, told: Sequence[int]) -> pl.DataFrame:
    """The lines, of which these are booked nowhere: they are counted where they were told first."""
    if not told:
        return lines
    repeated = pl.col("line").is_in(told)
    return lines.with_columns(
        booked_as=pl.when(repeated).then(pl.lit(BookedAs.NONE.value)).otherwise(pl.col("booked_as"))
    )


def elsewhere() -> pl.Expr:
    """Whether another report has told the money of a line (with `booked_as`) already: it is counted there."""
    return (_word() != BookedAs.NONE.value) & (pl.col("booked_as") == BookedAs.NONE.value)


@cache
def is_settled() -> pl.Expr:
    """Whether a line tells what was settled of it, as money that the ledger can hold."""
    said = pl.col("settled_net").is_not_null() & pl.col("settled_currency").is_in(list(EXPONENTS))
    fits = pl.all_horizontal(pl.col(part).fill_null(0).abs() <= LARGEST for part in _PARTS)
    return (said & fits).fill_null(value=False)


@cache
def _word() -> pl.Expr:
    kind = pl.col("type")
    return (
        pl.when(~is_settled())
        .then(pl.lit(BookedAs.NONE.value))
        .when(pl.col("effect") != Effect.NONE.value)
        .then(pl.lit(BookedAs.EFFECT.value))
        .when(kind.is_in(BY_TYPE))
        .then(kind)
        .otherwise(pl.lit(BookedAs.UNEXPLAINED.value))
    )


def _of_ours() -> pl.Expr:
    """Of a payment of ours and without an effect, though no row of this very file has had it before."""
    repeated = pl.col("again").fill_null(value=False)
    return pl.col("payment_id").is_not_null() & (pl.col("booked_as") == BookedAs.UNEXPLAINED.value) & ~repeated


def _told_of_ours(lines: pl.DataFrame, settled: pl.DataFrame) -> list[pl.DataFrame]:
    """By the refund, or the name; what names none, of its payment by its amount."""
    others = settled.filter(pl.col("effect") != Effect.NONE.value).with_columns(
        _name=pl.coalesce("refund_id", pl.when(~pl.col("by_amount")).then("name"))
    )
    nameless = pl.col("by_amount") | (pl.col("type") == "CAPTURE")
    named = lines.filter(~nameless).with_columns(_name=pl.coalesce("refund_id", _NAME))
    return [_told_by(named, others, _NAMED), _told_by(lines.filter(nameless), others, _NAMELESS)]


def _keyed(lines: pl.DataFrame) -> pl.DataFrame:
    kind = pl.col("type")
    of_payment, payout = kind.is_in(OF_PAYMENT), kind == "PAYOUT"
    return lines.with_columns(
        _payment=pl.coalesce("payment_reference", "payment_alias", "order_reference"),
        _name=pl.when(~pl.col("by_amount")).then(_NAME),
        _payout=pl.when(~of_payment).then(pl.col("payout_reference")),
        # Kinds of reports have other words for a payment's money, and may tell a payout at another moment.
        _kind=pl.when(~of_payment & ~payout).then(pl.col("kind")),
        _at=pl.when(~(payout & pl.col("payout_reference").is_not_null())).then(pl.col("booked_at")),
    )


def _told_by(lines: pl.DataFrame, others: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """Those that others have: of equal ones as many as they tell."""
    had = others.group_by(key).agg(pl.len().alias("_had"))
    turns = lines.with_columns(_turn=pl.int_range(1, pl.len() + 1).over(key))
    return turns.join(had, on=key, how="inner", nulls_equal=True).filter(pl.col("_turn") <= pl.col("_had"))


def _left(lines: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Those that are not booked here: all files together book as many equal ones as the file has that has most.

    A report that has fewer than another, and has booked them, keeps them when it is read again.
    """
    booked = (pl.col("booked_as") != BookedAs.NONE.value).sum().alias("_booked")
    of_each = others.group_by(*_NOBODYS, "report_id").agg(pl.len().alias("_told"), booked)
    had = of_each.group_by(_NOBODYS).agg(pl.col("_told").max(), pl.col("_booked").sum())
    mine = pl.len().over(_NOBODYS)
    turns = lines.with_columns(_turn=pl.int_range(1, pl.len() + 1).over(_NOBODYS), _mine=mine)
    most, none = pl.max_horizontal("_mine", "_told").cast(pl.Int64), pl.col("_mine").cast(pl.Int64)
    joined = turns.join(had, on=_NOBODYS, how="inner", nulls_equal=True)
    return joined.filter(pl.col("_turn") <= none + pl.col("_booked").cast(pl.Int64) - most)


async def _others(connection: Connection, name: str, lines: pl.DataFrame) -> pl.DataFrame:
    days = lines["business_date"]
    first, last = days.min(), days.max()
    assert isinstance(first, date), "Every line has a business date."
    named = lines.filter(pl.col("type") == BookedAs.PAYOUT.value)["payout_reference"].drop_nulls().unique().sort()
    ours = lines["payment_id"].drop_nulls().unique().sort().to_list()
    found = await rows(_OTHERS, connection.id, name, first, last, named.to_list(), list(EXPONENTS), ours)
    return pl.DataFrame(found, schema=_OTHERS_SCHEMA)
