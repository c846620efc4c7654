"""Money that is told in several rows under one name: which rows of a report are parts of it, and which have moved more.

A part is under the same name of the PSE's, and of another amount than the parts before: a row of the same amount may be
the same row told again. Another kind of report may tell the same money in other rows: told_rows says whose rows count.
What left, or came back, a second time under its name is told from the same row by its time alone: what undid the first
lies between both. Such rows, and those beyond a refund's amount, are in SUSPENSE, with a finding.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl

from domain.models.settlements import BookedAs, Effect
from domain.platform.in_columns import says
from domain.reconciliation import nobodys_rows
from domain.reconciliation.nobodys_rows import NobodysRows
from domain.reconciliation.told_rows import HERE, THERE, OneMoney, Row, RowEffect, Rows, Tally, is_booked, kind_of

_LEFT, _RETURNED = "SUCCEEDED", "RETURNED"
_KEYS: Final = ("refund_id", "payment_id", "name")
_HAS_LEFT: Final = pl.col("state") == _LEFT
_MOVEMENT: Final = ("effect", "state", "kind", "booked_at", "payout_reference", "amount", *_KEYS)
_KIND: Final = pl.col("kind").fill_null("").str.to_lowercase()


def _by_name() -> pl.Expr:
    return ~pl.col("by_amount") & pl.col("nameless").is_null()


def place(lines: pl.DataFrame, settled: pl.DataFrame, other_name: pl.Expr) -> pl.DataFrame:
    """The lines of refunds (reconciliation/match) with their `effect` and `again`, where some are parts of one refund,
    with `otherwise`: whether another kind of report tells the money of a row, be it in other rows; with `refund_told`:
    minor units that all reports tell to have left of it, of those that are its own; and with `doubtful` and `short`:
    told_rows.RowEffect.

    `lines`: in their order, with `name`. `settled`: what other valid reports have of refunds by name, whatever it does.
    `other_name`: whether a line has another name of the PSE's than the refund's first one.
    """
    ours = lines.filter(pl.col("refund_id").is_not_null())
    changed = {**_once_more(ours, settled, other_name), **_in_parts(ours, settled, other_name)}
    for nobodys in _of_nobody(lines, settled):
        changed |= nobodys.said()
    made = _changed(lines, changed)
    if not says(made, "effect", Effect.REFUND.value):
        return made.with_columns(refund_told=pl.lit(None, pl.Int64))
    proven = settled.lazy().filter((pl.col("effect") == Effect.REFUND.value) & pl.col("refund_id").is_not_null())
    told = proven.group_by("refund_id").agg(pl.col("amount").sum().alias("_elsewhere"))
    own = pl.col("amount").filter(pl.col("effect") == Effect.REFUND.value).sum().over("refund_id")
    sums = made.lazy().join(told, on="refund_id", how="left", maintain_order="left")
    whole = pl.when(pl.col("effect") == Effect.REFUND.value).then(own + pl.col("_elsewhere").fill_null(0))
    return sums.with_columns(refund_told=whole).drop("_elsewhere").collect(engine="in-memory")


def _changed(lines: pl.DataFrame, changed: Mapping[int, RowEffect]) -> pl.DataFrame:
    """The lines, of which some (their numbers) are this."""
    if not changed:
        none = {"otherwise": pl.lit(value=False), "doubtful": pl.lit(value=False), "short": pl.lit(None, pl.Int64)}
        return lines.with_columns(**none)
    columns = {"_effect": pl.String(), "_again": pl.Boolean(), "otherwise": pl.Boolean(), "doubtful": pl.Boolean()}
    columns |= {"line": lines.schema["line"], "short": pl.Int64()}
    said = [{"line": line, "_effect": one.effect, "_again": one.again, **_more(one)} for line, one in changed.items()]
    told = pl.DataFrame(said, schema=columns)
    return (
        lines.join(told, on="line", how="left", maintain_order="left")
        .with_columns(effect=pl.coalesce("_effect", "effect"), again=pl.coalesce("_again", "again"))
        .with_columns(pl.col("otherwise", "doubtful").fill_null(value=False))
        .drop("_effect", "_again")
    )


def _more(one: RowEffect) -> dict[str, Any]:
    return {"otherwise": one.otherwise, "doubtful": one.doubtful, "short": one.short}


def _of_nobody(lines: pl.DataFrame, settled: pl.DataFrame) -> list[NobodysRows]:
    """What is told in more than one row of this report and others, by name and without a refund of ours."""
    if not lines["refund_id"].has_nulls():
        return []
    of = pl.col("refund_id").is_null() & pl.col("state").is_in([_LEFT, _RETURNED, "FAILED"])
    named = lines.filter(of & _by_name() & pl.col("payment_id").is_not_null() & pl.col("name").is_not_null())
    if named.is_empty():  # so are most reports
        return []
    here = named.sort("line").with_columns(_event())
    there = _by_name_elsewhere(settled.filter(of), here)
    counted = pl.concat([here.select("_event"), there.select("_event")]).group_by("_event").len()
    several = counted.filter(pl.col("len") > 1)
    rows = _by_event(here.join(several, on="_event", how="semi", maintain_order="left"), nobodys_rows.HERE)
    others = _by_event(there.sort("line_id"), nobodys_rows.THERE)
    found = [NobodysRows(some, others.get(event, [])) for event, some in rows.items()]
    return [one for one in found if one.are_any]


def _in_parts(lines: pl.DataFrame, settled: pl.DataFrame, other_name: pl.Expr) -> dict[int, RowEffect]:
    """Of what is told in rows of several amounts: what each row is that proves nothing yet. They are few."""
    if not says(lines, "effect", Effect.NONE.value):
        return {}
    here = lines.filter(_IS_LEAVING)
    if here.filter(pl.col("effect") == Effect.NONE.value).is_empty():  # so it is where each is told once
        return {}
    named = here.with_columns(_event())
    undecided = named.filter(pl.col("effect") == Effect.NONE.value)
    there = _by_name_elsewhere(settled, undecided)
    concerned = undecided.join(_several(named, there.filter(_HAS_LEFT)), on="_event", how="semi")
    made: dict[int, RowEffect] = {}
    for told in _told(lines, there, concerned, (*HERE, "effect"), other_name):
        made |= Rows(told).said()
    return made


def of_others(matched: pl.DataFrame, settled: pl.DataFrame) -> tuple[list[int], list[int]]:
    """Rows (ids) of other reports that give way to rows of this one (reconciliation/match), which tell the same money;
    and those that count from now on, or no more, when their reports are read again: until then too much is taken.

    `settled`: what other valid reports have.
    """
    lines = matched.filter(pl.col("type") == "REFUND").with_columns(
        name=pl.coalesce("reference", "pse_refund_reference")
    )
    read_again = [one for told in _of_nobody(lines, settled) for one in told.read_again()]
    return _giving_way(lines, settled), read_again


def _giving_way(lines: pl.DataFrame, settled: pl.DataFrame) -> list[int]:
    proving = (pl.col("effect") == Effect.REFUND.value) & ~pl.col("by_amount")
    if not says(settled, "effect", Effect.REFUND.value) or settled.filter(proving).is_empty():
        return []
    named = lines.filter(_IS_LEAVING & ~_OF_ANOTHER & pl.col("refund_id").is_not_null()).with_columns(_event())
    if named.is_empty():
        return []
    there = _by_name_elsewhere(settled, named)
    others = there.filter(proving).select("_event", _amount="amount")
    other = named.join(others, on="_event").filter(pl.col("amount") != pl.col("_amount"))
    return [one for told in _told(lines, there, other, HERE, _OF_ANOTHER) for one in told.giving_way()]


def _by_name_elsewhere(settled: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    by_name = (pl.col("type") == "REFUND") & (pl.col("refund_id").is_not_null() | ~pl.col("by_amount"))
    return settled.filter(by_name).with_columns(_event()).join(events, on="_event", how="semi")


def _told(
    lines: pl.DataFrame, there: pl.DataFrame, concerned: pl.DataFrame, columns: Sequence[str], other_name: pl.Expr
) -> Iterator[OneMoney]:
    """What this report, under the first of the PSE's names, and others tell of those concerned."""
    if concerned.is_empty():
        return
    ours, theirs = (
        one.join(concerned, on="_event", how="semi")
        for one in (lines.filter(_by_name()).with_columns(_event(), other_name.alias("_other")), there)
    )
    before = _by_event(theirs.filter(_HAS_LEFT), THERE)
    back = pl.concat(
        one.filter(pl.col("state") == _RETURNED).select("_event", "kind", "booked_at") for one in (ours, theirs)
    )
    backs = _by_event(back, ("kind", "booked_at"))
    for event, rows in _by_event(ours.filter(_IS_LEAVING & ~pl.col("_other")).sort("line"), columns).items():
        times: defaultdict[str, set[datetime]] = defaultdict(set)
        for one in backs.get(event, ()):
            times[kind_of(one)].add(one["booked_at"])
        yield OneMoney(rows, before.get(event, []), {kind: sorted(some) for kind, some in times.items()})


