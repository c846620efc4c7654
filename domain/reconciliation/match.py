"""Matching a report with the books, set-wise and pure: which line settles what.

A payment is found by the PSE's reference of it, or by another one; by the merchant's order only where the line names no
payment and one payment has it. Keys of a refund, in order: the PSE's refund reference, our reference, always within the
same payment and currency; a line that names no refund is placed by reconciliation/nameless, never by the amount alone.
What a line does is for `effects` to say.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from domain.models.settlements import Effect
from domain.platform.in_columns import is_empty
from domain.reconciliation import captures, nameless

PAYMENT_SCHEMA: Final[Mapping[str, type[pl.DataType] | pl.DataType]] = {
    "known_reference": pl.String,
    "known_order": pl.String,
    "payment_id": pl.String,
    "store_id": pl.String,
    "payment_currency": pl.String,
    "payment_captured": pl.Int64,
    "payment_taken": pl.Boolean,  # something of it is in SUSPENSE
}
REFUND_SCHEMA: Final[Mapping[str, type[pl.DataType] | pl.DataType]] = {
    "refund_id": pl.String,
    "refund_payment_id": pl.String,
    "refund_reference": pl.String,
    "refund_pse_reference": pl.String,
    "refund_state": pl.String,
    "refund_amount": pl.Int64,
    "refund_tax": pl.Int64,
    "refund_at": pl.Datetime("us", "UTC"),
    "refund_made": pl.Datetime("us", "UTC"),  # when it was asked for
    "refund_sent": pl.Boolean,  # an order that may have arrived was sent
    "refund_by_bank": pl.Boolean,  # a person paid it from the bank
    "refund_askable": pl.Boolean,  # the PSE can be asked about it now
}
# What the other valid reports have of the same payments: what moved money, and every capture and refund.
SETTLED_SCHEMA: Final[Mapping[str, type[pl.DataType] | pl.DataType]] = {
    "payment_id": pl.String,
    "name": pl.String,
    "type": pl.String,
    "state": pl.String,
    "by_amount": pl.Boolean,
    "amount": pl.Int64,
    "kind": pl.String,
    "booked_at": pl.Datetime("us", "UTC"),
    "effect": pl.String,
    "refund_id": pl.String,
    "line_id": pl.Int64,
    "plain": pl.Boolean,  # it moved money, and does not tell what was settled of it
    "pse_refund_reference": pl.String,
    "payout_reference": pl.String,
    "booked_as": pl.String,
    "report": pl.Int64,  # the same for all lines of one report, and another one for another's
    "unsettled": pl.Boolean,  # it does not tell what was settled
    "net": pl.String,  # what was settled of money that is no refund of ours and has a name, in major units
}


def match(
    lines: pl.DataFrame, payments: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame
) -> pl.DataFrame:
    """The lines with their payment and refund (the columns of both schemas, null where nothing matches), and with what
    domain/reconciliation/captures and domain/reconciliation/nameless say of them.

    `settled`: what other valid reports have. `suspense`: what is booked as taken (nameless.SUSPENSE_SCHEMA).
    """
    ordered = lines if lines["line"].is_sorted() else lines.sort("line")
    placed = captures.place(_with_payment(ordered, payments), settled)
    # All else is no refund's: most lines of most reports.
    moved = settled if settled.is_empty() else settled.filter(~_BESIDE)
    return beside(placed, _with_refund(placed.filter(pl.col("type") == "REFUND"), refunds, moved, suspense))


# Rows of refunds by name that settle nothing, be they in SUSPENSE: they are movements all the same (refund_parts).
_BESIDE: Final = (
    (pl.col("type") == "REFUND") & ~pl.col("by_amount") & (pl.col("effect") == Effect.NONE.value)
).fill_null(value=False)


def beside(lines: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The lines with the new columns of those of them that were `found`, null for the others.

    What stands there already is not written again: a copy of all columns is most of what a large night would need.
    """
    new = [column for column in found.columns if column not in lines.columns]
    if found.is_empty():
        return lines.with_columns(pl.lit(None, found.schema[name]).alias(name) for name in new)
    if found["line"].equals(lines["line"]):
        return lines.hstack(found[new])
    told = lines.lazy().select("line").join(found[["line", *new]].lazy(), on="line", how="left", maintain_order="left")
    return lines.hstack(told.drop("line").collect(engine="in-memory"))


def _with_refund(
    lines: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame
) -> pl.DataFrame:
    placed = nameless.place(_named_refund(lines, refunds), refunds, settled, suspense)
    if refunds.is_empty():
        return placed.with_columns(pl.lit(None, kind).alias(name) for name, kind in _OF_REFUND.items())
    return placed.join(refunds.drop("refund_payment_id"), on="refund_id", how="left")


