"""Matching a report with the books, set-wise and pure: which line settles what.

A payment is found by the PSE's reference of it, by another one, by the merchant's order. Keys of a refund, in order:
the PSE's refund reference, our reference, always within the same payment and currency; where the PSE tells neither, the
payment and the amount as a multiset, oldest first; never the amount alone. Every line gets one effect; what a line does
not settle becomes a finding (domain/reconciliation).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import polars as pl


class Effect(StrEnum):
    """What a line does to the books."""

    CAPTURE = "CAPTURE"  # proves a capture
    REFUND = "REFUND"  # proves that a refund of ours left
    RETURN = "RETURN"  # proves that a proven refund came back
    TAKEN = "TAKEN"  # money left that no refund of ours accounts for
    TAKEN_BACK = "TAKEN_BACK"  # and came back
    CHARGEBACK = "CHARGEBACK"  # proves that the customer's bank took the money back
    CHARGEBACK_REVERSED = "CHARGEBACK_REVERSED"  # and gave it again
    NONE = "NONE"  # says nothing about money


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
    "refund_sent": pl.Boolean,
}
SETTLED_SCHEMA: Final[Mapping[str, type[pl.DataType]]] = {
    "settled_payment_id": pl.String,
    "settled_reference": pl.String,
    "settled_effect": pl.String,
    "settled_refund_id": pl.String,
}


def match(
    lines: pl.DataFrame, payments: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The lines with their payment and refund: the columns of both schemas, null where nothing matches.

    `settled`: what other valid reports have settled; a line without a refund's id settles none of those.
    """
    placed = _with_payment(lines, payments)
    by_pse = refunds.filter(pl.col("refund_pse_reference").is_not_null()).select(
        pl.col("refund_payment_id").alias("payment_id"),
        pl.col("refund_pse_reference").alias("pse_refund_reference"),
        pl.col("refund_id").alias("_by_pse"),
    )
    by_ours = refunds.select(
        pl.col("refund_payment_id").alias("payment_id"),
        pl.col("refund_reference").alias("reference"),
        pl.col("refund_id").alias("_by_ours"),
    )
    is_refund = pl.col("type") == "REFUND"
    named = (
        placed.join(
            by_pse.unique(["payment_id", "pse_refund_reference"]), on=["payment_id", "pse_refund_reference"], how="left"
        )
        .join(by_ours, on=["payment_id", "reference"], how="left")
        .with_columns(pl.when(is_refund).then(pl.coalesce("_by_pse", "_by_ours")).alias("refund_id"))
        .drop("_by_pse", "_by_ours")
    )
    return (
        _by_amount(named, refunds, settled)
        .join(refunds.drop("refund_payment_id"), on="refund_id", how="left")
        .sort("line")
    )


