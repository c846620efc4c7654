"""Filling the canonical columns from the columns of a report."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.kit.tables import UNCLEAR, Layout
from domain.pse.kit.words import RowKind
from domain.pse.reporting import REPORT_SCHEMA, SETTLED
from domain.pse.vocabulary import Period

Values = Mapping[str, pl.Expr | str | bool | None]
OUR_REFERENCE: Final = "^[0-9a-z]{20}$"  # the form of vocabulary.RefundOrder.reference
# What a line is whose row nobody understands: it proves no refund, so it names none.
_OTHER: Final[Values] = {
    "type": "OTHER",
    "state": "SUCCEEDED",
    "reference": None,
    "pse_refund_reference": None,
    "by_amount": False,
}


def filled(column: str, condition: pl.Expr | bool = True) -> pl.Expr:
    """A text column with null where the cell is empty or the condition does not hold."""
    return pl.when((pl.col(column) != "") & condition).then(pl.col(column))


def units(column: str, currency: pl.Expr) -> pl.Expr:
    """A checked text column in major units as minor units without its sign; null where the cell is empty."""
    return minor_units(column, currency.replace_strict(EXPONENTS, default=0, return_dtype=pl.Int64)).abs()


def type_of(told: pl.Expr, kinds: Mapping[str, RowKind]) -> pl.Expr:
    """The type of a line by what its row calls itself; null for a kind that nobody knows."""
    types = {name: kind.type for name, kind in kinds.items()}
    return told.replace_strict(types, default=None, return_dtype=pl.String)


def state_of(told: pl.Expr, kinds: Mapping[str, RowKind]) -> pl.Expr:
    """The state of a line by what its row calls itself."""
    states = {name: kind.state for name, kind in kinds.items()}
    return told.replace_strict(states, default="SUCCEEDED", return_dtype=pl.String)


def minor_units(column: str, exponent: pl.Expr | int) -> pl.Expr:
    """A checked text column in major units as signed minor units; null where it is empty, or bad (cells.BadRow)."""
    text = pl.col(column)
    amount = pl.when(text != "").then(text).cast(pl.Decimal(28, 8), strict=False)
    power = pl.lit(10, dtype=pl.Int64).pow(exponent)
    return (amount * power.cast(pl.Decimal(28, 0))).cast(pl.Int64, strict=False)


def decimals(column: str) -> pl.Expr:
    """A checked text column as a decimal of eight places; null where the cell is empty, or bad (cells.BadRow)."""
    return pl.when(pl.col(column) != "").then(pl.col(column)).cast(pl.Decimal(28, 8), strict=False)


def local_time(text: pl.Expr) -> pl.Expr:
    """A checked text (cells.check_time) as a time without a zone; null where it is bad."""
    time = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    return pl.when(time.dt.year().is_between(2000, 2199)).then(time)


def in_zone(local: pl.Expr, zone: str) -> pl.Expr:
    """The moment in UTC at which clocks in `zone` show that time.

    Of an hour that they show twice it is the earlier one; one that they leave out is read as it would have gone on.
    """

    def read(time: pl.Expr) -> pl.Expr:
        return time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")

    return pl.coalesce(read(local), read(local.dt.offset_by("1h")))


def columns(rows: pl.LazyFrame, period: Period, values: Values, layout: Layout | None = None) -> pl.LazyFrame:
    """The lines: `values` by canonical column, else what the layout says in a column of its own, else null.

    A text among the values is that text in every line.
    `business_date` is that of `booked_at` in the period's zone unless it is given; what has no time is of the period's
    beginning. A row that `tables.read` was told is unclear is OTHER, of the amount 0 where it has none that can be
    read; so is one of a currency that we do not know, in the settlement's.
    """
    plain = {"by_amount": False, "by_bank": False, **_plain(layout), **values}
    unclear = pl.col(UNCLEAR) != ""
    for name, instead in {**_OTHER, "kind": pl.col(UNCLEAR)}.items():
        plain[name] = pl.when(unclear).then(_expression(instead)).otherwise(_expression(plain.get(name)))
    known = pl.col("currency").is_in(list(EXPONENTS))
    day = pl.col("booked_at").dt.convert_time_zone(period.zone).dt.date()
    made = rows.select("line", **{name: _expression(plain.get(name)) for name in REPORT_SCHEMA if name != "line"})
    return (
        made.with_columns(pl.col(name).cast(dtype, strict=name != "amount") for name, dtype in REPORT_SCHEMA.items())
        .with_columns(
            booked_at=pl.col("booked_at").fill_null(pl.lit(period.start, dtype=pl.Datetime("us", "UTC"))),
            amount=pl.when(known).then(pl.col("amount").fill_null(0)).otherwise(0),
            currency=pl.when(known).then("currency").otherwise("settled_currency"),
        )
        .with_columns(business_date=pl.coalesce("business_date", day))
        .select(pl.col(name).cast(dtype) for name, dtype in REPORT_SCHEMA.items())
    )


def _plain(layout: Layout | None) -> dict[str, pl.Expr]:
    told = layout.columns if layout is not None else {}
    return {name: (decimals if REPORT_SCHEMA[name] == SETTLED else filled)(column) for name, column in told.items()}


def _expression(value: pl.Expr | str | bool | None) -> pl.Expr:
    return value if isinstance(value, pl.Expr) else pl.lit(value)
