"""What the two reports of Mercado Pago have in common: moments, names of refunds, and canonical lines."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import polars as pl

from domain.pse.kit.canonical import OUR_REFERENCE, columns, filled
from domain.pse.kit.cells import UNKNOWN_DECIMALS, BadRow, Row, currency_of, decimal_of, is_of_our_days
from domain.pse.vocabulary import Period

# yyyy-MM-dd'T'HH:mm:ss.SSSZ: the offset comes with a colon, without one, or as Z.
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
# Of these there is one way to write each moment: the reader of columns takes them.
_PLAIN_MOMENT: Final = (
    r"^2[01][0-9]{2}-(?:0[1-9]|1[0-2])-[0-3][0-9]T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3})?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])$"
)
_OF_A_PAYMENT: Final = ("CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED")
_FILLED: Final = (
    "type",
    "state",
    "payment_reference",
    "amount",
    "currency",
    "settled_gross",
    "settled_fee",
    "settled_withheld",
    "settled_net",
    "settled_currency",
    "payout_reference",
    "kind",
    "booked_at",
)
ID_MAX: Final = 100  # characters: what is longer is no id of Mercado Pago


def check_moment(row: Row, column: str) -> None:
    """Raises BadRow unless the cell is a moment with its offset."""
    text = row[column]
    try:
        if not _MOMENT.fullmatch(text) or not is_of_our_days(datetime.fromisoformat(text)):
            raise ValueError
    except ValueError as error:
        raise BadRow(
            column, f"{text[:40]!r} is no moment with its offset, as 2026-03-02T09:10:11.000-04:00."
        ) from error


def is_moment(column: str) -> pl.Expr:
    """Whether the cell is empty, or a moment that `check_moment` takes."""
    text = pl.col(column)
    day = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    return (text == "") | (text.str.contains(_PLAIN_MOMENT) & day.is_not_null())


def check_foreign(row: Row, column: str, amounts: Sequence[str]) -> None:
    """Raises BadCell unless `column` is a currency, though none that we know, and the amounts are decimals."""
    currency_of(row, column)
    for name in amounts:
        decimal_of(row, name, UNKNOWN_DECIMALS)


def moment(column: str) -> pl.Expr:
    """A checked column of moments, in UTC; null where the cell is empty."""
    text = pl.when(pl.col(column) != "").then(pl.col(column)).str.replace("Z$", "+00:00")
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", time_zone="UTC", strict=False)


def own_reference(*, detailed: bool) -> pl.Expr:
    """Our reference of a refund, where EXTERNAL_REFERENCE is the refund's own (`detailed`); else null.

    An order may look like a reference of ours: what several rows of one payment have is the payment's.
    """
    told = pl.col("EXTERNAL_REFERENCE")
    alone = pl.len().over("SOURCE_ID", "EXTERNAL_REFERENCE") == 1
    return pl.when(told.str.contains(OUR_REFERENCE) & alone & detailed).then(told)


def is_nameless() -> pl.Expr:
    """Whether the row does not name what it is about."""
    source = pl.col("SOURCE_ID")
    return (source == "") | (source.str.len_chars() > ID_MAX)


def words(*parts: pl.Expr) -> pl.Expr:
    """What a row calls itself, and why it is not that: the parts that are not null."""
    said = pl.concat_str(parts, separator=" ", ignore_nulls=True)
    return pl.when(said != "").then(said).otherwise(pl.lit("a row without words"))


def made_reference() -> pl.Expr:
    """A name for a refund that the report does not name: its moment, its amount and its turn among equals.

    Equal rows are of the same moment, so they are always in the same file, and the names are the same every time.
    """
    turn = pl.int_range(pl.len()).over("type", "state", "payment_reference", "booked_at", "amount") + 1
    return pl.format(
        "{}/{}/{}", pl.col("booked_at").dt.strftime("%Y%m%dT%H%M%S%.6fZ"), pl.col("amount"), turn.cast(pl.String)
    )


def canonical(lines: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    """Lines with `type`, `_units`, `own_reference` and what else the layout could fill, made canonical."""
    kind = pl.col("type")
    nameless, back = kind == "REFUND", (kind == "REFUND") & (pl.col("_units") > 0)
    found = lines.with_columns(
        state=pl.when(back).then(pl.lit("RETURNED")).otherwise(pl.lit("SUCCEEDED")),
        payment_reference=filled("SOURCE_ID", kind.is_in(_OF_A_PAYMENT)),
        payout_reference=filled("SOURCE_ID", kind == "PAYOUT"),
    )
    values = {name: pl.col(name) for name in _FILLED} | {
        "by_amount": nameless,
        "reference": pl.when(nameless).then(pl.coalesce("own_reference", made_reference())),
    }
    return columns(found, period, values)
