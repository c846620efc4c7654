"""Which lines prove a capture: a payment captured in parts has a line for each, up to what was captured.

A part is known by the PSE's name of it, where the line has one, else by its amount and time. A part that another kind
of report tells is the same part: of equal amounts as many are proven as the kind that tells of more of them knows.
"""

from typing import Final

import polars as pl

from domain.platform.in_columns import says

_PART = ["payment_id", "_part"]
_EQUAL = ["payment_id", "amount"]
_NEEDED = [
    *("line", "payment_id", "payment_captured", "amount", "booked_at", "kind"),
    *("reference", "pse_refund_reference"),
]


def place(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The lines with `capture` (CAPTURE or NONE; null for what is no capture), `capture_again` (a part that this
    report has told before) and `capture_told` (minor units: what the reports say was captured, if this one adds to it).
    """
    if not says(lines, "type", "CAPTURE"):
        return lines.with_columns(_NO_CAPTURE)
    # In memory, as wherever a frame is: polars' own choice begins threads for a few lines, and more memory for many.
    captures = lines.lazy().filter(_IS_CAPTURE).select(_NEEDED).collect(engine="in-memory")
    if captures.is_empty():
        return lines.with_columns(_NO_CAPTURE)
    told = settled.filter(pl.col("type") == "CAPTURE") if says(settled, "type", "CAPTURE") else settled.clear()
    if told.is_empty() and captures["payment_id"].n_unique() == captures.height:  # so it is in most reports
        return lines.with_columns(_ALL_PROVEN)
    alone = pl.col("payment_id").is_unique()
    once = (
        captures.filter(alone)
        if told.is_empty()
        else captures.filter(alone & ~pl.col("payment_id").is_in(told["payment_id"].drop_nulls().unique().implode()))
    )
    whole = [_whole(once)]
    if once.height < captures.height:
        whole.append(_in_parts(captures.join(once.select("line"), on="line", how="anti"), told))
    made = lines.select("line").join(pl.concat(whole), on="line", how="left", maintain_order="left")
    return lines.with_columns(made.drop("line"))


_IS_CAPTURE: Final = (
    (pl.col("type") == "CAPTURE") & (pl.col("state") == "SUCCEEDED") & pl.col("payment_id").is_not_null()
).fill_null(value=False)
_NO_CAPTURE: Final = (
    pl.lit(None, pl.String).alias("capture"),
    pl.lit(None, pl.Boolean).alias("capture_again"),
    pl.lit(None, pl.Int64).alias("capture_told"),
)
_PROVEN: Final = {"capture": pl.lit("CAPTURE"), "capture_again": pl.lit(value=False), "capture_told": pl.col("amount")}


_ALL_PROVEN: Final = tuple(pl.when(_IS_CAPTURE).then(one).alias(name) for name, one in _PROVEN.items())


def _whole(captures: pl.DataFrame) -> pl.DataFrame:
    """Of payments of which one line tells, and nothing else does: the line proves whatever it says."""
    return captures.select("line", **_PROVEN)


def _in_parts(captures: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    parts = _numbered(captures)
    others = _numbered(told)
    proven = others.filter(pl.col("effect") == "CAPTURE")
    # What another report has told twice is in it once more and proves nothing.
    others = pl.concat([proven, others.join(proven, on=_PART, how="anti").unique(_PART)])
    open_parts = _fresh(parts, others, proven)
    fitting = _fitting(open_parts, proven)
    made = _told(fitting, others, proven)
    return parts.select("line").join(made, on="line", how="left").with_columns(pl.col("capture").fill_null("NONE"))


def _numbered(lines: pl.DataFrame) -> pl.DataFrame:
    """`_part` names the part of its payment, `_turn` counts lines of equal name from 1."""
    seconds = pl.col("booked_at").dt.epoch("us").cast(pl.String)
    name = pl.coalesce("reference", "pse_refund_reference") if "reference" in lines.columns else pl.col("name")
    made = pl.coalesce(name, pl.format("{}/{}", "amount", seconds))
    order = ["booked_at", "line"] if "line" in lines.columns else ["booked_at"]
    return (
        lines.with_columns(_part=made, _named=name.is_not_null())
        .sort(order)
        .with_columns(_turn=pl.int_range(1, pl.len() + 1).over(_PART).cast(pl.Int64))
    )


def _fresh(parts: pl.DataFrame, others: pl.DataFrame, proven: pl.DataFrame) -> pl.DataFrame:
    """Parts that no other report has proven; `_adds`: more of its amount than other kinds of report have told."""
    known = proven.group_by(_PART).agg(pl.len().cast(pl.Int64).alias("_known"))
    here = parts.join(known, on=_PART, how="left").filter(pl.col("_turn") > pl.col("_known").fill_null(0))
    passive = others.filter(pl.col("effect") != "CAPTURE").join(parts.select(_PART).unique(), on=_PART, how="anti")
    once = here.filter(~pl.col("_named") | (pl.col("_turn") == 1))
    columns = [*_EQUAL, "kind"]
    every = pl.concat([one.select(columns) for one in (proven, passive, once)])
    of_kind = every.group_by(columns).agg(pl.len().cast(pl.Int64).alias("_told"))
    most = of_kind.group_by(_EQUAL).agg(pl.col("_told").max())
    done = proven.group_by(_EQUAL).agg(pl.len().cast(pl.Int64).alias("_done"))
    order = pl.int_range(1, pl.len() + 1).over(_EQUAL).cast(pl.Int64)
    return (
        here.join(most, on=_EQUAL, how="left")
        .join(done, on=_EQUAL, how="left")
        .sort("_turn", "booked_at", "line")
        .with_columns(_again=pl.col("_turn") > 1)
        .with_columns(
            _adds=(order <= pl.col("_told").fill_null(0) - pl.col("_done").fill_null(0))
            & ~(pl.col("_named") & pl.col("_again"))
        )
    )


def _fitting(parts: pl.DataFrame, proven: pl.DataFrame) -> pl.DataFrame:
    """`capture`: CAPTURE while the sum is not more than was captured; the first line has it whatever it says.

    What is told twice comes last, so it is only a part of its own where the captured amount needs it.
    """
    sums = proven.group_by("payment_id").agg(pl.col("amount").sum().alias("_before"))
    before, adding = pl.col("_before").fill_null(0), pl.when("_adds").then(pl.col("amount")).otherwise(0)
    together = before + adding.cum_sum().over("payment_id")
    first = (before == 0) & (together == pl.col("amount"))
    fits = pl.col("_adds") & ((together <= pl.col("payment_captured")) | first)
    return parts.join(sums, on="payment_id", how="left").with_columns(
        capture=pl.when(fits).then(pl.lit("CAPTURE")).otherwise(pl.lit("NONE")), _before=before
    )


def _told(parts: pl.DataFrame, others: pl.DataFrame, proven: pl.DataFrame) -> pl.DataFrame:
    """`capture_told` where a line proves something, or is of more than was captured by its own kind of report."""
    kinds = ["payment_id", "kind"]
    elsewhere = others.join(parts.select(_PART).unique(), on=_PART, how="anti").vstack(
        proven.join(parts.select(_PART).unique(), on=_PART, how="semi")
    )
    of_kind = elsewhere.group_by(kinds).agg(pl.col("amount").sum().alias("_kind"))
    is_capture = pl.col("capture") == "CAPTURE"
    proves = is_capture.any().over("payment_id")
    own = pl.when(is_capture | ~pl.col("_again")).then(pl.col("amount")).otherwise(0).sum().over(kinds)
    by_kind = pl.col("_by_kind")
    over = ~is_capture & ~pl.col("_again") & (by_kind > pl.col("payment_captured"))
    total = pl.col("_before") + pl.when(is_capture).then(pl.col("amount")).otherwise(0).sum().over("payment_id")
    most = pl.when(over).then(by_kind).max().over("payment_id")
    said = pl.when(proves | most.is_not_null()).then(pl.max_horizontal(total, most))
    return (
        parts.join(of_kind, on=kinds, how="left", nulls_equal=True)
        # A column of its own: a sum over lines inside another is made anew for each payment, of all lines each time.
        .with_columns(_by_kind=pl.col("_kind").fill_null(0) + own)
        .with_columns(capture_told=said, capture_again=~is_capture & pl.col("_again"))
        .select("line", "capture", "capture_again", "capture_told")
    )