_OF_REFUND: Final = {
    name: kind for name, kind in REFUND_SCHEMA.items() if name not in {"refund_id", "refund_payment_id"}
}


def _named_refund(lines: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    """The lines with the refund that they name."""
    if refunds.is_empty():  # so it is where nobody refunded by us
        return lines.with_columns(pl.lit(None, pl.String).alias("refund_id"))
    by_pse = (
        refunds.lazy()
        .filter(pl.col("refund_pse_reference").is_not_null())
        .select(
            pl.col("refund_payment_id").alias("payment_id"),
            pl.col("refund_pse_reference").alias("pse_refund_reference"),
            pl.col("refund_id").alias("_by_pse"),
        )
    )
    by_ours = refunds.lazy().select(
        pl.col("refund_payment_id").alias("payment_id"),
        pl.col("refund_reference").alias("reference"),
        pl.col("refund_id").alias("_by_ours"),
    )
    keys = ["payment_id", "pse_refund_reference"]
    return (
        lines.lazy()
        .join(by_pse.unique(keys), on=keys, how="left")
        .join(by_ours, on=["payment_id", "reference"], how="left")
        .with_columns(refund_id=pl.coalesce("_by_pse", "_by_ours"))
        .drop("_by_pse", "_by_ours")
        .collect(engine="in-memory")
    )


def _with_payment(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """The payment of each line, if its currency is the line's. A named payment that we do not know is unknown."""
    known = payments if payments["payment_id"].n_unique() == payments.height else payments.unique("payment_id")
    place = _place_of(lines, known)
    if not orders_of(lines).is_empty():  # in most reports no line names an order alone
        found = _by_order(lines.with_columns(payment_id=known["payment_id"].gather(place)), payments)
        ours = known.select("payment_id", pl.int_range(pl.len(), dtype=pl.UInt32).alias("place"))
        place = found.to_frame("payment_id").join(ours, on="payment_id", how="left", maintain_order="left")["place"]
    whole = lines.hstack(known.select(pl.exclude("known_order").gather(place)))
    same = pl.col("payment_currency") == pl.col("currency")
    return whole.with_columns(pl.when(same).then("payment_id").alias("payment_id"))


def named_payment(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.Series:
    """The payment of ours that each line names, by whichever of its names, and whatever the currency."""
    return payments["payment_id"].gather(_place_of(lines, payments)).alias("payment_id")


def _place_of(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.Series:
    """The row of the payment that each line names, by whichever of its names."""
    ours = payments.select("known_reference", pl.int_range(pl.len(), dtype=pl.UInt32).alias("place"))
    names = ours.unique("known_reference")
    found = _named(lines, names, "payment_reference")
    if not found.has_nulls():
        return found
    rest = lines.select("payment_alias").filter(found.is_null())
    if rest["payment_alias"].null_count() == rest.height:
        return found
    by_alias = _named(rest, names, "payment_alias")
    return found.scatter(found.is_null().arg_true(), by_alias)


UNNAMED: Final = pl.col("payment_reference").is_null() & pl.col("payment_alias").is_null()


def orders_of(lines: pl.DataFrame) -> pl.Series:
    """The orders of the lines that name no payment: of the others they are not asked."""
    orders = lines["order_reference"]
    if is_empty(orders) or not lines["payment_reference"].has_nulls():
        return orders.clear()
    return lines.filter(UNNAMED)["order_reference"].drop_nulls().unique()


def _named(lines: pl.DataFrame, names: pl.DataFrame, column: str) -> pl.Series:
    """The row of the payment that each line names in that column."""
    ours = names.select(pl.col("known_reference").alias(column), "place")
    return lines.select(column).join(ours, on=column, how="left", maintain_order="left")["place"]


def _by_order(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.Series:
    """The payments of the lines, of those that name none the payment of their order."""
    wanted = orders_of(lines).to_frame()
    orders = _orders(lines.join(wanted, on="order_reference", how="semi"), payments)
    told = lines.select("order_reference").join(orders, on="order_reference", how="left", maintain_order="left")
    found = pl.when(UNNAMED).then(told["_of_order"]).otherwise(pl.col("payment_id"))
    return lines.select(payment_id=found)["payment_id"]


def _orders(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Orders that one payment alone has, as far as the books and the report's own lines tell."""
    books = payments.select(pl.col("known_order").alias("order_reference"), pl.col("payment_id").alias("_of_order"))
    name = pl.coalesce("payment_id", "payment_reference", "payment_alias")
    told = lines.select("order_reference", name.alias("_of_order"))
    every = pl.concat([books, told]).drop_nulls().unique()
    return every.join(books.unique(), on=["order_reference", "_of_order"], how="semi").join(
        every.group_by("order_reference").agg(pl.len().alias("_payments")).filter(pl.col("_payments") == 1),
        on="order_reference",
        how="semi",
    )
