"""A refund that is told in several rows, by its name: rows that add up to its amount settle it, and no row beyond does.

A part is under the same name of the PSE's, and of another amount than the parts before: a row of the same amount may be
the same row told again. Another kind of report may tell the same money in other rows: its row is a part only where it
tells the parts of the others, too, or makes the refund whole; and where the others tell all of it, its rows are that
money, however it cuts it. What left, or came back, a second time under its name is told from the same row by its time
alone: what undid the first lies between both. Such rows are in SUSPENSE, with a finding.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from domain.models.settlements import BookedAs, Effect

_LEFT, _RETURNED = "SUCCEEDED", "RETURNED"
_KEYS: Final = ("refund_id", "payment_id", "name")
_HAS_LEFT: Final = pl.col("state") == _LEFT
_MOVEMENT: Final = ("effect", "state", "kind", "booked_at", "amount", *_KEYS)
_HERE: Final = (
    "line",
    "refund_id",
    "amount",
    "refund_amount",
    "kind",
    "booked_at",
    "payout_reference",
    "effect",
    "_other",
    "settled_net",
)
_KIND: Final = pl.col("kind").str.to_lowercase()
_THERE: Final = ("refund_id", "amount", "kind", "booked_at", "payout_reference", "effect", "plain")
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a row is: its effect, whether its report has told the same before, whether another kind tells its money."""

    effect: str
    again: bool
    otherwise: bool = False


def place(lines: pl.DataFrame, settled: pl.DataFrame, other_name: pl.Expr) -> pl.DataFrame:
    """The lines of refunds (reconciliation/match) with their `effect` and `again`, where some are parts of one refund,
    with `otherwise`: whether another kind of report tells the money of a row, be it in other rows; and with
    `refund_told`: minor units that all reports tell to have left of it, of those that are its own.

    `lines`: in their order, with `name`. `settled`: what other valid reports have of refunds by name, whatever it does.
    `other_name`: whether a line has another name of the PSE's than the refund's first one.
    """
    proven = settled.filter((pl.col("effect") == Effect.REFUND.value) & pl.col("refund_id").is_not_null())
    changed = {**_once_more(lines, settled), **_in_parts(lines, settled, other_name)}
    made = _changed(lines, changed)
    told = proven.group_by("refund_id").agg(pl.col("amount").sum().alias("_elsewhere"))
    own = pl.col("amount").filter(pl.col("effect") == Effect.REFUND.value).sum().over("refund_id")
    sums = made.join(told, on="refund_id", how="left", maintain_order="left")
    whole = pl.when(pl.col("effect") == Effect.REFUND.value).then(own + pl.col("_elsewhere").fill_null(0))
    return sums.with_columns(refund_told=whole).drop("_elsewhere")


def _changed(lines: pl.DataFrame, changed: Mapping[int, _Said]) -> pl.DataFrame:
    """The lines, of which some (their numbers) are this."""
    if not changed:
        return lines.with_columns(otherwise=pl.lit(value=False))
    said = [(line, one.effect, one.again, one.otherwise) for line, one in changed.items()]
    columns = {"line": lines.schema["line"], "_effect": pl.String(), "_again": pl.Boolean(), "otherwise": pl.Boolean()}
    told = pl.DataFrame(said, schema=columns, orient="row")
    return (
        lines.join(told, on="line", how="left", maintain_order="left")
        .with_columns(effect=pl.coalesce("_effect", "effect"), again=pl.coalesce("_again", "again"))
        .with_columns(pl.col("otherwise").fill_null(value=False))
        .drop("_effect", "_again")
    )


def _by_name() -> pl.Expr:
    return ~pl.col("by_amount") & pl.col("nameless").is_null()


def _in_parts(lines: pl.DataFrame, settled: pl.DataFrame, other_name: pl.Expr) -> dict[int, _Said]:
    """Of what is told in rows of several amounts: what each row is that proves nothing yet. They are few."""
    here = lines.filter((_by_name() & _HAS_LEFT & ~_BY_BANK).fill_null(value=False))
    undecided = here.filter(pl.col("effect") == Effect.NONE.value)
    if undecided.is_empty():  # so it is where each is told once
        return {}
    named = here.with_columns(_event(), other_name.alias("_other"))
    undecided = named.filter(pl.col("effect") == Effect.NONE.value)
    told = settled.filter((pl.col("type") == "REFUND") & (pl.col("refund_id").is_not_null() | ~pl.col("by_amount")))
    told = told.with_columns(_event()).join(undecided, on="_event", how="semi")
    there = told.filter(_HAS_LEFT)
    concerned = undecided.join(_several(named, there), on="_event", how="semi").select("_event").unique()
    if concerned.is_empty():
        return {}
    back = pl.concat(
        one.filter(pl.col("state") == _RETURNED).select("_event", "booked_at")
        for one in (lines.filter(_by_name()).with_columns(_event()), told)
    )
    first_back = dict(back.join(concerned, on="_event").group_by("_event").agg(pl.col("booked_at").min()).rows())
    before = _by_event(there.join(concerned, on="_event", how="semi"), _THERE)
    made: dict[int, _Said] = {}
    for event, rows in _by_event(named.join(concerned, on="_event", how="semi").sort("line"), _HERE).items():
        made |= _OneEvent(rows, before.get(event, []), first_back.get(event)).said()
    return made


