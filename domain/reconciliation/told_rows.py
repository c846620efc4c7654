"""What each row is of money that is told in several rows under one name, ours or nobody's, by several kinds of report.

One rule: a kind of report tells each money once, so it has moved as often, and as much, as the kind says that tells
most of it. Pure; the rows of one name are few.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.models.settlements import BookedAs, Effect

Row = Mapping[str, Any]
# What is asked of a row; of this report, and of another one.
ANY: Final = ("refund_id", "amount", "kind", "booked_at", "payout_reference")
HERE: Final = (*ANY, "line", "refund_amount", "settled_net")
THERE: Final = (*ANY, "effect", "booked_as", "plain", "line_id")


@dataclass(frozen=True, slots=True)
class RowEffect:
    """What a row is: its effect, whether its report has told the same before, whether another kind tells its money.

    `doubtful`: it counts, and may be the same row as another. `short`: how much less came back than had left.
    """

    effect: str
    again: bool
    otherwise: bool = False
    doubtful: bool = False
    short: int | None = None


class Tally:
    """How often movements (of a key each) are told by each kind of report, and how often they are booked."""

    def __init__(self) -> None:
        self._told: defaultdict[Any, set[Any]] = defaultdict(set)
        self._booked: defaultdict[Any, set[Any]] = defaultdict(set)
        self._lines: dict[Any, int] = {}

    def take(self, of: Any, row: Row, *, booked: bool) -> None:
        """Count a row in; the same row of another file counts once."""
        one = _movement(row)
        self._told[of, kind_of(row)].add(one)
        if booked:
            self._booked[of].add(one)
        if "line" in row:
            self._lines.setdefault((of, one), row["line"])

    def covers(self, of: Any, row: Row) -> bool:
        """Whether all that the kind of this row, which is counted in, tells of it is booked already. Equal rows of one
        file are as many movements.
        """
        is_first = self._lines.get((of, _movement(row))) == row["line"]
        return is_first and len(self._booked[of]) >= len(self._told[of, kind_of(row)])


def _movement(row: Row) -> Any:
    return kind_of(row), row["booked_at"], row["payout_reference"]


class OneMoney:
    """The rows of one refund, or of what is nobody's under one name, that say that it left: those of this report, and
    what others tell. `backs`: when it came back, by the kind of report that tells so.

    What a kind tells to have left after it had come back is no part: it has left once more.
    """

    def __init__(self, here: Sequence[Row], there: Sequence[Row], backs: Mapping[str, Sequence[datetime]]) -> None:
        self.backs = backs
        rounds = [self._round(row) for row in (*here, *there)]
        first = min(rounds, default=0)
        self.here = [row for row in here if self._round(row) == first]
        self.there = [row for row in there if self._round(row) == first]
        self.later_here = [row for row in here if self._round(row) > first]
        self.later_there = [row for row in there if self._round(row) > first]
        ours = next((row["refund_amount"] for row in here), None)
        self.sums = _sums([*self.here, *self.there])
        agreed = [told for told in self.sums.values() if list(self.sums.values()).count(told) > 1]
        # How much it is: the refund, or the most that two kinds of report agree on; None: nobody knows.
        self.whole: int | None = max(agreed, default=None) if ours is None else int(ours)

    def _round(self, row: Row) -> int:
        return sum(at < row["booked_at"] for at in self.backs.get(kind_of(row), ()))

    def is_before_back(self, row: Row) -> bool:
        """Whether the row, or an equal one of another kind, was before anything came back, as far as its kind says."""
        if kind_of(row) in self.backs:
            return True
        like = [one["booked_at"] for one in (*self.here, *self.there) if one["amount"] == row["amount"]]
        return all(min(like) <= at for backs in self.backs.values() for at in backs)

    def giving_way(self) -> list[int]:
        """The rows (`line_id`) of other reports that give way to rows of this one: what left later to what left first,
        and what is less to what its kind tells whole; otherwise both would be more than the whole.

        Rows that tell fees give way to none that do not.
        """
        proven = [one for one in self.there if proves(one)]
        later = [one for one in self.later_there if proves(one)]
        if self.here and later and not proven:
            return [one["line_id"] for one in later]
        full = {kind for kind, told in self.sums.items() if told == self.whole}
        mine = {kind_of(row) for row in self.here} & full
        fresh = {row["amount"] for row in self.here if kind_of(row) in mine} - {one["amount"] for one in proven}
        if self.whole is None or not fresh or _sum(proven) + sum(fresh) <= self.whole:
            return []
        stays = next((kind for kind in full if _sum(_of(kind, proven)) == self.whole), None)
        kept = mine if stays is None else {stays}
        plain = any(row["settled_net"] is None for row in self.here)
        return [one["line_id"] for one in proven if kind_of(one) not in kept and (one["plain"] or not plain)]


class Rows:
    """What the rows of this report are."""

    def __init__(self, told: OneMoney) -> None:
        self._told = told
        self._there = [one for one in told.there if proves(one)]
        self._beside = [one for one in told.there if not proves(one)]
        self._parts = [*self._there, *(row for row in told.here if proves(row))]
        self._otherwise: list[Row] = []  # rows of this report whose money another kind tells
        self._whole = told.whole
        self._tally = Tally()
        for row in (*told.here, *told.there, *told.later_here, *told.later_there):
            self._tally.take(row["amount"], row, booked=is_booked(row))

    def said(self) -> dict[int, RowEffect]:
        """What each row is that proves nothing yet; those are missing that are no rows of parts."""
        made: dict[int, RowEffect] = {}
        for row in (*self._told.here, *self._told.later_here):
            if proves(row):
                continue
            said = self._of(row) if row in self._told.here else self._once_more(row)
            if said is not None:
                made[row["line"]] = said
            if said is None or said.again:
                self._tally.take(row["amount"], row, booked=True)
        return made

    def _of(self, row: Row) -> RowEffect | None:
        own = [one for one in self._parts if alike(row, one)]
        others = [one for one in self._parts if not alike(row, one)]
        if self._told_by(others, row, own):
            self._otherwise.append(row)
            return RowEffect(Effect.NONE.value, again=False, otherwise=True)
        if self._fits(row, others):
            part = {**row, "effect": moving(row)}
            self._parts.append(part)
            self._tally.take(row["amount"], part, booked=True)
            return RowEffect(part["effect"], again=False)
        if any(_is_same(row, one) for one in self._there):
            return RowEffect(Effect.NONE.value, again=False)
        if self._tally.covers(row["amount"], row):
            return RowEffect(Effect.NONE.value, again=False, otherwise=True)
        return RowEffect(Effect.NONE.value, again=True) if own else None

    def _once_more(self, row: Row) -> RowEffect:
        covered = self._tally.covers(row["amount"], row)
        return RowEffect(Effect.NONE.value, again=not covered, otherwise=covered)

    def _told_by(self, others: Sequence[Row], row: Row, own: Sequence[Row]) -> bool:
        """Whether other kinds of report tell the money of the row: in an equal row, or all of it in others."""
        before = [one["amount"] for one in self._otherwise if alike(row, one)]
        if row["amount"] in before or any(one["amount"] == row["amount"] for one in own):
            return False
        if any(one["amount"] == row["amount"] for one in others):
            return True
        if row["settled_net"] is not None and any(one.get("plain") for one in others):
            return False  # they do not tell its fee and taxes
        if self._whole is None or sum(one["amount"] for one in others) != self._whole:
            return False
        beside = {(one["amount"], one["booked_at"]) for one in self._beside if alike(row, one)}
        told = sum(before) + sum(amount for amount, _ in beside - {(row["amount"], row["booked_at"])})
        return bool(told + row["amount"] <= self._whole)

    def _fits(self, row: Row, others: Sequence[Row]) -> bool:
        if not self._parts or any(one["amount"] == row["amount"] for one in self._parts):
            return False
        whole = row["refund_amount"]
        if whole is None:  # nobody knows how much it is: all that left before anything came back
            return self._told.is_before_back(row)
        told = sum(one["amount"] for one in self._parts) + row["amount"]
        mine = {one["amount"] for one in (*self._otherwise, *self._beside) if alike(row, one)}
        return bool(told == whole or (told < whole and all(one["amount"] in mine for one in others)))


def _of(kind: str, rows: Iterable[Row]) -> list[Row]:
    return [one for one in rows if kind_of(one) == kind]


def _sum(rows: Iterable[Row]) -> int:
    return sum(one["amount"] for one in rows)


def _sums(rows: Iterable[Row]) -> Mapping[str, int]:
    """What each kind of report tells. A row of an amount that it has told before may be the same row."""
    amounts: defaultdict[str, set[int]] = defaultdict(set)
    for row in rows:
        amounts[kind_of(row)].add(row["amount"])
    return {kind: sum(told) for kind, told in amounts.items()}


def moving(row: Row) -> str:
    """The effect of a row that is a part."""
    return (Effect.TAKEN if row["refund_id"] is None else Effect.REFUND).value


def proves(row: Row) -> bool:
    """Whether the row is such a part."""
    return bool(row["effect"] == moving(row))


def is_booked(row: Row) -> bool:
    """Whether a stored row moved money, be it to SUSPENSE."""
    return bool(row["effect"] != Effect.NONE.value or row.get("booked_as") == BookedAs.UNEXPLAINED.value)


def alike(row: Row, other: Row) -> bool:
    """OneMoney by one kind of report: another kind may tell the same money as another amount."""
    return kind_of(row) == kind_of(other)


def kind_of(row: Row) -> str:
    """The kind of report, in small letters: one PSE's files have it in small letters and in others."""
    return str(row["kind"] or "").lower()


def _is_same(row: Row, other: Row) -> bool:
    """One row that two files have: a part that another file has told, of the same payout as far as both say it."""
    payouts = {row["payout_reference"], other["payout_reference"]} - {None}
    return alike(row, other) and len(payouts) < 2 and all(row[name] == other[name] for name in ("amount", "booked_at"))