def _with_payment(lines: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """The payment of each line by the first of its three names that we know, if its currency is the line's."""
    by_order = payments.filter(pl.col("known_order").is_not_null() & ~pl.col("known_order").is_duplicated())
    names = {"payment_reference": payments, "payment_alias": payments, "order_reference": by_order}
    placed = lines
    for number, (column, known) in enumerate(names.items()):
        key = "known_order" if column == "order_reference" else "known_reference"
        one = known.select(pl.col(key).alias(column), pl.col("payment_id").alias(f"_{number}")).unique(column)
        placed = placed.join(one, on=column, how="left")
    found = placed.with_columns(pl.coalesce("_0", "_1", "_2").alias("payment_id")).drop("_0", "_1", "_2")
    return found.join(payments.drop("known_order"), on="payment_id", how="left").with_columns(
        pl.when(pl.col("payment_currency") == pl.col("currency")).then(pl.col("payment_id")).alias("payment_id")
    )


def _by_amount(named: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame | None) -> pl.DataFrame:
    """Lines that name no refund, given one each of the payment's refunds of that amount: both sides oldest first.

    A `by_amount` line whose id is one of ours has its refund already, and keeps it from the others.
    """
    unnamed = pl.col("by_amount") & pl.col("refund_id").is_null()
    if named.filter(unnamed).is_empty():
        return named
    returned = pl.col("state") == "RETURNED"
    taken = (
        {Effect.RETURN.value: [], Effect.REFUND.value: []}
        if settled is None
        else {
            effect.value: settled.filter(pl.col("settled_effect") == effect.value)["settled_refund_id"]
            .drop_nulls()
            .to_list()
            for effect in (Effect.RETURN, Effect.REFUND)
        }
    )
    seen = named if settled is None else _seen_before(named, settled)
    parts = [seen.filter(~unnamed)]
    for condition, effect in ((~returned, Effect.REFUND), (returned, Effect.RETURN)):
        spoken_for = [*taken[effect.value], *seen.filter(condition)["refund_id"].drop_nulls()]
        free = refunds.filter(~pl.col("refund_id").is_in(spoken_for) & _may_have(effect))
        parts.append(_paired(seen.filter(unnamed & condition), free))
    return pl.concat(parts)


def _seen_before(named: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Lines that another valid report has, too: they are about the same refund as there."""
    known = settled.filter(pl.col("settled_refund_id").is_not_null()).select(
        pl.col("settled_payment_id").alias("payment_id"),
        pl.col("settled_reference").alias("reference"),
        pl.col("settled_refund_id").alias("_seen"),
    )
    return (
        named.join(known.unique(["payment_id", "reference"]), on=["payment_id", "reference"], how="left")
        .with_columns(
            pl.when(pl.col("by_amount")).then(pl.coalesce("refund_id", "_seen")).otherwise(pl.col("refund_id"))
        )
        .drop("_seen")
    )


def _may_have(effect: Effect) -> pl.Expr:
    left = pl.col("refund_state").is_in(["SUCCEEDED", "RETURNED"])
    # A request that was taken for lost can have arrived late; one that was never sent cannot have left.
    under_way = pl.col("refund_state").is_in(["SUBMITTED", "PENDING", "MANUAL"]) | (
        (pl.col("refund_state") == "REQUESTED") & pl.col("refund_sent")
    )
    return left if effect is Effect.RETURN else left | under_way


def _paired(lines: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    place = pl.int_range(pl.len()).over("payment_id", "amount").alias("_place")
    free = (
        refunds.sort("refund_at", "refund_id", nulls_last=True)
        .select(
            pl.col("refund_payment_id").alias("payment_id"),
            pl.col("refund_amount").alias("amount"),
            pl.col("refund_id").alias("_found"),
        )
        .with_columns(place)
    )
    return (
        lines.sort("booked_at", "line")
        .with_columns(place)
        .join(free, on=["payment_id", "amount", "_place"], how="left")
        .with_columns(pl.coalesce("refund_id", "_found").alias("refund_id"))
        .drop("_place", "_found")
    )


def cancelled() -> pl.Expr:
    """Lines that name no refund, of money that left and came back without one of ours: nothing is left of it."""
    unnamed = pl.col("by_amount") & pl.col("refund_id").is_null() & pl.col("payment_id").is_not_null()
    left, back = unnamed & (pl.col("state") == "SUCCEEDED"), unnamed & (pl.col("state") == "RETURNED")
    same = ("payment_id", "amount")
    pairs = pl.min_horizontal(left.sum().over(same), back.sum().over(same))
    return (left & (left.cum_sum().over(same) <= pairs)) | (back & (back.cum_sum().over(same) <= pairs))


def key() -> pl.Expr:
    """What names a refund's money in a report: our reference, else the PSE's."""
    return pl.coalesce("reference", "pse_refund_reference")


def with_effects(matched: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The matched lines with `effect`, given what other valid reports have settled already."""
    # Lines that name no refund have other names for its leaving and its return: both are known by our refund.
    ours = settled.filter(pl.col("settled_refund_id").is_not_null())
    both = pl.concat([settled, ours.with_columns(pl.col("settled_refund_id").alias("settled_reference"))])
    wide = both.with_columns(pl.lit(True).alias("_yes")).pivot(
        on="settled_effect",
        on_columns=[effect.value for effect in Effect],
        index=["settled_payment_id", "settled_reference"],
        values="_yes",
        aggregate_function="first",
    )
    known = wide.rename({effect.value: f"_{effect}" for effect in Effect})
    by_amount = pl.col("by_amount") & pl.col("refund_id").is_not_null()
    joined = (
        matched.with_columns(pl.when(by_amount).then(pl.col("refund_id")).otherwise(key()).alias("_key"))
        .join(
            known,
            left_on=["payment_id", "_key"],
            right_on=["settled_payment_id", "settled_reference"],
            how="left",
            nulls_equal=True,
        )
        .sort("line")
    )
    # A report may tell of a refund and of its return: the return is proven by the line before it.
    left = ((pl.col("type") == "REFUND") & (pl.col("state") == "SUCCEEDED")).any().over("refund_id")
    here = (left & pl.col("refund_id").is_not_null()).alias("_here")
    told = pl.when(cancelled()).then(pl.lit(Effect.NONE.value)).otherwise(_effect()).alias("effect")
    made = joined.with_columns(here).with_columns(told).with_columns(_once().alias("effect"))
    return made.drop("_here", "_key", *(f"_{effect}" for effect in Effect))


def _once() -> pl.Expr:
    """The effect, for the first line of a report that has it: a payment captured in parts has a line for each part, and
    what more of them came to is for a person to see in the amounts.
    """
    effect, number = pl.col("effect"), pl.int_range(pl.len())
    capture = (effect == Effect.CAPTURE.value) & (number.over("payment_id", "effect") > 0)
    settles = effect.is_in([Effect.REFUND.value, Effect.RETURN.value]) & pl.col("refund_id").is_not_null()
    again = capture | (settles & (number.over("refund_id", "effect") > 0))
    return pl.when(again).then(pl.lit(Effect.NONE.value)).otherwise(effect)


def _had(effect: Effect) -> pl.Expr:
    return pl.col(f"_{effect}").fill_null(False)


def _effect() -> pl.Expr:
    """A table, read from the top: the first condition that holds names the effect."""
    known = pl.col("payment_id").is_not_null()
    capture = pl.col("type") == "CAPTURE"
    left = pl.col("state") == "SUCCEEDED"
    back = pl.col("state").is_in(["FAILED", "RETURNED"])
    returned = pl.col("state") == "RETURNED"
    refund = pl.col("type") == "REFUND"
    ours = pl.col("refund_state").is_in(["SUCCEEDED", "RETURNED"])
    rows = [
        (capture & known & left & ~_had(Effect.CAPTURE), Effect.CAPTURE),
        (~refund | ~known, Effect.NONE),
        (left & ours & ~_had(Effect.REFUND), Effect.REFUND),
        (left & ~ours.fill_null(False) & ~_had(Effect.TAKEN) & ~_had(Effect.REFUND), Effect.TAKEN),
        (back & _had(Effect.REFUND) & ~_had(Effect.RETURN), Effect.RETURN),
        (returned & ours & pl.col("_here") & ~_had(Effect.RETURN), Effect.RETURN),
        (back & _had(Effect.TAKEN) & ~_had(Effect.TAKEN_BACK), Effect.TAKEN_BACK),
    ]
    chosen: pl.Expr = pl.lit(Effect.NONE.value)
    for condition, effect in reversed(rows):
        chosen = pl.when(condition).then(pl.lit(effect.value)).otherwise(chosen)
    return chosen