_BY_BANK: Final = pl.col("refund_by_bank").fill_null(value=False)


def _event() -> pl.Expr:
    """What a row by name is about: a refund of ours, or what has its name."""
    of_name = pl.concat_str("payment_id", pl.lit("/"), "name")
    return pl.coalesce("refund_id", of_name).alias("_event")


def _several(named: pl.DataFrame, there: pl.DataFrame) -> pl.DataFrame:
    """What is told in rows of several amounts: less than the refund by a row of this report, or by one that proves it
    elsewhere; of nobody's, which has no amount of its own, two amounts.
    """
    less = pl.col("amount") < pl.col("refund_amount")
    amounts = named.select("_event", "refund_amount").drop_nulls().unique("_event")
    proven = there.filter(pl.col("effect") == Effect.REFUND.value).join(amounts, on="_event")
    nobodys = pl.concat(one.filter(pl.col("refund_id").is_null()).select("_event", "amount") for one in (named, there))
    two = nobodys.group_by("_event").agg(pl.col("amount").n_unique()).filter(pl.col("amount") > 1)
    return pl.concat([named.filter(less).select("_event"), proven.filter(less).select("_event"), two.select("_event")])


def _by_event(lines: pl.DataFrame, columns: Sequence[str]) -> dict[str, list[_Row]]:
    made: dict[str, list[_Row]] = {}
    for row in lines.select("_event", *columns).iter_rows(named=True):
        made.setdefault(row["_event"], []).append(row)
    return made


class _OneEvent:
    """The rows of one refund, or of what is nobody's under one name: those of this report, and what others tell.

    `first_back`: since when something of it came back, if it did.
    """

    def __init__(self, here: Sequence[_Row], there: Sequence[_Row], first_back: datetime | None) -> None:
        self._here = here
        self._there = [one for one in there if _proves(one)]
        self._beside = [one for one in there if not _proves(one)]
        self._parts = [*self._there, *(row for row in here if _proves(row))]
        self._otherwise: list[_Row] = []  # rows of this report whose money another kind tells
        self._first_back = first_back

    def said(self) -> dict[int, _Said]:
        """What each row is that proves nothing yet; those are missing that are no rows of parts."""
        made: dict[int, _Said] = {}
        for row in self._here:
            if not _proves(row) and not row["_other"] and (said := self._of(row)) is not None:
                made[row["line"]] = said
        return made

    def _of(self, row: _Row) -> _Said | None:
        own = [one for one in self._parts if _alike(row, one)]
        others = [one for one in self._parts if not _alike(row, one)]
        if self._told_by(others, row, own):
            self._otherwise.append(row)
            return _Said(Effect.NONE.value, again=False, otherwise=True)
        if self._fits(row, others):
            part = {**row, "effect": _moving(row)}
            self._parts.append(part)
            return _Said(part["effect"], again=False)
        if not own:
            return None
        return _Said(Effect.NONE.value, not any(_is_same(row, one) for one in self._there))

    def _told_by(self, others: Sequence[_Row], row: _Row, own: Sequence[_Row]) -> bool:
        """Whether other kinds of report tell the money of the row: in an equal row, or all of the refund in others."""
        before = [one["amount"] for one in self._otherwise if _alike(row, one)]
        if row["amount"] in before or any(one["amount"] == row["amount"] for one in own):
            return False
        if any(one["amount"] == row["amount"] for one in others):
            return True
        if row["settled_net"] is not None and any(one.get("plain") for one in others):
            return False  # they do not tell its fee and taxes
        whole = sum(one["amount"] for one in others) == row["refund_amount"]
        beside = {(one["amount"], one["booked_at"]) for one in self._beside if _alike(row, one)}
        told = sum(before) + sum(amount for amount, _ in beside - {(row["amount"], row["booked_at"])})
        return bool(whole and told + row["amount"] <= row["refund_amount"])

    def _fits(self, row: _Row, others: Sequence[_Row]) -> bool:
        if not self._parts or any(one["amount"] == row["amount"] for one in self._parts):
            return False
        if row["refund_amount"] is None:  # nobody knows how much it is: all that left before anything came back
            return self._first_back is None or row["booked_at"] <= self._first_back
        told = sum(one["amount"] for one in self._parts) + row["amount"]
        mine = {one["amount"] for one in (*self._otherwise, *self._beside) if _alike(row, one)}
        whole = row["refund_amount"]
        return bool(told == whole or (told < whole and all(one["amount"] in mine for one in others)))


def _moving(row: _Row) -> str:
    """The effect of a row that is a part."""
    return (Effect.TAKEN if row["refund_id"] is None else Effect.REFUND).value


def _proves(row: _Row) -> bool:
    return bool(row["effect"] == _moving(row))


