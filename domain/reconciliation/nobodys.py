"""Lines that name no refund and were given to none: what they do to what is taken. Set-wise and pure.

Everything is counted per payment and amount, as multisets: equal money has no names. The rules are the last rows of
docs/decisions/014-when-a-line-is-given-to-a-refund.md.
"""

from typing import Final

import polars as pl

GROUP: Final = ("payment_id", "amount")
LINE: Final = ("payment_id", "name", "state")  # a line that names no refund, whatever report has it
_PART: Final = (*LINE, "amount")  # one that names a refund may be a part of it
LEFT, BACK = pl.col("state") == "SUCCEEDED", pl.col("state") == "RETURNED"


def stay_taken(settled: pl.DataFrame) -> pl.DataFrame:
    """How often so much stays taken by the lines of other reports."""
    nobodys = settled.filter(pl.col("refund_id").is_null() & pl.col("by_amount"))
    return nobodys.group_by(GROUP).agg((_count("TAKEN") - _count("TAKEN_BACK")).alias("_stay"))


def _count(effect: str) -> pl.Expr:
    return (pl.col("effect") == effect).sum().cast(pl.Int64)


def accounted(lines: pl.DataFrame, owned: pl.DataFrame, settled: pl.DataFrame, disputed: pl.DataFrame) -> pl.DataFrame:
    """What the lines of nobody do: so many are taken, or taken back, that with other reports' lines the sum is right.

    Of equal amounts as many left, and as many came back, as the witness that tells of more of them knows: a witness is
    one kind of report, known by its own word for the row (`kind`). What came back is paired with what left, whichever
    is read first; where it may be money of ours (`disputed`), it is paired with nothing. `owned`: the report's lines
    that have a refund or a name.
    """
    if lines.is_empty():
        return lines.with_columns(
            nameless=pl.lit(None, pl.String), told_before=pl.lit(None, pl.Int64), unclear=pl.lit(None, pl.String)
        )
    clear = lines.with_columns(pl.col("_unclear").fill_null(value=False))
    told = _told_elsewhere(pl.concat([lines.select(_PART), owned.select(_PART)]), settled)
    here = pl.concat([clear.filter(~pl.col("_unclear")), owned.unique(_PART)], how="diagonal")
    sums = _sums(told, here, disputed)
    counted = clear.join(sums, on=GROUP, how="left").sort(pl.col("stays").fill_null(value=False), "booked_at", "line")
    more = pl.col("_outs") - pl.min_horizontal("_backs", "_outs") - pl.col("_stay")
    out, back = LEFT, BACK & ~pl.col("_unclear")
    # Counted from the end, what was booked as taken before first of all: it stays so.
    number_out, number_back = (one.cast(pl.Int64).cum_sum(reverse=True).over(GROUP) for one in (out, back))
    effect = (
        pl.when(out & (number_out <= more))
        .then(pl.lit("TAKEN"))
        .when(back & (number_back <= -more))
        .then(pl.lit("TAKEN_BACK"))
        .otherwise(pl.lit("NONE"))
    )
    open_back = back & (number_back <= pl.col("_backs") - pl.col("_outs"))
    unclear = pl.when("_unclear").then(pl.lit("SEVERAL")).when(open_back).then(pl.lit("NOTHING"))
    return counted.with_columns(nameless=effect, told_before=pl.col("_stay"), unclear=unclear).drop(
        "_outs", "_backs", "_stay"
    )


def _told_elsewhere(here: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The lines of refunds in other reports, each once, and those that moved nothing only if none of `here` is it."""
    refunds = settled.filter(pl.col("type") == "REFUND")
    nobodys = pl.col("refund_id").is_null() & pl.col("by_amount")
    other = refunds.filter(nobodys).unique([*LINE, "effect"], maintain_order=True)
    moved, again = other.filter(pl.col("effect") != "NONE"), here.select(LINE).unique()
    known = pl.concat([moved.select(LINE), again]).unique()
    parts = here.select(_PART).unique()
    given = refunds.filter(~nobodys).unique(_PART, maintain_order=True).join(parts, on=_PART, how="anti")
    return pl.concat([other.filter(pl.col("effect") == "NONE").join(known, on=LINE, how="anti"), moved, given])


def _sums(told: pl.DataFrame, here: pl.DataFrame, disputed: pl.DataFrame) -> pl.DataFrame:
    """Per payment and amount: `_outs` and `_backs` of nobody, `_stay` taken by other reports.

    The witness that tells of more counts; what has a refund or a name is none of nobody's.
    """
    columns = [*GROUP, "kind", "state", "refund_id", "by_amount", "name"]
    sure = told.join(disputed, on=GROUP, how="anti")
    clear = (pl.col("effect") == "TAKEN_BACK") | pl.col("refund_id").is_not_null()
    doubtful = told.join(disputed, on=GROUP, how="semi").filter(LEFT | clear)
    every = pl.concat([one.select(columns) for one in (sure, doubtful, here)])
    of_kind = every.group_by(*GROUP, "kind").agg(
        LEFT.sum().cast(pl.Int64).alias("_outs"), BACK.sum().cast(pl.Int64).alias("_backs")
    )
    owner = pl.when(pl.col("refund_id").is_not_null() | ~pl.col("by_amount")).then(pl.coalesce("refund_id", "name"))
    owned = every.group_by(GROUP).agg(
        owner.filter(LEFT).drop_nulls().n_unique().cast(pl.Int64).alias("_owned_outs"),
        owner.filter(BACK).drop_nulls().n_unique().cast(pl.Int64).alias("_owned_backs"),
    )
    most = of_kind.group_by(GROUP).agg(pl.col("_outs").max(), pl.col("_backs").max()).join(owned, on=GROUP)
    return (
        most.join(stay_taken(told), on=GROUP, how="left")
        .with_columns(pl.col("_stay").fill_null(0))
        .with_columns(
            (pl.col(name) - pl.col(f"_owned{name}")).clip(lower_bound=0).alias(name) for name in ("_outs", "_backs")
        )
        .drop("_owned_outs", "_owned_backs")
    )


def told_again(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """How many lines only tell once more what another kind of report has told, as `_explained`."""
    if lines.is_empty() or settled.is_empty():
        return lines.clear().select(*GROUP, pl.lit(None, pl.Int64).alias("_explained"))
    same = [*GROUP, "state"]
    of_kind = _told_elsewhere(lines, settled).group_by(*same, "kind").agg(pl.len().cast(pl.Int64).alias("_mine"))
    most = of_kind.group_by(same).agg(pl.col("_mine").max().alias("_most"))
    kinds = lines.select(*same, "kind").unique().join(of_kind, on=[*same, "kind"], how="left", nulls_equal=True)
    more = (pl.col("_most").fill_null(0) - pl.col("_mine").fill_null(0)).clip(lower_bound=0)
    return kinds.join(most, on=same, how="left").group_by(GROUP).agg(more.max().alias("_explained"))


def together(*explained: pl.DataFrame) -> pl.DataFrame:
    """The sums of `_explained` per payment and amount."""
    return pl.concat(explained).group_by(GROUP).agg(pl.col("_explained").sum())
