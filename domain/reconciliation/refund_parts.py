"""A refund that is told in several rows, by its name: rows that add up to its amount settle it, and no row beyond does.

A part is of the same kind of report, under the same name of the PSE's, and of another amount than the parts before: a
row of the same amount may be the same row told again. What left, or came back, a second time under its name is told
from the same row by its time alone: what undid the first lies between both. Such rows are in SUSPENSE, with a finding.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from domain.models.settlements import Effect

_LEFT, _RETURNED = "SUCCEEDED", "RETURNED"
_KEYS: Final = ("refund_id", "payment_id", "name")
_HAS_LEFT: Final = pl.col("state") == _LEFT
_MOVEMENT: Final = ("effect", "state", "kind", "booked_at", *_KEYS)
_HERE: Final = ("line", "amount", "refund_amount", "kind", "booked_at", "payout_reference", "effect", "_other")
_KIND: Final = pl.col("kind").str.to_lowercase()
_THERE: Final = ("amount", "kind", "booked_at", "payout_reference")


def place(lines: pl.DataFrame, settled: pl.DataFrame, other_name: pl.Expr) -> pl.DataFrame:
    """The lines of refunds (reconciliation/match) with their `effect` and `again`, where some are parts of one refund,
    and with `refund_told`: minor units that all reports tell to have left of it, of those that are its own.

    `lines`: in their order, with `name`. `settled`: what other valid reports have, and have booked unexplained, of
    refunds by name. `other_name`: whether a line has
    another name of the PSE's than the refund's first one.
    """
    proven = settled.filter((pl.col("effect") == Effect.REFUND.value) & pl.col("refund_id").is_not_null())
    changed = {**_once_more(lines, settled), **_in_parts(lines, proven, other_name)}
    made = _changed(lines, changed) if changed else lines
    told = proven.group_by("refund_id").agg(pl.col("amount").sum().alias("_elsewhere"))
    own = pl.col("amount").filter(pl.col("effect") == Effect.REFUND.value).sum().over("refund_id")
    sums = made.join(told, on="refund_id", how="left", maintain_order="left")
    whole = pl.when(pl.col("effect") == Effect.REFUND.value).then(own + pl.col("_elsewhere").fill_null(0))
    return sums.with_columns(refund_told=whole).drop("_elsewhere")


def _changed(lines: pl.DataFrame, changed: Mapping[int, tuple[str, bool]]) -> pl.DataFrame:
    """The lines with these effects, and whether the same was told before, by their numbers."""
    said = [(line, effect, again) for line, (effect, again) in changed.items()]
    columns = {"line": lines.schema["line"], "_effect": pl.String(), "_again": pl.Boolean()}
    told = pl.DataFrame(said, schema=columns, orient="row")
    return (
        lines.join(told, on="line", how="left", maintain_order="left")
        .with_columns(effect=pl.coalesce("_effect", "effect"), again=pl.coalesce("_again", "again"))
        .drop("_effect", "_again")
    )


def _by_name() -> pl.Expr:
    return ~pl.col("by_amount") & pl.col("nameless").is_null()


def _in_parts(lines: pl.DataFrame, proven: pl.DataFrame, other_name: pl.Expr) -> dict[int, tuple[str, bool]]:
    """Of refunds of which a row tells less than their amount: what each further row is. They are few."""
    ours = _by_name() & (pl.col("state") == _LEFT) & pl.col("refund_id").is_not_null() & ~pl.col("refund_by_bank")
    named = lines.filter(ours.fill_null(value=False)).with_columns(other_name.alias("_other"))
    there = proven.filter(~pl.col("by_amount")).select("refund_id", *_THERE)
    less = pl.col("amount") < pl.col("refund_amount")
    amounts = named.select("refund_id", "refund_amount").unique("refund_id")
    partial = pl.concat(one.filter(less).select("refund_id") for one in (named, there.join(amounts, on="refund_id")))
    # Most nights all of a refund's rows are parts already, or none is one.
    undecided = named.filter(pl.col("effect") != Effect.REFUND.value).join(partial, on="refund_id", how="semi")
    here = _by_refund(named.join(undecided, on="refund_id", how="semi").sort("line"), _HERE)
    before = _by_refund(there.join(undecided, on="refund_id", how="semi"), _THERE)
    made: dict[int, tuple[str, bool]] = {}
    for refund_id, rows in here.items():
        made |= _of_one(rows, before.get(refund_id, []))
    return made


def _by_refund(lines: pl.DataFrame, columns: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    made: dict[str, list[dict[str, Any]]] = {}
    for row in lines.select("refund_id", *columns).iter_rows(named=True):
        made.setdefault(row["refund_id"], []).append(row)
    return made


def _of_one(here: list[dict[str, Any]], there: list[dict[str, Any]]) -> dict[int, tuple[str, bool]]:
    parts = [*there, *(row for row in here if row["effect"] == Effect.REFUND.value)]
    made: dict[int, tuple[str, bool]] = {}
    for row in here:
        if row["effect"] == Effect.REFUND.value or row["_other"] or not any(_alike(row, one) for one in parts):
            continue
        if _fits(row, parts):
            parts.append(row)
            made[row["line"]] = (Effect.REFUND.value, False)
        else:
            made[row["line"]] = (Effect.NONE.value, not any(_is_same(row, one) for one in there))
    return made


def _alike(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Told by one kind of report: another kind may tell the same money as another amount."""
    return bool(_kind_of(row) == _kind_of(other))


