"""Matching a report with the books, set-wise and pure: which line settles what.

A payment is found by the PSE's reference of it, or by another one; by the merchant's order only where the line names no
payment and one payment has it. Keys of a refund, in order: the PSE's refund reference, our reference, always within the
same payment and currency; a line that names no refund is placed by reconciliation/nameless, never by the amount alone.
Every line gets one effect; what a line does not settle becomes a finding (reconciliation/flag).
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from domain.models.settlements import Effect
from domain.platform.in_columns import is_empty, says
from domain.reconciliation import captures, nameless, refund_parts
from domain.settlements import own_lines

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
    return _beside(placed, _with_refund(placed.filter(pl.col("type") == "REFUND"), refunds, moved, suspense))


# Rows of refunds by name that settle nothing, be they in SUSPENSE: they are movements all the same (refund_parts).
_BESIDE: Final = (
    (pl.col("type") == "REFUND") & ~pl.col("by_amount") & (pl.col("effect") == Effect.NONE.value)
).fill_null(value=False)


def _beside(lines: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
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
    return lines.select(pl.when(UNNAMED).then(told["_of_order"]).otherwise(pl.col("payment_id")).alias("payment_id"))[
        "payment_id"
    ]


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


def with_effects(matched: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """The matched lines with `effect`, given what other valid reports have settled already.

    `came_of`: how much (minor units) of the same had left, of what came back by name. `taken_told`: how much all
    reports tell to have left of what is nobody's under the name of the line. `again`: the report has told the same
    before, so the line does nothing. `first_name`: the PSE's name under which reports of this kind
    have told the refund of the line first; under another name it is another movement, and so `again`, too.
    `refund_told`, `otherwise`: refund_parts.
    """
    refunds = matched.filter(pl.col("type") == "REFUND")
    if refunds.is_empty():
        none = {name: pl.lit(None, pl.Int64) for name in ("came_of", "refund_told", "taken_told")}
        none |= {"first_name": pl.lit(None, pl.String), "otherwise": pl.lit(value=False)}
        return matched.with_columns(effect=_EFFECT_OF_OTHERS, again=_AGAIN_OF_OTHERS, **none)
    made = _of_refunds(refunds, settled).select("line", "effect", "again", "otherwise", *_TOLD_OF_REFUNDS)
    return _beside(matched, made).with_columns(
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
        return lines.with_columns(pl.lit(None, pl.Int64).alias(name) for name in ("came_of", "taken_told"))
    elsewhere = settled.lazy().drop_nulls(of_name).filter(is_taken)
    told = elsewhere.group_by(of_name).agg(pl.col("amount").sum().alias("_taken"), pl.col("amount").alias("_rows"))
    joined = lines.lazy().join(told, on=of_name, how="left", maintain_order="left")
    here = pl.col("amount").filter(is_taken).sum().over(of_name)
    taken = pl.col("_taken").fill_null(0) + here
    sums = joined.with_columns(pl.when(~pl.col("by_amount") & (taken > 0)).then(taken).alias("_taken"))
    is_told = is_taken | pl.col("otherwise") | pl.col("amount").is_in(pl.col("_rows")).fill_null(value=False)
    nobodys = pl.col("refund_id").is_null() & (pl.col("state") == "SUCCEEDED")
    made = sums.with_columns(
        came_of=pl.when(pl.col("effect") == Effect.RETURN.value)
        .then(pl.col("refund_amount"))
        .when(pl.col("effect") == Effect.TAKEN_BACK.value)
        .then("_taken"),
        taken_told=pl.when(nobodys).then(pl.when(is_told).then("_taken").otherwise("amount")),
    )
    return made.drop("_taken", "_rows").collect(engine="in-memory")


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
