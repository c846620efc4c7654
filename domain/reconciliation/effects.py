"""What each line does, given what other valid reports have settled already: pure, as the match before it.

Every line gets one effect; what a line does not settle becomes a finding (reconciliation/flag).
"""

from typing import Final

import polars as pl

from domain.models.settlements import Effect
from domain.platform.in_columns import is_empty, says
from domain.reconciliation import nameless, refund_parts
from domain.reconciliation.match import beside
from domain.settlements import own_lines


def with_effects(matched: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The matched lines with `effect`, given what other valid reports have settled already.

    `came_of`: how much (minor units) of the same had left, of what came back by name. `taken_told`: how much all
    reports tell to have left of what is nobody's under the name of the line. `again`: the report has told the same
    before, so the line does nothing. `first_name`: the PSE's name under which reports of this kind have told the refund
    of the line first; under another name it is another movement, and so `again`, too.
    `refund_told`, `otherwise`, `doubtful`: refund_parts.
    """
    refunds = matched.filter(pl.col("type") == "REFUND")
    if refunds.is_empty():
        none = {name: pl.lit(None, pl.Int64) for name in ("came_of", "refund_told", "taken_told")}
        none |= {
            "first_name": pl.lit(None, pl.String),
            **{name: pl.lit(value=False) for name in ("otherwise", "doubtful")},
        }
        return matched.with_columns(effect=_EFFECT_OF_OTHERS, again=_AGAIN_OF_OTHERS, **none)
    made = _of_refunds(refunds, settled).select("line", "effect", "again", "otherwise", "doubtful", *_TOLD_OF_REFUNDS)
    return beside(matched, made).with_columns(
        effect=pl.coalesce("effect", _EFFECT_OF_OTHERS), again=pl.coalesce("again", _AGAIN_OF_OTHERS)
    )


_TOLD_OF_REFUNDS: Final = ("came_of", "refund_told", "taken_told", "first_name")
_EFFECT_OF_OTHERS: Final = pl.coalesce("capture", pl.lit(Effect.NONE.value))
_AGAIN_OF_OTHERS: Final = pl.col("capture_again").fill_null(value=False)


def _of_refunds(matched: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    settled = own_lines.without_given(settled, matched)
    in_order = matched if matched["line"].is_sorted() else matched.sort("line")
    by_name = in_order.with_columns(name=nameless.name_of_line())
    # A refund may have another name in a report of another kind.
    joined = _with_had(_with_had(by_name, settled, "name", ["payment_id", "name"]), settled, "refund", ["refund_id"])
    joined = _with_first_name(joined, settled)
    paid_otherwise = _in_another_payout(joined, settled)
    made = joined.lazy().with_columns(_LEFT_HERE if says(joined, "state", "FAILED", "RETURNED") else _NOTHING_BACK)
    made = made.with_columns(_effect().alias("effect"), paid_otherwise.alias("_paid_otherwise"))
    again = _again() if joined.height > 1 else _AGAIN_OF_OTHERS
    made = made.with_columns((again | _OF_ANOTHER_NAME | pl.col("_paid_otherwise")).alias("again"))
    once = pl.when("again").then(pl.lit(Effect.NONE.value)).otherwise(pl.col("effect"))
    dropped = [f"_{by}_{effect}" for by in ("name", "refund") for effect in _HAD]
    helping = ("_here", "_gone", "_paid_otherwise", "name")
    whole = made.with_columns(once.alias("effect")).collect(engine="in-memory")
    placed = refund_parts.place(whole, settled, _OF_ANOTHER_NAME)
    return _with_sums(placed, settled).drop(*helping, *dropped)


_LEFT: Final = pl.col("state") == "SUCCEEDED"
# A report may tell of a refund and of its return: the return is proven by the line before it. The same of money that no
# refund of ours accounts for.
_LEFT_HERE: Final = (
    (_LEFT.any().over("refund_id") & pl.col("refund_id").is_not_null()).alias("_here"),
    (_LEFT.any().over("payment_id", "name") & pl.col("name").is_not_null()).alias("_gone"),
)
_NOTHING_BACK: Final = tuple(pl.lit(value=False).alias(name) for name in ("_here", "_gone"))  # nobody asks them then


def _with_had(lines: pl.DataFrame, settled: pl.DataFrame, by: str, index: list[str]) -> pl.DataFrame:
    """Which effects other reports have, per key: a column for each."""
    if settled.is_empty():  # so it is where one report alone tells of a payment
        return lines.with_columns(_HAD_NOTHING[by])
    had = [(pl.col("effect") == effect.value).any().alias(f"_{by}_{effect}") for effect in _HAD]
    told = settled.lazy().drop_nulls(index).group_by(index).agg(had).collect(engine="in-memory")
    return lines.join(told, on=index, how="left", maintain_order="left")


_HAD: Final = (Effect.REFUND, Effect.RETURN, Effect.TAKEN, Effect.TAKEN_BACK)
_HAD_NOTHING: Final = {
    by: [pl.lit(None, pl.Boolean).alias(f"_{by}_{effect}") for effect in _HAD] for by in ("name", "refund")
}
_OF_ANOTHER_NAME: Final = (pl.col("first_name") != pl.col("pse_refund_reference")).fill_null(value=False)
# One kind of report has one name for each movement of a refund that left, or came back.
_MOVEMENT: Final = ["refund_id", "kind", "state"]


def _with_first_name(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """What proves it elsewhere comes first, then the lines of this report in their order. `lines`: sorted by them."""
    named = ~pl.col("by_amount") & pl.col("refund_id").is_not_null() & pl.col("pse_refund_reference").is_not_null()
    columns = [*_MOVEMENT, pl.col("pse_refund_reference").alias("first_name")]
    if is_empty(lines["refund_id"]) or is_empty(lines["pse_refund_reference"]):
        return lines.with_columns(pl.lit(None, pl.String).alias("first_name"))
    proven = settled.lazy().filter(named & (pl.col("type") == "REFUND") & (pl.col("effect") != Effect.NONE.value))
    told = pl.concat([proven.sort("line_id").select(columns), lines.lazy().filter(named).select(columns)])
    first = told.unique(_MOVEMENT, keep="first", maintain_order=True)
    joined = lines.lazy().join(first, on=_MOVEMENT, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.when(named).then("first_name").alias("first_name")).collect(engine="in-memory")


def _in_another_payout(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.Series:
    """Whether another report of this kind has proven the same as a part of another payout: what a PSE has settled
    twice has moved twice. The same payout again, or none that is named, is the same movement.
    """
    if is_empty(settled["payout_reference"]):
        return pl.Series("payout_reference", [False]).new_from_index(0, lines.height)
    key, back = pl.coalesce("refund_id", "name"), pl.col("effect").is_in(_BACK)
    kind = pl.col("kind").str.to_lowercase().alias("_kind")
    proven = settled.filter(pl.col("effect").is_in([*_OUT, *_BACK]) & pl.col("payout_reference").is_not_null())
    had = proven.select("payment_id", kind, key.alias("_key"), back.alias("_back"), _paid="payout_reference")
    of = ["payment_id", "_key", "_kind", "_back"]
    told = lines.select("payment_id", "payout_reference", kind, key.alias("_key"), _back=pl.col("state") != "SUCCEEDED")
    found = told.join(had.unique(of), on=of, how="left", nulls_equal=True, maintain_order="left")
    otherwise = (found["_paid"] != found["payout_reference"]).fill_null(value=False)
    return otherwise & lines["nameless"].is_null()


def _with_sums(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The lines with `came_of` and `taken_told`."""
    of_name, is_taken = ["payment_id", "name"], pl.col("effect") == Effect.TAKEN.value
    if not says(lines, "effect", Effect.RETURN.value, Effect.TAKEN_BACK.value) and not lines["refund_id"].has_nulls():
        none = (pl.lit(None, pl.Int64).alias(name) for name in ("came_of", "taken_told"))
        return lines.drop("short").with_columns(none)
    is_back = pl.col("effect") == Effect.TAKEN_BACK.value
    elsewhere = settled.lazy().drop_nulls(of_name).filter(is_taken | is_back)
    told = elsewhere.group_by(of_name).agg(
        pl.col("amount").filter(is_taken).sum().alias("_taken"),
        pl.col("amount").filter(is_taken).alias("_rows"),
        pl.col("amount").filter(is_back).sum().alias("_back"),
    )
    joined = lines.lazy().join(told, on=of_name, how="left", maintain_order="left")
    here, here_back = (pl.col("amount").filter(one).sum().over(of_name) for one in (is_taken, is_back))
    taken, back = pl.col("_taken").fill_null(0) + here, pl.col("_back").fill_null(0) + here_back
    by_name = pl.when(~pl.col("by_amount") & (taken > 0))
    sums = joined.with_columns(by_name.then(taken).alias("_taken"), by_name.then(taken - back).alias("_still"))
    is_told = is_taken | pl.col("otherwise") | pl.col("amount").is_in(pl.col("_rows")).fill_null(value=False)
    nobodys = pl.col("refund_id").is_null() & (pl.col("state") == "SUCCEEDED")
    made = sums.with_columns(
        came_of=pl.when(pl.col("effect") == Effect.RETURN.value)
        .then(pl.col("refund_amount"))
        .when(pl.col("effect") == Effect.TAKEN_BACK.value)
        .then(pl.col("amount") + pl.coalesce("short", "_still")),
        taken_told=pl.when(nobodys).then(pl.when(is_told).then("_still").otherwise("amount")),
    )
    return made.drop("_taken", "_rows", "_back", "_still", "short").collect(engine="in-memory")


_OUT: Final = (Effect.REFUND.value, Effect.TAKEN.value)
_BACK: Final = (Effect.RETURN.value, Effect.TAKEN_BACK.value)


def _again() -> pl.Expr:
    """Whether the report has a line of the same refund, or under the same name, that moved the same way before."""
    had_back = _had(Effect.RETURN) | _had(Effect.TAKEN_BACK)
    # Another report may have proven the first of these rows: the second is one too many all the same.
    left = pl.col("effect").is_in(_OUT) | ((pl.col("state") == "SUCCEEDED") & pl.col("nameless").is_null())
    back = pl.col("effect").is_in(_BACK) | ((pl.col("state") == "RETURNED") & had_back)
    moved = pl.when(left).then(pl.lit("LEFT")).when(back).then(pl.lit("BACK")).alias("moved")
    settles = moved.is_not_null()
    ours = pl.col("refund_id").is_not_null() & _again_of("refund_id", moved, _OF_ANOTHER_NAME)
    named = pl.col("name").is_not_null() & _again_of("payment_id", "name", moved, _OF_ANOTHER_NAME)
    nobodys = pl.col("nameless") == Effect.NONE.value
    repeated = nobodys & _again_of("type", "payment_id", "name", "state")
    return (settles & (ours | named)) | repeated | pl.col("capture_again").fill_null(value=False)


def _again_of(*columns: str | pl.Expr) -> pl.Expr:
    """Whether a line before has the same in these columns."""
    return ~pl.struct(columns).is_first_distinct()


def _had(effect: Effect) -> pl.Expr:
    return pl.col(f"_name_{effect}").fill_null(value=False) | pl.col(f"_refund_{effect}").fill_null(value=False)


def _effect() -> pl.Expr:
    """A table, read from the top: the first condition that holds names the effect."""
    known = pl.col("payment_id").is_not_null()
    left = pl.col("state") == "SUCCEEDED"
    back = pl.col("state").is_in(["FAILED", "RETURNED"])
    returned = pl.col("state") == "RETURNED"
    refund = pl.col("type") == "REFUND"
    # What a person paid from the bank never left the PSE: if a line says so, other money did.
    ours = (pl.col("refund_state").is_in(["SUCCEEDED", "RETURNED"]) & ~pl.col("refund_by_bank")).fill_null(value=False)
    rows: list[tuple[pl.Expr, Effect | pl.Expr]] = [
        (pl.col("capture").is_not_null(), pl.col("capture")),
        (~refund | ~known, Effect.NONE),
        (pl.col("nameless").is_not_null(), pl.col("nameless")),
        (left & ours & ~_had(Effect.REFUND), Effect.REFUND),
        (left & ~ours & ~_had(Effect.TAKEN) & ~_had(Effect.REFUND), Effect.TAKEN),
        (back & _had(Effect.REFUND) & ~_had(Effect.RETURN), Effect.RETURN),
        (returned & ours & pl.col("_here") & ~_had(Effect.RETURN), Effect.RETURN),
        (back & _had(Effect.TAKEN) & ~_had(Effect.TAKEN_BACK), Effect.TAKEN_BACK),
        (back & ~ours & pl.col("_gone") & ~_had(Effect.REFUND) & ~_had(Effect.TAKEN_BACK), Effect.TAKEN_BACK),
    ]
    chosen: pl.Expr = pl.lit(Effect.NONE.value)
    for condition, effect in reversed(rows):
        chosen = (
            pl.when(condition).then(effect if isinstance(effect, pl.Expr) else pl.lit(effect.value)).otherwise(chosen)
        )
    return chosen
