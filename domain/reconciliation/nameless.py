"""Lines that name no refund: which are given to a refund, and what the others do to what was taken. Set-wise and pure.

The rules are a table: docs/decisions/014-when-a-line-is-given-to-a-refund.md, whose rows the functions are named after.
Everything is counted per payment and amount, as multisets: equal money has no names.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import polars as pl

from domain.reconciliation import nobodys
from domain.reconciliation.nobodys import BACK, GROUP, LEFT, LINE
from domain.refunds.states import AT_THE_PSE

SUSPENSE_SCHEMA: Final[Mapping[str, type[pl.DataType] | pl.DataType]] = {
    "payment_id": pl.String,
    "amount": pl.Int64,
    "suspense_open": pl.Int64,  # how often so much is booked as taken and neither came back nor turned out ours
    "suspense_names": pl.List(pl.String),  # of the nameless lines among them
    "suspense_backs": pl.List(pl.String),  # names of the nameless lines that told what came back of it
    "suspense_nameless": pl.Int64,  # how often so much still stands of what nameless lines told
}
_COUNT: Final = pl.get_index_type()
_CLOCKS: Final = timedelta(days=1)  # what the times of a report and ours may differ by: some give no zone
_AT_THE_PSE: Final = [state.value for state in AT_THE_PSE]
# What a line has that names its refund, of what is said of those that do not.
_OF_NAMELESS: Final[Mapping[str, pl.Expr]] = {
    "asked": pl.lit(None, pl.List(pl.String)),
    "stays": pl.lit(None, pl.Boolean),
    "unclear": pl.lit(None, pl.String),
}


def place(named: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame) -> pl.DataFrame:
    """The lines with the refund that each is given to; those given to none have

    `nameless`: the effect (TAKEN, TAKEN_BACK, NONE; null for a line that has a refund or a name). `told_before`: how
    often so much stays taken by the lines of other reports. `asked`: refunds that may have it and can be asked about.
    `unclear`: it came back, and SEVERAL can be it, or NOTHING is known that had left. `stays`: booked as taken before.
    """
    if not named["by_amount"].any():  # so are most reports: every line names its refund
        return named.with_columns(**_OF_NAMELESS, nameless=pl.lit(None, pl.String), told_before=pl.lit(0, pl.Int64))
    lines = _first_told(_seen_before(named.with_columns(name=name_of_line()), settled), settled)
    free = (
        (pl.col("type") == "REFUND")
        & pl.col("by_amount")
        & pl.col("refund_id").is_null()
        & pl.col("payment_id").is_not_null()
        & (LEFT | BACK)
    )
    told, kept = lines.filter(free & ~pl.col("_again")), lines.filter(~free | pl.col("_again"))
    unowned = pl.col("refund_id").is_null()
    twice = kept.with_columns(nameless=pl.when(free & unowned).then(pl.lit("NONE")))
    if told.is_empty():  # so are most reports: every line names its refund
        return twice.with_columns(**_OF_NAMELESS, told_before=pl.lit(0, pl.Int64)).drop("name", "_again")
    left = _given_as_left(told.filter(LEFT), kept, refunds, settled, suspense)
    paid = _may_come_back(pl.concat([kept, left], how="diagonal"), refunds, settled)
    back = _given_as_returned(told.filter(BACK), paid, left, settled, suspense)
    placed = pl.concat([left, back], how="diagonal")
    succeeded = paid.filter(pl.col("refund_state") == "SUCCEEDED")
    owned = pl.concat([kept.filter((pl.col("type") == "REFUND") & ~pl.col("_again")), placed], how="diagonal")
    disputed = _groups_of(succeeded).select(GROUP).unique()
    booked = nobodys.accounted(placed.filter(unowned), owned.filter(~unowned | ~pl.col("by_amount")), settled, disputed)
    whole = pl.concat([twice, placed.filter(~unowned), booked], how="diagonal")
    return whole.with_columns(pl.col("told_before").fill_null(0)).drop("name", "_again", "_unclear", "_candidates")


def name_of_line() -> pl.Expr:
    """What names a refund's money in a report: our reference, else the PSE's."""
    return pl.coalesce("reference", "pse_refund_reference")


def _seen_before(named: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Lines that another valid report has, too: they are about the same refund as there."""
    if settled.is_empty():
        return named
    # A refund that has its own line here is not what another line of that kind is about.
    own = named.filter(pl.col("refund_id").is_not_null()).select("refund_id", "state", "kind").unique()
    known = (
        settled.filter(pl.col("refund_id").is_not_null() & pl.col("by_amount"))
        .join(own, on=["refund_id", "state", "kind"], how="anti", nulls_equal=True)
        .select("payment_id", "name", "state", pl.col("refund_id").alias("_seen"))
    )
    seen = pl.when(pl.col("by_amount")).then(pl.coalesce("refund_id", "_seen")).otherwise(pl.col("refund_id"))
    return named.join(known.unique(LINE), on=LINE, how="left").with_columns(refund_id=seen).drop("_seen")


