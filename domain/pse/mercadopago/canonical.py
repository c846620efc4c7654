"""What the two reports of Mercado Pago have in common: moments, names of refunds, and canonical lines."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from domain.pse.kit.cells import BadCell, Row, decimal_of
from domain.pse.kit.tables import Layout
from domain.pse.reporting import REPORT_SCHEMA
from domain.pse.vocabulary import Period

# yyyy-MM-dd'T'HH:mm:ss.SSSZ: the offset comes with a colon, without one, or as Z.
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_CURRENCY: Final = re.compile("[A-Z]{3}")
_PLACES: Final = 8  # decimals that a settled amount may have
ID_MAX: Final = 100  # characters: what is longer is no id of Mercado Pago
_OUR_REFERENCE: Final = "^[0-9a-z]{20}$"


def whole_rows(layout: Layout, check: Callable[[int, Row], None]) -> Callable[[int, Row], None]:
    """The check, which then sees the layout's absent columns as empty cells."""
    absent = dict.fromkeys(layout.optional, "")

    def checked(line: int, row: Row) -> None:
        check(line, row if len(row) == len(layout.needed) + len(absent) else {**absent, **row})

    return checked


def check_moment(row: Row, column: str) -> None:
    """Raises BadCell unless the cell is a moment with its offset."""
    text = row[column]
    try:
        if not _MOMENT.fullmatch(text) or not 2000 <= datetime.fromisoformat(text).year < 2200:
            raise ValueError
    except ValueError as error:
        raise BadCell(
            column, f"{text[:40]!r} is no moment with its offset, as 2026-03-02T09:10:11.000-04:00."
        ) from error


def check_foreign(row: Row, column: str, amounts: Sequence[str]) -> None:
    """Raises BadCell unless `column` is a currency, though none that we know, and the amounts are decimals."""
    if not _CURRENCY.fullmatch(row[column]):
        raise BadCell(column, f"{row[column][:40]!r} is no currency.")
    for name in amounts:
        decimal_of(row, name, _PLACES)


def moment(column: str) -> pl.Expr:
    """A checked column of moments, in UTC; null where the cell is empty."""
    text = pl.when(pl.col(column) != "").then(pl.col(column)).str.replace("Z$", "+00:00")
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", time_zone="UTC")


def own_reference(*, detailed: bool) -> pl.Expr:
    """Our reference of a refund, where EXTERNAL_REFERENCE is the refund's own (`detailed`); else null.

    An order may look like a reference of ours: what several rows of one payment have is the payment's.
    """
    told = pl.col("EXTERNAL_REFERENCE")
    alone = pl.len().over("SOURCE_ID", "EXTERNAL_REFERENCE") == 1
    return pl.when(told.str.contains(_OUR_REFERENCE) & alone & detailed).then(told)


def business_date(period: Period) -> pl.Expr:
    """The date of `booked_at` where the merchant is."""
    return pl.col("booked_at").dt.convert_time_zone(period.zone).dt.date()


def filled(name: str, condition: pl.Expr | None = None) -> pl.Expr:
    """A text column, null where it is empty or the condition does not hold."""
    given = pl.col(name) != ""
    return pl.when(given if condition is None else given & condition).then(pl.col(name))


def made_reference() -> pl.Expr:
    """A name for a refund that the report does not name: its moment, its amount and its turn among equals.

    Equal rows are of the same moment, so they are always in the same file, and the names are the same every time.
    """
    turn = pl.int_range(pl.len()).over("type", "state", "payment_reference", "booked_at", "amount") + 1
    return pl.format(
        "{}/{}/{}", pl.col("booked_at").dt.strftime("%Y%m%dT%H%M%S%.6fZ"), pl.col("amount"), turn.cast(pl.String)
    )


def canonical(lines: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    """Lines with all the columns that the layout could fill, completed to the canonical ones.

    A row that does not say when it was is of the period's beginning.
    """
    nameless = pl.col("type") == "REFUND"
    at = pl.lit(period.start, dtype=pl.Datetime("us", "UTC"))
    return (
        lines.with_columns(booked_at=pl.col("booked_at").fill_null(at))
        .with_columns(business_date=business_date(period), by_bank=pl.lit(False), by_amount=nameless)
        .with_columns(reference=pl.when(nameless).then(pl.coalesce("own_reference", made_reference())))
        .with_columns(payment_alias=pl.lit(None), order_reference=pl.lit(None), pse_refund_reference=pl.lit(None))
        .select(pl.col(name).cast(kind) for name, kind in REPORT_SCHEMA.items())
    )