_BY_BANK: Final = pl.col("refund_by_bank").fill_null(value=False)
_IS_LEAVING: Final = (_by_name() & _HAS_LEFT & ~_BY_BANK).fill_null(value=False)
# Under another name of the PSE's than the refund has.
_OF_ANOTHER: Final = (pl.col("refund_pse_reference") != pl.col("pse_refund_reference")).fill_null(value=False)


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


def _by_event(lines: pl.DataFrame, columns: Sequence[str]) -> dict[str, list[Row]]:
    made: dict[str, list[Row]] = {}
    for row in lines.select("_event", *columns).iter_rows(named=True):
        made.setdefault(row["_event"], []).append(row)
    return made


def _once_more(lines: pl.DataFrame, settled: pl.DataFrame, other_name: pl.Expr) -> dict[int, RowEffect]:
    """Rows that do nothing, because another report has the like of them, though what undid that lies between both.

    One that is found may be what undid another one: they are sought until there are none. Rows of its own kind of
    report that do nothing either are like it, or undid it, too: another kind, or a later one, has proven the same.
    """
    if settled.is_empty():
        return {}
    still = pl.col("effect") == Effect.NONE.value
    named = lines.filter(_by_name()).select("line", "again", other_name.alias("_other"), *_MOVEMENT)
    rows = named.filter(still & ~pl.col("again") & pl.col("state").is_in([_LEFT, _RETURNED]))
    again = named.filter(
        still & pl.col("again") & ~pl.col("_other")
    )  # what has two names of the PSE's is two movements
    if rows.is_empty() and again.is_empty():
        return {}
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
    while once_more := _between(rows, same, moved, passive):
        found += once_more
        moved = pl.concat([moved, rows.filter(pl.col("line").is_in(once_more)).select(*_MOVEMENT)])
        rows = rows.filter(~pl.col("line").is_in(once_more))
    more = pl.concat([fresh.filter(pl.col("line").is_in(found)), again])
    if more.is_empty():
        return {}
    others = elsewhere, named.join(more, on="line", how="anti")
    like = [one.join(more, on=["payment_id", "state", "amount"], how="semi") for one in others]
    return _counted_once(more, like)


