"""Lines that name no refund: which are given to a refund, and what the others do to what was taken. Set-wise and pure.

The rules are a table: docs/decisions/014-when-a-line-is-given-to-a-refund.md, whose rows the functions are named after.
Everything is counted per payment and amount, as multisets: equal money has no names.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import polars as pl

SUSPENSE_SCHEMA: Final[Mapping[str, type[pl.DataType] | pl.DataType]] = {
    "payment_id": pl.String,
    "amount": pl.Int64,
    "suspense_open": pl.Int64,  # how often so much is booked as taken and neither came back nor turned out ours
    "suspense_names": pl.List(pl.String),  # of the nameless lines among them
    "suspense_nameless": pl.Int64,  # how often so much still stands of what nameless lines told
}
GROUP: Final = ("payment_id", "amount")
_LINE: Final = ("payment_id", "name", "state")  # a line that names no refund, whatever report has it
_CLOCKS: Final = timedelta(days=1)  # what the times of a report and ours may differ by: some give no zone
_UNDER_WAY: Final = ("REQUESTED", "SUBMITTED", "PENDING", "MANUAL")
_LEFT, _BACK = pl.col("state") == "SUCCEEDED", pl.col("state") == "RETURNED"


def place(named: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame) -> pl.DataFrame:
    """The lines with the refund that each is given to; those given to none have

    `nameless`: the effect (TAKEN, TAKEN_BACK, NONE; null for a line that has a refund or a name). `told_before`: how
    often so much stays taken by the lines of other reports. `asked`: refunds that may have it and can be asked about.
    `unclear`: it came back, and SEVERAL can be it, or NOTHING is known that had left. `stays`: booked as taken before.
    """
    lines = _first_told(_seen_before(named.with_columns(name=name_of_line()), settled), settled)
    free = (
        (pl.col("type") == "REFUND")
        & pl.col("by_amount")
        & pl.col("refund_id").is_null()
        & pl.col("payment_id").is_not_null()
        & (_LEFT | _BACK)
    )
    told, kept = lines.filter(free & ~pl.col("_again")), lines.filter(~free | pl.col("_again"))
    left = _given_as_left(told.filter(_LEFT), kept, refunds, settled, suspense)
    paid = _may_come_back(pl.concat([kept, left], how="diagonal"), refunds, settled)
    back = _given_as_returned(told.filter(_BACK), paid, left, settled, suspense)
    placed = pl.concat([left, back], how="diagonal")
    nobodys = pl.col("refund_id").is_null()
    succeeded = paid.filter(pl.col("refund_state") == "SUCCEEDED")
    owned = pl.concat([kept.filter((pl.col("type") == "REFUND") & ~pl.col("_again")), placed], how="diagonal")
    disputed = _groups_of(succeeded).select(GROUP).unique()
    booked = _accounted(placed.filter(nobodys), owned.filter(~nobodys | ~pl.col("by_amount")), settled, disputed)
    twice = kept.with_columns(nameless=pl.when(free & nobodys).then(pl.lit("NONE")))
    whole = pl.concat([twice, placed.filter(~nobodys), booked], how="diagonal")
    return whole.with_columns(pl.col("told_before").fill_null(0)).drop("name", "_again", "_unclear", "_candidates")


def name_of_line() -> pl.Expr:
    """What names a refund's money in a report: our reference, else the PSE's."""
    return pl.coalesce("reference", "pse_refund_reference")


def _seen_before(named: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Lines that another valid report has, too: they are about the same refund as there."""
    # A refund that has its own line here is not what another line of that kind is about.
    own = named.filter(pl.col("refund_id").is_not_null()).select("refund_id", "state", "kind").unique()
    known = (
        settled.filter(pl.col("refund_id").is_not_null() & pl.col("by_amount"))
        .join(own, on=["refund_id", "state", "kind"], how="anti", nulls_equal=True)
        .select("payment_id", "name", "state", pl.col("refund_id").alias("_seen"))
    )
    seen = pl.when(pl.col("by_amount")).then(pl.coalesce("refund_id", "_seen")).otherwise(pl.col("refund_id"))
    return named.join(known.unique(_LINE), on=_LINE, how="left").with_columns(refund_id=seen).drop("_seen")


