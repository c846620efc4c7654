"""A line that tells what was settled takes the place of a plain one of the same money, which another file told first.

Two kinds of files may tell of one movement, and only one of them its fee and taxes. Whichever comes first, the books
are those of the one that tells more: the report of the plain line is read again, and proves nothing then.
"""

import polars as pl

from domain.models.settlements import Effect
from domain.settlements import booked

_KEY = ("payment_id", "type", "state", "amount", "_name")


def given_up(settled: pl.DataFrame, matched: pl.DataFrame) -> pl.DataFrame:
    """The plain lines (reconciliation/match.SETTLED_SCHEMA) that these lines take the place of.

    Of equal ones as many as the lines here are more than those that other reports tell as settled.
    """
    if not settled["plain"].any():  # so it is where all files are of one kind
        return settled.clear()
    plain = settled.filter(pl.col("plain"))
    whole = settled.filter((pl.col("effect") != Effect.NONE.value) & ~pl.col("plain"))
    name = pl.coalesce("reference", "pse_refund_reference")
    here = matched.filter(pl.col("payment_id").is_not_null() & booked.is_settled()).with_columns(name=name)
    counted = _counted(here, "_here").join(_counted(whole, "_whole"), on=_KEY, how="left", nulls_equal=True)
    turn = pl.int_range(1, pl.len() + 1).over(_KEY).cast(pl.Int64)
    return (
        plain.with_columns(_name=_name())
        .sort("line_id")
        .with_columns(_turn=turn)
        .join(counted, on=_KEY, how="inner", nulls_equal=True)
        .filter(pl.col("_turn") <= pl.col("_here") - pl.col("_whole").fill_null(0))
        .select(settled.columns)
    )


def _counted(lines: pl.DataFrame, into: str) -> pl.DataFrame:
    return lines.with_columns(_name=_name()).group_by(_KEY).agg(pl.len().cast(pl.Int64).alias(into))


def _name() -> pl.Expr:
    """The refund, or the name; a capture, and what names none, is one of its payment's by its amount."""
    named = ~pl.col("by_amount") & (pl.col("type") != "CAPTURE")
    return pl.when(named).then(pl.coalesce("refund_id", "name"))
