"""Matching a report with the books, set-wise and pure: which line settles what.

Keys in order: the PSE's refund reference, our reference, always within the same payment and currency; never the amount
alone. Every line gets one effect; what a line does not settle becomes a finding (domain/reconciliation).
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
    NONE = "NONE"  # says nothing about money


PAYMENT_SCHEMA: Final[Mapping[str, type[pl.DataType]]] = {
    "payment_reference": pl.String,
    "payment_id": pl.String,
    "store_id": pl.String,
    "payment_currency": pl.String,
    "payment_captured": pl.Int64,
}
REFUND_SCHEMA: Final[Mapping[str, type[pl.DataType]]] = {
    "refund_id": pl.String,
    "refund_payment_id": pl.String,
    "refund_reference": pl.String,
    "refund_pse_reference": pl.String,
    "refund_state": pl.String,
    "refund_amount": pl.Int64,
    "refund_tax": pl.Int64,
}
SETTLED_SCHEMA: Final[Mapping[str, type[pl.DataType]]] = {
    "settled_payment_id": pl.String,
    "settled_reference": pl.String,
    "settled_effect": pl.String,
}


def match(lines: pl.DataFrame, payments: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    """The lines with their payment and refund: the columns of both schemas, null where nothing matches."""
    placed = lines.join(payments, on="payment_reference", how="left").with_columns(
        pl.when(pl.col("payment_currency") == pl.col("currency")).then(pl.col("payment_id")).alias("payment_id")
    )
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
    return (
        placed.join(
            by_pse.unique(["payment_id", "pse_refund_reference"]), on=["payment_id", "pse_refund_reference"], how="left"
        )
        .join(by_ours, on=["payment_id", "reference"], how="left")
        .with_columns(pl.when(is_refund).then(pl.coalesce("_by_pse", "_by_ours")).alias("refund_id"))
        .drop("_by_pse", "_by_ours")
        .join(refunds.drop("refund_payment_id"), on="refund_id", how="left")
        .sort("line")
    )


def with_effects(matched: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The matched lines with `effect`, given what other valid reports have settled already."""
    wide = settled.with_columns(pl.lit(True).alias("_yes")).pivot(
        on="settled_effect",
        on_columns=[effect.value for effect in Effect],
        index=["settled_payment_id", "settled_reference"],
        values="_yes",
        aggregate_function="first",
    )
    known = wide.rename({effect.value: f"_{effect}" for effect in Effect})
    joined = matched.join(
        known,
        left_on=["payment_id", "reference"],
        right_on=["settled_payment_id", "settled_reference"],
        how="left",
        nulls_equal=True,
    ).sort("line")
    return joined.with_columns(_effect().alias("effect")).drop(*(f"_{effect}" for effect in Effect))


def _had(effect: Effect) -> pl.Expr:
    return pl.col(f"_{effect}").fill_null(False)


def _effect() -> pl.Expr:
    """A table, read from the top: the first condition that holds names the effect."""
    known = pl.col("payment_id").is_not_null()
    capture = pl.col("type") == "CAPTURE"
    left = pl.col("state") == "SUCCEEDED"
    failed = pl.col("state") == "FAILED"
    ours = pl.col("refund_state").is_in(["SUCCEEDED", "RETURNED"])
    rows = [
        (capture & known & left & ~_had(Effect.CAPTURE), Effect.CAPTURE),
        (capture | ~known, Effect.NONE),
        (left & ours & ~_had(Effect.REFUND), Effect.REFUND),
        (left & ~ours.fill_null(False) & ~_had(Effect.TAKEN) & ~_had(Effect.REFUND), Effect.TAKEN),
        (failed & _had(Effect.REFUND) & ~_had(Effect.RETURN), Effect.RETURN),
        (failed & _had(Effect.TAKEN) & ~_had(Effect.TAKEN_BACK), Effect.TAKEN_BACK),
    ]
    chosen: pl.Expr = pl.lit(Effect.NONE.value)
    for condition, effect in reversed(rows):
        chosen = pl.when(condition).then(pl.lit(effect.value)).otherwise(chosen)
    return chosen