def _first_told(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """`_again`: the same report has the line before, or another one has booked it as taken."""
    booked = settled.filter(
        pl.col("refund_id").is_null() & pl.col("by_amount") & pl.col("effect").is_in(["TAKEN", "TAKEN_BACK"])
    )
    elsewhere = booked.select(*_LINE).unique().with_columns(_elsewhere=pl.lit(value=True))
    repeated = pl.int_range(pl.len()).over("type", *_LINE) > 0
    return (
        lines.join(elsewhere, on=_LINE, how="left")
        .sort("line")
        .with_columns(_again=pl.col("by_amount") & (repeated | pl.col("_elsewhere").fill_null(value=False)))
        .drop("_elsewhere")
    )


# Given to a refund


def _given_as_left(
    lines: pl.DataFrame, kept: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame
) -> pl.DataFrame:
    """Lines of money that left: to refunds that are known to have left, then to those in doubt, then to nobody."""
    spoken_for = _refunds_of(settled, "REFUND") + _refunds_of(kept.filter(_LEFT))
    open_ones = refunds.filter(~pl.col("refund_by_bank") & ~pl.col("refund_id").is_in(spoken_for))
    # What was booked as taken stays so until a refund's own news claims it; of what all came back nothing stays.
    names = (
        suspense.filter(pl.col("suspense_nameless") > 0)
        .select("payment_id", pl.col("suspense_names").alias("name"))
        .explode("name")
        .drop_nulls()
    )
    stays = names.unique().with_columns(stays=pl.lit(value=True))
    told = lines.join(stays, on=["payment_id", "name"], how="left").with_columns(pl.col("stays").fill_null(value=False))
    fresh = told.filter(~pl.col("stays"))
    known = _paired(fresh, open_ones.filter(pl.col("refund_state").is_in(["SUCCEEDED", "RETURNED"])))
    rest = known.filter(pl.col("refund_id").is_null())
    doubtful = open_ones.filter(pl.col("refund_state").is_in(_UNDER_WAY) & pl.col("refund_sent"))
    given = _alone(rest, doubtful, _together(_explained(told, settled, suspense), _told_again(rest, settled)))
    return pl.concat([known.filter(pl.col("refund_id").is_not_null()), given, told.filter("stays")], how="diagonal")


def _may_come_back(placed: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Refunds whose return no line has proven: those that came back by their own news, and those proven to have left.

    The proven ones come first (`_unproven`).
    """
    spoken_for = _refunds_of(settled, "RETURN") + _refunds_of(placed.filter(_BACK))
    proven = _refunds_of(settled, "REFUND") + _refunds_of(placed.filter(_LEFT & (pl.col("type") == "REFUND")))
    open_ones = refunds.filter(~pl.col("refund_by_bank") & ~pl.col("refund_id").is_in(spoken_for)).with_columns(
        _unproven=~pl.col("refund_id").is_in(proven)
    )
    state = pl.col("refund_state")
    return open_ones.filter((state == "RETURNED") | ((state == "SUCCEEDED") & ~pl.col("_unproven")))


def _given_as_returned(
    lines: pl.DataFrame, paid: pl.DataFrame, left: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame
) -> pl.DataFrame:
    """Lines of money that came back: to refunds that say so, then to the only ones that can have come back."""
    known = _paired(lines, _came_back(paid, settled))
    rest = known.filter(pl.col("refund_id").is_null())
    taken = suspense.select(*GROUP, pl.col("suspense_open").clip(lower_bound=0).alias("_explained"))
    here = left.filter(pl.col("refund_id").is_null()).group_by(GROUP).agg(pl.len().cast(pl.Int64).alias("_explained"))
    explained = _together(taken, here, _told_again(rest, settled))
    given = _alone(
        rest, paid.filter(pl.col("refund_state") == "SUCCEEDED"), explained, whoever_can_be_asked=True
    ).with_columns(_unclear=pl.col("refund_id").is_null() & (pl.col("_candidates").fill_null(0) > 0))
    return pl.concat([known.filter(pl.col("refund_id").is_not_null()), given], how="diagonal")


def _came_back(paid: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Refunds that came back by their own news: of those that no line proves to have left only where no line of
    nobody's, which may be theirs, has told of the same money (reconciliation/to_repeat has it read again first).
    """
    back = _groups_of(paid.filter(pl.col("refund_state") == "RETURNED"))
    lines = settled.filter(pl.col("refund_id").is_null() & pl.col("by_amount") & (pl.col("effect") == "TAKEN"))
    others = back.join(lines.select(GROUP).unique(), on=GROUP, how="semi").filter("_unproven")
    return back.join(others, on="refund_id", how="anti").drop(*GROUP)


def _groups_of(refunds: pl.DataFrame) -> pl.DataFrame:
    return refunds.with_columns(payment_id=pl.col("refund_payment_id"), amount=pl.col("refund_amount"))


def _refunds_of(lines: pl.DataFrame, effect: str | None = None) -> list[str]:
    chosen = lines if effect is None else lines.filter(pl.col("effect") == effect)
    return chosen["refund_id"].drop_nulls().to_list()


def _paired(lines: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    """As many lines as there are refunds of that payment and amount, one each, both sides oldest first.

    A line of before the first of them was asked for is about other money.
    """
    turn = pl.int_range(pl.len()).over(GROUP).alias("_place")
    unproven = ["_unproven"] if "_unproven" in refunds.columns else []
    free = (
        refunds.sort(*unproven, "refund_at", "refund_id", nulls_last=True)
        .select(
            pl.col("refund_payment_id").alias("payment_id"),
            pl.col("refund_amount").alias("amount"),
            pl.col("refund_id").alias("_found"),
            pl.col("refund_made").min().over("refund_payment_id", "refund_amount").alias("_since"),
        )
        .with_columns(turn)
    )
    since = free.group_by(GROUP).agg(pl.col("_since").first())
    dated = lines.drop("_since", strict=False).join(since, on=GROUP, how="left")
    early = (pl.col("booked_at") < pl.col("_since") - _CLOCKS).fill_null(value=False)
    late = dated.filter(~early).sort("booked_at", "line").with_columns(turn)
    found = late.join(free.drop("_since"), on=[*GROUP, "_place"], how="left").with_columns(
        refund_id=pl.coalesce("refund_id", "_found")
    )
    return pl.concat([found.drop("_place", "_found"), dated.filter(early)], how="diagonal").drop("_since")


def _alone(
    lines: pl.DataFrame, candidates: pl.DataFrame, explained: pl.DataFrame, *, whoever_can_be_asked: bool = False
) -> pl.DataFrame:
    """Lines given to candidates that alone can have them: as many as lines, and no other money explains one of them.

    Else nobody guesses: `asked` has those that can be asked about. In doubt, whoever can be asked is asked first.
    """
    groups = (
        _groups_of(candidates)
        .group_by(GROUP)
        .agg(
            pl.len().alias("_candidates"),
            pl.col("refund_id").filter(pl.col("refund_askable")).sort().alias("asked"),
            pl.col("refund_made").min().alias("_since"),
        )
    )
    counted = (
        lines.join(groups, on=GROUP, how="left")
        .join(explained, on=GROUP, how="left")
        .with_columns(_early=(pl.col("booked_at") < pl.col("_since") - _CLOCKS).fill_null(value=False))
    )
    as_many = pl.col("_candidates") == (~pl.col("_early")).sum().over(GROUP)
    only = as_many & (pl.col("_explained").fill_null(0) == 0) & ~pl.col("_early")
    if not whoever_can_be_asked:
        only = only & (pl.col("asked").list.len() == 0)
    sure = counted.with_columns(_only=only.fill_null(value=False))
    given = _paired(sure.filter("_only"), candidates).with_columns(asked=pl.lit(None, pl.List(pl.String)))
    return pl.concat([given, sure.filter(~pl.col("_only"))], how="diagonal").drop(
        "_since", "_early", "_only", "_explained"
    )


def _explained(told: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame) -> pl.DataFrame:
    """How many lines are explained by money that is booked as taken and that no other line has told."""
    stays = told.filter("stays").group_by(GROUP).agg(pl.len().cast(pl.Int64).alias("_own"))
    left = pl.col("suspense_open") - pl.col("_stay").fill_null(0) - pl.col("_own").fill_null(0)
    return (
        suspense.join(_stay_taken(settled), on=GROUP, how="left")
        .join(stays, on=GROUP, how="left")
        .select(*GROUP, left.clip(lower_bound=0).alias("_explained"))
    )


# Given to nobody


def _stay_taken(settled: pl.DataFrame) -> pl.DataFrame:
    """How often so much stays taken by the lines of other reports."""
    nobodys = settled.filter(pl.col("refund_id").is_null() & pl.col("by_amount"))
    return nobodys.group_by(GROUP).agg((_count("TAKEN") - _count("TAKEN_BACK")).alias("_stay"))


def _count(effect: str) -> pl.Expr:
    return (pl.col("effect") == effect).sum().cast(pl.Int64)


def _accounted(lines: pl.DataFrame, owned: pl.DataFrame, settled: pl.DataFrame, disputed: pl.DataFrame) -> pl.DataFrame:
    """What the lines of nobody do: so many are taken, or taken back, that with other reports' lines the sum is right.

    Of equal amounts as many left, and as many came back, as the witness that tells of more of them knows: a witness is
    one kind of report, known by its own word for the row (`kind`). What came back is paired with what left, whichever
    is read first; where it may be money of ours (`disputed`), it is paired with nothing. `owned`: the report's lines
    that have a refund or a name.
    """
    clear = lines.with_columns(pl.col("_unclear").fill_null(value=False))
    told = _told_elsewhere(pl.concat([lines.select(_LINE), owned.select(_LINE)]), settled)
    here = pl.concat([clear.filter(~pl.col("_unclear")), owned.unique(_LINE)], how="diagonal")
    sums = _sums(told, here, disputed)
    counted = clear.join(sums, on=GROUP, how="left").sort(pl.col("stays").fill_null(value=False), "booked_at", "line")
    more = pl.col("_outs") - pl.min_horizontal("_backs", "_outs") - pl.col("_stay")
    out, back = _LEFT, _BACK & ~pl.col("_unclear")
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
    other = refunds.filter(nobodys).unique([*_LINE, "effect"], maintain_order=True)
    moved, again = other.filter(pl.col("effect") != "NONE"), here.select(_LINE).unique()
    known = pl.concat([moved.select(_LINE), again]).unique()
    given = refunds.filter(~nobodys).unique(_LINE, maintain_order=True).join(again, on=_LINE, how="anti")
    return pl.concat([other.filter(pl.col("effect") == "NONE").join(known, on=_LINE, how="anti"), moved, given])


def _sums(told: pl.DataFrame, here: pl.DataFrame, disputed: pl.DataFrame) -> pl.DataFrame:
    """Per payment and amount: `_outs` and `_backs` of nobody, `_stay` taken by other reports.

    The witness that tells of more counts; what has a refund or a name is none of nobody's.
    """
    columns = [*GROUP, "kind", "state", "refund_id", "by_amount", "name"]
    sure = told.join(disputed, on=GROUP, how="anti")
    clear = (pl.col("effect") == "TAKEN_BACK") | pl.col("refund_id").is_not_null()
    doubtful = told.join(disputed, on=GROUP, how="semi").filter(_LEFT | clear)
    every = pl.concat([one.select(columns) for one in (sure, doubtful, here)])
    of_kind = every.group_by(*GROUP, "kind").agg(
        _LEFT.sum().cast(pl.Int64).alias("_outs"), _BACK.sum().cast(pl.Int64).alias("_backs")
    )
    owner = pl.when(pl.col("refund_id").is_not_null() | ~pl.col("by_amount")).then(pl.coalesce("refund_id", "name"))
    owned = every.group_by(GROUP).agg(
        owner.filter(_LEFT).drop_nulls().n_unique().cast(pl.Int64).alias("_owned_outs"),
        owner.filter(_BACK).drop_nulls().n_unique().cast(pl.Int64).alias("_owned_backs"),
    )
    most = of_kind.group_by(GROUP).agg(pl.col("_outs").max(), pl.col("_backs").max()).join(owned, on=GROUP)
    return (
        most.join(_stay_taken(told), on=GROUP, how="left")
        .with_columns(pl.col("_stay").fill_null(0))
        .with_columns(
            (pl.col(name) - pl.col(f"_owned{name}")).clip(lower_bound=0).alias(name) for name in ("_outs", "_backs")
        )
        .drop("_owned_outs", "_owned_backs")
    )


def _told_again(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """How many lines only tell once more what another kind of report has told, as `_explained`."""
    same = [*GROUP, "state"]
    of_kind = _told_elsewhere(lines, settled).group_by(*same, "kind").agg(pl.len().cast(pl.Int64).alias("_mine"))
    most = of_kind.group_by(same).agg(pl.col("_mine").max().alias("_most"))
    kinds = lines.select(*same, "kind").unique().join(of_kind, on=[*same, "kind"], how="left", nulls_equal=True)
    more = (pl.col("_most").fill_null(0) - pl.col("_mine").fill_null(0)).clip(lower_bound=0)
    return kinds.join(most, on=same, how="left").group_by(GROUP).agg(more.max().alias("_explained"))


def _together(*explained: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(explained).group_by(GROUP).agg(pl.col("_explained").sum())