def _first_told(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """`_again`: the same report has the line before, or another one has booked it as taken."""
    repeated = pl.int_range(pl.len()).over("type", *LINE) > 0
    if settled.is_empty():
        return lines.sort("line").with_columns(_again=pl.col("by_amount") & repeated)
    booked = settled.filter(
        pl.col("refund_id").is_null() & pl.col("by_amount") & pl.col("effect").is_in(["TAKEN", "TAKEN_BACK"])
    )
    elsewhere = booked.select(*LINE).unique().with_columns(_elsewhere=pl.lit(value=True))
    return (
        lines.join(elsewhere, on=LINE, how="left")
        .sort("line")
        .with_columns(_again=pl.col("by_amount") & (repeated | pl.col("_elsewhere").fill_null(value=False)))
        .drop("_elsewhere")
    )


def _given_as_left(
    lines: pl.DataFrame, kept: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame
) -> pl.DataFrame:
    """Lines of money that left: to refunds that are known to have left, then to those in doubt, then to nobody."""
    if lines.is_empty():
        return lines.with_columns(_OF_NAMELESS["asked"].alias("asked"), _OF_NAMELESS["stays"].alias("stays"))
    spoken_for = _refunds_of(settled, "REFUND") + _refunds_of(kept.filter(LEFT))
    open_ones = refunds.filter(~pl.col("refund_by_bank") & ~pl.col("refund_id").is_in(spoken_for))
    # What was booked as taken stays so until a refund's own news claims it: that it left, or that it came back, too.
    returned = _groups_of(open_ones.filter(pl.col("refund_state") == "RETURNED")).select(GROUP).unique()
    claimed = suspense.filter(pl.col("suspense_nameless") <= 0).join(returned, on=GROUP, how="semi")
    told = _marked(lines, suspense.join(claimed, on=GROUP, how="anti"), "suspense_names", "stays")
    fresh = told.filter(~pl.col("stays"))
    known = _paired(fresh, open_ones.filter(pl.col("refund_state").is_in(["SUCCEEDED", "RETURNED"])))
    rest = known.filter(pl.col("refund_id").is_null())
    doubtful = open_ones.filter(pl.col("refund_state").is_in(_AT_THE_PSE) & pl.col("refund_sent"))
    given = _alone(
        rest,
        doubtful,
        lambda: nobodys.together(_explained(told, settled, suspense), nobodys.told_again(rest, settled)),
    )
    return pl.concat([known.filter(pl.col("refund_id").is_not_null()), given, told.filter("stays")], how="diagonal")


def _may_come_back(placed: pl.DataFrame, refunds: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Refunds whose return no line has proven: those that came back by their own news, and those proven to have left.

    The proven ones come first (`_unproven`).
    """
    spoken_for = _refunds_of(settled, "RETURN") + _refunds_of(placed.filter(BACK))
    proven = _refunds_of(settled, "REFUND") + _refunds_of(placed.filter(LEFT & (pl.col("type") == "REFUND")))
    open_ones = refunds.filter(~pl.col("refund_by_bank") & ~pl.col("refund_id").is_in(spoken_for)).with_columns(
        _unproven=~pl.col("refund_id").is_in(proven)
    )
    state = pl.col("refund_state")
    return open_ones.filter((state == "RETURNED") | ((state == "SUCCEEDED") & ~pl.col("_unproven")))


def _given_as_returned(
    lines: pl.DataFrame, paid: pl.DataFrame, left: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame
) -> pl.DataFrame:
    """Lines of money that came back: to refunds that say so, then to the only ones that can have come back."""
    if lines.is_empty():
        return lines.with_columns(_unclear=pl.lit(None, pl.Boolean), _candidates=pl.lit(None, _COUNT))
    known = _paired(lines, _came_back(paid, settled))
    marked = _somebodys(known.filter(pl.col("refund_id").is_null()), settled, suspense)
    rest, others = (marked.filter(one).drop("_nobodys") for one in (~pl.col("_nobodys"), pl.col("_nobodys")))

    def explained() -> pl.DataFrame:
        taken = suspense.select(*GROUP, pl.col("suspense_open").clip(lower_bound=0).alias("_explained"))
        unowned = left.filter(pl.col("refund_id").is_null())
        here = unowned.group_by(GROUP).agg(pl.len().cast(pl.Int64).alias("_explained"))
        return nobodys.together(taken, here, again)

    again = nobodys.told_again(rest, settled)
    given = _alone(rest, paid.filter(pl.col("refund_state") == "SUCCEEDED"), explained, whoever_can_be_asked=True).join(
        again.rename({"_explained": "_again_told"}), on=GROUP, how="left"
    )
    # Another kind of report has told as many returns: they are those.
    told = pl.col("_again_told").fill_null(0) >= pl.col("refund_id").is_null().sum().over(GROUP)
    possible = pl.col("refund_id").is_null() & (pl.col("_candidates").fill_null(0) > 0)
    given = given.with_columns(_unclear=possible & ~told).drop("_again_told")
    return pl.concat([known.filter(pl.col("refund_id").is_not_null()), given, others], how="diagonal")


def _somebodys(lines: pl.DataFrame, settled: pl.DataFrame, suspense: pl.DataFrame) -> pl.DataFrame:
    """`_nobodys`: as many lines as money of nobody is booked to have come back, and no other report tells of: none is
    the return of a refund of ours that has left since. Those that were booked under their own names come first.
    """
    booked = suspense.select(*GROUP, pl.col("suspense_backs").list.n_unique().cast(pl.Int64).alias("_booked"))
    elsewhere = settled.filter(pl.col("refund_id").is_null() & pl.col("by_amount") & (pl.col("effect") == "TAKEN_BACK"))
    told = elsewhere.group_by(GROUP).agg(pl.len().cast(pl.Int64).alias("_told"))
    counted = (
        _marked(lines, suspense, "suspense_backs", "_named")
        .join(booked, on=GROUP, how="left")
        .join(told, on=GROUP, how="left")
        .sort(~pl.col("_named"), "booked_at", "line")
    )
    open_ones = pl.col("_booked").fill_null(0) - pl.col("_told").fill_null(0)
    nobodys_own = pl.int_range(pl.len()).over(GROUP) < open_ones
    return counted.with_columns(nobodys_own.alias("_nobodys")).drop("_named", "_booked", "_told")


def _marked(lines: pl.DataFrame, suspense: pl.DataFrame, names: str, mark: str) -> pl.DataFrame:
    """The lines with the column `mark`: whether their name is among the `names` of their payment."""
    told = suspense.select("payment_id", pl.col(names).alias("name")).explode("name").drop_nulls().unique()
    marked = lines.join(told.with_columns(pl.lit(value=True).alias(mark)), on=["payment_id", "name"], how="left")
    return marked.with_columns(pl.col(mark).fill_null(value=False))


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
    if lines.is_empty() or refunds.is_empty():
        return lines.drop("_since", strict=False)
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
    lines: pl.DataFrame,
    candidates: pl.DataFrame,
    explained: Callable[[], pl.DataFrame],
    *,
    whoever_can_be_asked: bool = False,
) -> pl.DataFrame:
    """Lines given to candidates that alone can have them: as many as lines, and no other money explains one of them.

    Else nobody guesses: `asked` has those that can be asked about. In doubt, whoever can be asked is asked first.
    """
    if lines.is_empty() or candidates.is_empty():
        return lines.with_columns(_OF_NAMELESS["asked"].alias("asked"), _candidates=pl.lit(None, _COUNT))
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
        .join(explained(), on=GROUP, how="left")
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
        suspense.join(nobodys.stay_taken(settled), on=GROUP, how="left")
        .join(stays, on=GROUP, how="left")
        .select(*GROUP, left.clip(lower_bound=0).alias("_explained"))
    )