def _counted_once(rows: pl.DataFrame, told: Iterable[pl.DataFrame]) -> dict[int, RowEffect]:
    """Rows that moved once more: as many are counted as the kind of report has that tells most of them."""
    tally = Tally()
    for one in (row for some in told for row in some.iter_rows(named=True)):
        tally.take(_moved_as(one), one, booked=is_booked(one))
    made: dict[int, RowEffect] = {}
    for row in rows.sort("line").iter_rows(named=True):
        tally.take(_moved_as(row), row, booked=False)
        covered = tally.covers(_moved_as(row), row)
        made[row["line"]] = RowEffect(Effect.NONE.value, again=not covered, otherwise=covered)
        tally.take(_moved_as(row), row, booked=not covered)
    return made


def _moved_as(row: Row) -> tuple[Any, ...]:
    return row["refund_id"] or (row["payment_id"], row["name"]), row["state"], row["amount"]


def _between(rows: pl.DataFrame, same: pl.DataFrame, moved: pl.DataFrame, passive: pl.DataFrame) -> list[int]:
    """Those of the rows that have one of the `same` way, and one of the other way between both, be it a `passive` one
    of their kind.
    """
    lines = set[int]()
    for keys in (["refund_id"], ["payment_id", "name"]):
        of = [*keys, "_left"]
        at = pl.col("booked_at")
        like = same.drop_nulls(keys).group_by(*keys, _KIND, _left=_HAS_LEFT).agg(_first=at.min(), _last=at.max())
        mine = rows.drop_nulls(keys).with_columns(_KIND, _left=_HAS_LEFT)
        both = mine.join(like, on=[*of, "kind"])
        if both.is_empty():
            continue
        for others, by in ((moved, of), (passive, [*of, "kind"])):
            undone = others.drop_nulls(keys).select(*keys, _KIND, _left=~_HAS_LEFT, _undone="booked_at")
            lines |= _undone_between(both, undone.select(*by, "_undone"), by)
    return sorted(lines)


def _undone_between(both: pl.DataFrame, undone: pl.DataFrame, by: Sequence[str]) -> set[int]:
    """Those with one of the `undone` between themselves and the `_first` or the `_last` of the like of them."""
    if both.is_empty() or undone.is_empty():
        return set()
    mine, times, found = both.sort("booked_at"), undone.sort("_undone"), set[int]()
    for way, is_between in _UNTIL.items():
        # The next one is as good as any other.
        told = mine.join_asof(
            times,
            left_on="booked_at",
            right_on="_undone",
            by=by,
            strategy=way,
            allow_exact_matches=False,
            check_sortedness=False,
        )
        found |= set(told.filter(is_between)["line"].to_list())
    return found


_UNTIL: Final[Mapping[Literal["forward", "backward"], pl.Expr]] = {
    "forward": pl.col("_undone") < pl.col("_last"),
    "backward": pl.col("_undone") > pl.col("_first"),
}