def _alike(row: _Row, other: _Row) -> bool:
    """Told by one kind of report: another kind may tell the same money as another amount."""
    return bool(_kind_of(row) == _kind_of(other))


def _kind_of(row: _Row) -> str:
    return str(row["kind"] or "").lower()  # one PSE's files have it in small letters and in others


def _is_same(row: _Row, other: _Row) -> bool:
    """One row that two files have: a part that another file has told, of the same payout as far as both say it."""
    payouts = {row["payout_reference"], other["payout_reference"]} - {None}
    return _alike(row, other) and len(payouts) < 2 and all(row[name] == other[name] for name in ("amount", "booked_at"))


def _once_more(lines: pl.DataFrame, settled: pl.DataFrame) -> dict[int, _Said]:
    """Rows that do nothing, because another report has the like of them, though what undid that lies between both.

    One that is found may be what undid another one: they are sought until there are none. Rows of its own kind of
    report that do nothing either are like it, or undid it, too: another kind, or a later one, has proven the same.
    """
    if settled.is_empty():
        return {}
    still = pl.col("effect") == Effect.NONE.value
    named = lines.filter(_by_name()).select("line", "again", *_MOVEMENT)
    rows = named.filter(still & ~pl.col("again") & pl.col("state").is_in([_LEFT, _RETURNED]))
    proven = settled.filter((pl.col("effect") != Effect.NONE.value) & pl.col("name").is_not_null())
    at = ["payment_id", "name", "state", "booked_at"]
    rows = rows.join(proven.select(at), on=at, how="anti")  # the very row that another report has
    elsewhere = settled.filter((pl.col("type") == "REFUND") & ~pl.col("by_amount")).select("booked_as", *_MOVEMENT)
    beside = elsewhere.filter(still & (pl.col("booked_as") == BookedAs.NONE.value)).select(*_MOVEMENT)
    moved = pl.concat(
        [
            named.filter(~still | pl.col("again")).select(*_MOVEMENT),
            elsewhere.filter(~still | (pl.col("booked_as") != BookedAs.NONE.value)).select(*_MOVEMENT),
        ]
    )
    same, passive = pl.concat([moved.filter(~still), beside]), pl.concat([rows.select(*_MOVEMENT), beside])
    fresh, found = rows, list[int]()
    while more := _between(rows, same, moved, passive):
        found += more
        moved = pl.concat([moved, rows.filter(pl.col("line").is_in(more)).select(*_MOVEMENT)])
        rows = rows.filter(~pl.col("line").is_in(more))
    told = elsewhere.filter(pl.col("booked_as") == BookedAs.UNEXPLAINED.value)
    return _counted_once(fresh.filter(pl.col("line").is_in(found)), told) if found else {}


def _counted_once(rows: pl.DataFrame, told: pl.DataFrame) -> dict[int, _Said]:
    """Rows that moved once more: as many are counted as the kind of report has that tells most of them."""
    there: defaultdict[Any, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for one in told.iter_rows(named=True):
        there[_moved_as(one)][_kind_of(one)].add(one["booked_at"])
    made: dict[int, _Said] = {}
    for row in rows.sort("line").iter_rows(named=True):
        kinds, kind = there[_moved_as(row)], _kind_of(row)
        others = max((len(moments) for name, moments in kinds.items() if name != kind), default=0)
        otherwise = len(kinds[kind] - {row["booked_at"]}) < others
        made[row["line"]] = _Said(Effect.NONE.value, again=not otherwise, otherwise=otherwise)
        kinds[kind].add(row["booked_at"])
    return made


def _moved_as(row: _Row) -> tuple[Any, ...]:
    return row["refund_id"] or (row["payment_id"], row["name"]), row["state"], row["amount"]


def _between(rows: pl.DataFrame, same: pl.DataFrame, moved: pl.DataFrame, passive: pl.DataFrame) -> list[int]:
    """Those of the rows that have one of the `same` way, and one of the other way between both, be it a `passive` one
    of their kind.
    """
    lines = set[int]()
    for keys in (["refund_id"], ["payment_id", "name"]):
        of = [*keys, "_left"]
        like = same.drop_nulls(keys).select(*keys, _KIND, _left=_HAS_LEFT, _same="booked_at")
        mine = rows.drop_nulls(keys).with_columns(_KIND, _left=_HAS_LEFT)
        both = mine.join(like, on=[*of, "kind"], nulls_equal=True)
        for others, by in ((moved, of), (passive, [*of, "kind"])):
            undone = others.drop_nulls(keys).select(*keys, _KIND, _left=~_HAS_LEFT, _undone="booked_at")
            lines |= _undone_between(both.join(undone.select(*by, "_undone"), on=by, nulls_equal=True))
    return sorted(lines)


def _undone_between(told: pl.DataFrame) -> set[int]:
    first, last = pl.min_horizontal("booked_at", "_same"), pl.max_horizontal("booked_at", "_same")
    return set(told.filter((pl.col("_undone") > first) & (pl.col("_undone") < last))["line"].to_list())