def _kind_of(row: Mapping[str, Any]) -> str:
    return str(row["kind"] or "").lower()  # one PSE's files have it in small letters and in others


def _fits(row: Mapping[str, Any], parts: list[dict[str, Any]]) -> bool:
    told = sum(one["amount"] for one in parts)
    fresh = all(one["amount"] != row["amount"] and _alike(row, one) for one in parts)
    return bool(fresh and told + row["amount"] <= row["refund_amount"])


def _is_same(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """One row that two files have: a part that another file has told, of the same payout as far as both say it."""
    payouts = {row["payout_reference"], other["payout_reference"]} - {None}
    return _alike(row, other) and len(payouts) < 2 and all(row[name] == other[name] for name in ("amount", "booked_at"))


def _once_more(lines: pl.DataFrame, settled: pl.DataFrame) -> dict[int, tuple[str, bool]]:
    """Rows that do nothing, because another report has the like of them, though what undid that lies between both.

    One that is found may be what undid another one: they are sought until there are none.
    """
    if settled.is_empty():
        return {}
    still = pl.col("effect") == Effect.NONE.value
    named = lines.filter(_by_name()).select("line", "again", *_MOVEMENT)
    rows = named.filter(still & ~pl.col("again") & pl.col("state").is_in([_LEFT, _RETURNED]))
    elsewhere = settled.filter((pl.col("type") == "REFUND") & ~pl.col("by_amount")).select(*_MOVEMENT)
    moved = pl.concat([named.filter(~still | pl.col("again")).select(*_MOVEMENT), elsewhere])
    same, found = moved.filter(~still), list[int]()
    while more := _between(rows, same, moved):
        found += more
        moved = pl.concat([moved, rows.filter(pl.col("line").is_in(more)).select(*_MOVEMENT)])
        rows = rows.filter(~pl.col("line").is_in(more))
    return dict.fromkeys(found, (Effect.NONE.value, True))


def _between(rows: pl.DataFrame, same: pl.DataFrame, moved: pl.DataFrame) -> list[int]:
    """Those of the rows that have one of the `same` way, and one of the other way between both."""
    others = moved.select(*_KEYS, _left=~_HAS_LEFT, _undone="booked_at")
    first, last = pl.min_horizontal("booked_at", "_same"), pl.max_horizontal("booked_at", "_same")
    lines = set[int]()
    for keys in (["refund_id"], ["payment_id", "name"]):
        of = [*keys, "_left"]
        like = same.drop_nulls(keys).select(*keys, _KIND, _left=_HAS_LEFT, _same="booked_at")
        mine = rows.drop_nulls(keys).with_columns(_KIND, _left=_HAS_LEFT)
        both = mine.join(like, on=[*of, "kind"], nulls_equal=True)
        told = both.join(others.drop_nulls(keys).select(*of, "_undone"), on=of)
        lines |= set(told.filter((pl.col("_undone") > first) & (pl.col("_undone") < last))["line"].to_list())
    return sorted(lines)
