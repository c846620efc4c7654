"""What each row is of a refund of ours that is told in several rows, by several kinds of report.

One rule: a kind of report tells each money once, so it has moved as often, and as much, as the kind says that tells
most of it. Pure; each row is looked at once, however many a refund has.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
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
    """The rows of one refund that say that it left: those of this report, and what others tell. `backs`: when it came
    back, by the kind of report that tells so, sorted.

    What a kind tells to have left after it had come back is no part: it has left once more.
    """

    def __init__(self, here: Sequence[Row], there: Sequence[Row], backs: Mapping[str, Sequence[datetime]]) -> None:
        self._backs = backs
        rounds = [self._round(row) for row in (*here, *there)]
        first = min(rounds, default=0)
        self.here = [row for row in here if self._round(row) == first]
        self.there = [row for row in there if self._round(row) == first]
        self.later_here = [row for row in here if self._round(row) > first]
        self.later_there = [row for row in there if self._round(row) > first]
        self.sums = _sums([*self.here, *self.there])
        self.whole = int(here[0]["refund_amount"]) if here else 0  # how much it is

    def _round(self, row: Row) -> int:
        return bisect_left(self._backs.get(kind_of(row), ()), row["booked_at"])

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
        if not fresh or _sum(proven) + sum(fresh) <= self.whole:
            return []
        stays = next((kind for kind in full if _sum(_of(kind, proven)) == self.whole), None)
        kept = mine if stays is None else {stays}
        plain = any(row["settled_net"] is None for row in self.here)
        return [one["line_id"] for one in proven if kind_of(one) not in kept and (one["plain"] or not plain)]


class _Parts:
    """Rows that are parts, as they are found: how much each kind of report tells, and all of them."""

    def __init__(self) -> None:
        self.added: list[tuple[str, int]] = []
        self.sum = 0
        self._every: Counter[int] = Counter()
        self._of_kind: Counter[tuple[str, int]] = Counter()
        self._sums: Counter[str] = Counter()
        self._kinds: set[str] = set()
        self._plain: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        kind, amount = kind_of(row), row["amount"]
        self.added.append((kind, amount))
        self.sum += amount
        self._every[amount] += 1
        self._of_kind[kind, amount] += 1
        self._sums[kind] += amount
        self._kinds.add(kind)
        if row.get("plain"):
            self._plain[kind] += 1

    def are_any_of(self, kind: str) -> bool:
        return kind in self._kinds

    def have(self, amount: int) -> bool:
        return self._every[amount] > 0

    def own_have(self, kind: str, amount: int) -> bool:
        return self._of_kind[kind, amount] > 0

    def others_have(self, kind: str, amount: int) -> bool:
        return self._every[amount] > self._of_kind[kind, amount]

    def sum_of_others(self, kind: str) -> int:
        return self.sum - self._sums[kind]

    def others_are_plain(self, kind: str) -> bool:
        return self._plain.total() > self._plain[kind]


class _Told:
    """Rows of one kind of report that are no parts: other kinds tell their money, or may."""

    def __init__(self) -> None:
        self.otherwise: set[int] = set()  # amounts of those whose money another kind tells
        self._sum = 0
        self._beside: set[tuple[int, datetime]] = set()
        self._amounts: set[int] = set()
        self._unmatched: set[int] = set()  # amounts of parts of other kinds that it has not, of the first `_seen`
        self._seen = 0

    def add_beside(self, row: Row) -> None:
        one = row["amount"], row["booked_at"]
        self._sum += 0 if one in self._beside else row["amount"]
        self._beside.add(one)
        self._add(row["amount"])

    def add_otherwise(self, amount: int) -> None:
        self.otherwise.add(amount)
        self._sum += amount
        self._add(amount)

    def _add(self, amount: int) -> None:
        self._amounts.add(amount)
        self._unmatched.discard(amount)

    def sum_without(self, row: Row) -> int:
        """What it tells beside the row."""
        is_beside = (row["amount"], row["booked_at"]) in self._beside
        return self._sum - (row["amount"] if is_beside else 0)

    def has_all_of_others(self, kind: str, parts: _Parts) -> bool:
        """Whether it, a `kind` of report, tells the amounts of all parts that other kinds tell."""
        new, self._seen = parts.added[self._seen :], len(parts.added)
        self._unmatched |= {amount for other, amount in new if other != kind and amount not in self._amounts}
        return not self._unmatched


class Rows:
    """What the rows of this report are."""

    def __init__(self, told: OneMoney) -> None:
        self._of_report, self._whole = told, told.whole
        self._parts, self._told = _Parts(), defaultdict[str, _Told](_Told)
        there = [one for one in told.there if proves(one)]
        for row in (*there, *(row for row in told.here if proves(row))):
            self._parts.add(row)
        for row in told.there:
            if not proves(row):
                self._told[kind_of(row)].add_beside(row)
        self._payouts: defaultdict[Any, set[str | None]] = defaultdict(set)
        for row in there:
            self._payouts[_at(row)].add(row["payout_reference"])
        self._tally = Tally()
        for row in (*told.here, *told.there, *told.later_here, *told.later_there):
            self._tally.take(row["amount"], row, booked=is_booked(row))

    def said(self) -> dict[int, RowEffect]:
        """What each row is that proves nothing yet; those are missing that are no rows of parts."""
        made: dict[int, RowEffect] = {}
        rows = [(row, self._of) for row in self._of_report.here]
        for row, what in [*rows, *((row, self._once_more) for row in self._of_report.later_here)]:
            if proves(row):
                continue
            said = what(row)
            if said is not None:
                made[row["line"]] = said
            if said is None or said.again:
                self._tally.take(row["amount"], row, booked=True)
        return made

    def _of(self, row: Row) -> RowEffect | None:
        kind, amount = kind_of(row), row["amount"]
        if self._told_by_others(row):
            self._told[kind].add_otherwise(amount)
            return RowEffect(Effect.NONE.value, again=False, otherwise=True)
        are_own = self._parts.are_any_of(kind)
        if self._fits(row):
            part = {**row, "effect": Effect.REFUND.value}
            self._parts.add(part)
            self._tally.take(amount, part, booked=True)
            return RowEffect(part["effect"], again=False)
        if self._is_there(row):
            return RowEffect(Effect.NONE.value, again=False)
        if self._tally.covers(amount, row):
            return RowEffect(Effect.NONE.value, again=False, otherwise=True)
        return RowEffect(Effect.NONE.value, again=True) if are_own else None

    def _once_more(self, row: Row) -> RowEffect:
        covered = self._tally.covers(row["amount"], row)
        return RowEffect(Effect.NONE.value, again=not covered, otherwise=covered)

    def _told_by_others(self, row: Row) -> bool:
        """Whether other kinds of report tell the money of the row: in an equal row, or all of it in others."""
        kind, amount = kind_of(row), row["amount"]
        if amount in self._told[kind].otherwise or self._parts.own_have(kind, amount):
            return False
        if self._parts.others_have(kind, amount):
            return True
        if row["settled_net"] is not None and self._parts.others_are_plain(kind):
            return False  # they do not tell its fee and taxes
        if self._parts.sum_of_others(kind) != self._whole:
            return False
        return bool(self._told[kind].sum_without(row) + amount <= self._whole)

    def _fits(self, row: Row) -> bool:
        if not self._parts.added or self._parts.have(row["amount"]):
            return False
        told, kind = self._parts.sum + row["amount"], kind_of(row)
        return told == self._whole or (told < self._whole and self._told[kind].has_all_of_others(kind, self._parts))

    def _is_there(self, row: Row) -> bool:
        """Whether a part that another file has told is the row, of the same payout as far as both say it."""
        payouts, payout = self._payouts.get(_at(row), set()), row["payout_reference"]
        return bool(payouts) and (payout is None or bool(payouts & {None, payout}))


def _at(row: Row) -> Any:
    return kind_of(row), row["amount"], row["booked_at"]


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


def proves(row: Row) -> bool:
    """Whether the row is a part of the refund."""
    return bool(row["effect"] == Effect.REFUND.value)


def is_booked(row: Row) -> bool:
    """Whether a stored row moved money, be it to SUSPENSE."""
    return bool(row["effect"] != Effect.NONE.value or row.get("booked_as") == BookedAs.UNEXPLAINED.value)


def kind_of(row: Row) -> str:
    """The kind of report, in small letters: one PSE's files have it in small letters and in others."""
    return str(row["kind"] or "").lower()
