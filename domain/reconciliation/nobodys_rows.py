"""Money that left without a refund of ours, told by name in several rows, be they of several reports: what each row is.

One rule: a kind of report tells each money once. So of equal amounts as many left, and as many came back, as the kind
tells that tells most of them; kinds that agree on the sum, or on what was settled, tell the same money, in whatever
rows. What it is does not depend on the order in which reports are read: the report of a row that counts too
much, or is missing, is read again. Pure.

Rows of two reports that differ by their time alone may be one row told twice. What left counts all the same, and what
came back does not, so that nothing is refundable that may be gone; a person is told. Likewise, where kinds of report
tell different amounts, all that any tells to have left counts, and of what came back what one of them tells.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from domain.models.settlements import BookedAs, Effect
from domain.reconciliation.told_rows import Row, RowEffect, kind_of

OUT, BACK = Effect.TAKEN.value, Effect.TAKEN_BACK.value
HERE: Final = ("line", "state", "amount", "kind", "booked_at", "payout_reference", "settled_net")
THERE: Final = (
    "line_id",
    "report",
    "state",
    "amount",
    "kind",
    "booked_at",
    "payout_reference",
    "effect",
    "unsettled",
    "net",
    "booked_as",
)
_Key = tuple[str, int, datetime, str | None]  # kind, amount, time and payout of a movement


@dataclass(frozen=True, slots=True)
class _Movement:
    """So much that a kind of report tells to have moved at once, as often as it counts."""

    at: datetime
    counts: int
    is_doubtful: bool  # it may be another one told again
    net: Decimal | None  # what was settled, in major units; None: it is not told


class _Way:
    """The rows that money left, or those that it came back. `undone`: when it went the other way, sorted."""

    def __init__(self, here: Sequence[Row], there: Sequence[Row], effect: str, undone: Sequence[datetime]) -> None:
        self.here, self.there, self.effect = here, there, effect
        self.booked = [one for one in there if one["effect"] == effect]
        self._payouts = _payouts([*here, *there])
        self._in_files = self._counted_in_files()
        self._places: dict[_Key, range] = {}
        self._nets = {self.key(one): _net(one) for one in (*here, *there)}
        keys_of = self._by_amount()
        sure = _twice_told(keys_of)
        self.movements = {of: self._placed(keys, sure[of[1]], undone) for of, keys in keys_of.items()}
        self.counts = {of: sum(one.counts for one in some) for of, some in self.movements.items()}
        self.covered = frozenset[str]()  # kinds all of whose rows others tell
        self.confirmed = frozenset[str]()  # those of them whose rows are no row told again, by what others tell
        self.in_doubt = {of for of, some in self.movements.items() if any(one.is_doubtful for one in some)}

    def key(self, row: Row) -> _Key:
        """The movement of a row; a payout that is not told is the one that others tell of that moment."""
        of = kind_of(row), row["amount"], row["booked_at"]
        payout = row["payout_reference"]
        return (*of, min(self._payouts[of], default=None) if payout is None else payout)

    def place_of(self, row: Row, number: int) -> int | None:
        """Which of its kind's movements of that amount the row is, as the `number`th of its file; None: none."""
        places = self._places.get(self.key(row), range(0))
        return places[number] if number < len(places) else None

    def is_told(self, row: Row, number: int, needed: Mapping[int, int]) -> bool:
        """Whether the row is one of those that are `needed` of its amount, or other kinds tell its kind's money."""
        place = self.place_of(row, number)
        if kind_of(row) in self.confirmed:
            return True
        return place is not None and (place < needed[row["amount"]] or kind_of(row) in self.covered)

    def may_be_another(self, row: Row) -> bool:
        """Whether the row is one of several that may be one."""
        return (kind_of(row), row["amount"]) in self.in_doubt and kind_of(row) not in self.covered

    def told_in_all(self) -> Mapping[str, int]:
        """By kind, how much its rows come to, be some of them one row told again."""
        found = Counter[str]()
        for (kind, amount, _, _), in_files in self._in_files.items():
            found[kind] += amount * max(in_files.values())
        return found

    def _counted_in_files(self) -> dict[_Key, Counter[Any]]:
        found: defaultdict[_Key, Counter[Any]] = defaultdict(Counter)
        for row in (*self.here, *self.there):
            in_files, file = found[self.key(row)], row.get("report")
            # What tells nothing that was settled may be there twice because a listing's pages overlap.
            if _is_settled(row) or not in_files[file]:
                in_files[file] += 1
        return found

    def _by_amount(self) -> dict[tuple[str, int], list[_Key]]:
        found: defaultdict[tuple[str, int], list[_Key]] = defaultdict(list)
        for key in self._in_files:
            found[key[0], key[1]].append(key)
        return found

    def _placed(self, keys: list[_Key], sure: int, undone: Sequence[datetime]) -> list[_Movement]:
        keys.sort(key=lambda one: (one[2], one[3] or ""))
        rest = keys[max(sure - 1, 0) :]
        doubtful = {later for one, later in pairwise(rest) if self._may_be_one(one, later, undone)}
        made, first = list[_Movement](), 0
        for key in keys:
            times = max(self._in_files[key].values())
            counts = times if self.effect == OUT else int(key not in doubtful)
            self._places[key] = range(first, first + counts)
            made.append(_Movement(key[2], counts, key in doubtful or times > 1, self._nets[key]))
            first += counts
        return made

    def _may_be_one(self, one: _Key, later: _Key, undone: Sequence[datetime]) -> bool:
        if self._in_files[one].keys() & self._in_files[later].keys():
            return False
        if None not in (one[3], later[3]) and one[3] != later[3]:
            return False
        return bisect_right(undone, one[2]) >= bisect_left(undone, later[2])


def _twice_told(keys_of: Mapping[tuple[str, int], Sequence[_Key]]) -> Mapping[int, int]:
    """By amount, how many movements two kinds of report tell: those are no rows told again."""
    told: defaultdict[int, list[int]] = defaultdict(list)
    for (_, amount), keys in keys_of.items():
        told[amount].append(len(keys))
    return {amount: sorted(counts)[-2] if len(counts) > 1 else 0 for amount, counts in told.items()}


def _is_settled(row: Row) -> bool:
    return not row["unsettled"] if "unsettled" in row else row["settled_net"] is not None


def _net(row: Row) -> Decimal | None:
    told = row["net"] if "unsettled" in row else row["settled_net"]
    return None if told is None else Decimal(told)


def _payouts(rows: Iterable[Row]) -> defaultdict[Any, set[str]]:
    found: defaultdict[Any, set[str]] = defaultdict(set)
    for row in rows:
        if row["payout_reference"] is not None:
            found[kind_of(row), row["amount"], row["booked_at"]].add(row["payout_reference"])
    return found


class NobodysRows:
    """The rows of one name: `here` of this report, `there` of others, in force."""

    def __init__(self, here: Sequence[Row], there: Sequence[Row]) -> None:
        left, back = _of_state(here, there, left=True), _of_state(here, there, left=False)
        self._out = _Way(*left, OUT, _times(back))
        self._back = _Way(*back, BACK, _times(left))
        self._outs = _chosen(self._out)
        self._backs = _no_more(_chosen(self._back), sum(amount for _, amount in self._outs))

    @property
    def are_any(self) -> bool:
        """Whether anything is told to have left: else what came back waits."""
        return bool(self._outs)

    def said(self) -> dict[int, RowEffect]:
        """What each row of this report is."""
        return {**self._said(self._out, self._outs), **self._said(self._back, self._backs)}

    def read_again(self) -> list[int]:
        """Rows (`line_id`) of other reports that count no more, since others tell the same money, that do not count
        yet, and that were held as unexplained and are told by others now: their reports are to be read again.
        """
        here = self.said()
        too_many = [*_surplus(self._out, self._outs), *_surplus(self._back, self._backs)]
        missing = [*_missing(self._out, self._outs, here), *_missing(self._back, self._backs, here)]
        return [*too_many, *missing, *_explained(self._back, self._backs)]

    def _said(self, way: _Way, wanted: Sequence[tuple[datetime, int]]) -> dict[int, RowEffect]:
        needed = Counter(amount for _, amount in wanted)
        free, doubtful = needed - Counter(one["amount"] for one in way.booked), _in_doubt(way, needed)
        short = self._short() if way is self._back else None
        room = _room(way, wanted)
        counting = {way.key(one) for one in way.booked}
        made: dict[int, RowEffect] = {}
        for row, number in sorted(_numbered(way.here, way), key=lambda one: not _is_settled(one[0])):
            amount, told = row["amount"], way.is_told(row, number, needed)
            if told and free[amount] > 0 and (way.effect == OUT or amount <= room):
                free[amount] -= 1
                room -= amount
                counting.add(way.key(row))
                made[row["line"]] = RowEffect(way.effect, again=False, doubtful=amount in doubtful, short=short)
            else:
                # Of returns that may be one, whichever is read first counts.
                other = way.effect == BACK and way.may_be_another(row) and way.key(row) not in counting
                again = not told or other
                made[row["line"]] = RowEffect(Effect.NONE.value, again=again, otherwise=not again)
        return made

    def _short(self) -> int:
        """How much less came back than had left until then; what left after it has left again."""
        back = sum(amount for _, amount in self._backs)
        last = max((at for at, _ in self._backs), default=None)
        before = sum(amount for at, amount in self._outs if last is not None and at <= last)
        return max(before, min(back, sum(amount for _, amount in self._outs))) - back


def _of_state(here: Sequence[Row], there: Sequence[Row], *, left: bool) -> tuple[list[Row], list[Row]]:
    mine, theirs = ([one for one in rows if (one["state"] == "SUCCEEDED") is left] for rows in (here, there))
    return mine, theirs


def _times(rows: tuple[list[Row], list[Row]]) -> list[datetime]:
    return sorted(one["booked_at"] for some in rows for one in some)


def _in_doubt(way: _Way, needed: Mapping[int, int]) -> set[int]:
    """The amounts that left of which rows may be one, and no kind of report tells for sure that they are not."""
    sure = Counter[int]()
    for (kind, amount), counts in way.counts.items():
        if (kind, amount) not in way.in_doubt:
            sure[amount] = max(sure[amount], counts)
    return {amount for _, amount in way.in_doubt if way.effect == OUT and sure[amount] < needed[amount]}


def _chosen(way: _Way) -> list[tuple[datetime, int]]:
    """When how much moved, as the kinds of report tell together."""
    totals, nets = Counter[str](), dict[str, Decimal | None]()
    for (kind, amount), some in way.movements.items():
        totals[kind] += amount * way.counts[kind, amount]
        told = [None if one.net is None else one.net * one.counts for one in some]
        nets[kind] = _sum([nets.get(kind, Decimal(0)), *told])
    kinds = _kinds_back(totals, nets, way) if way.effect == BACK else _kinds_out(totals, nets, way)
    best: dict[int, str] = {}
    for kind, amount in sorted(way.movements):
        if kind in kinds and way.counts[kind, amount] > way.counts.get((best.get(amount, ""), amount), 0):
            best[amount] = kind
    return sorted(
        (one.at, amount)
        for amount, kind in best.items()
        for one in way.movements[kind, amount]
        for _ in range(one.counts)
    )


def _kinds_out(totals: Mapping[str, int], nets: Mapping[str, Decimal | None], way: _Way) -> set[str]:
    """The kinds whose rows count: where none agree, all."""
    whole = max(_agreed(totals, nets), default=None)
    kinds = {kind for kind, told in totals.items() if whole is None or told > whole}
    if whole is not None:
        kinds.add(_first_of([kind for kind, told in totals.items() if told == whole], way))
    way.covered = frozenset(totals.keys() - kinds)
    return kinds


def _kinds_back(totals: Mapping[str, int], nets: Mapping[str, Decimal | None], way: _Way) -> set[str]:
    """The one kind that counts: others may tell the same return in rows of which some are not there yet, and together
    they would be more than came back.
    """
    if not totals:
        return set()
    most = max(totals.values())
    first = _first_of([kind for kind, told in totals.items() if told == most], way)
    same = {kind for kind in totals if totals[kind] == most or (nets[kind] is not None and nets[kind] == nets[first])}
    way.confirmed = frozenset(kind for kind, told in way.told_in_all().items() if told == most and kind not in same)
    way.covered = frozenset(same - {first}) | way.confirmed
    return {first}


def _agreed(totals: Mapping[str, int], nets: Mapping[str, Decimal | None]) -> list[int]:
    """Sums of kinds that tell the same money as another kind: as much, or of as much settled, with and without fees."""
    of_sum, of_net = Counter(totals.values()), Counter(nets.values())
    of_net[None] = 0  # what is not told is not equal
    return [told for kind, told in totals.items() if of_sum[told] > 1 or of_net[nets[kind]] > 1]


def _sum(some: Sequence[Decimal | None]) -> Decimal | None:
    return None if None in some else sum((one for one in some if one is not None), Decimal(0))


def _first_of(kinds: Sequence[str], way: _Way) -> str:
    """Of kinds that tell the same sum, the one that tells its fees, then the first by its name.

    Never the one whose rows count already: two reports would undo each other for ever.
    """
    plain = {kind_of(one) for one in (*way.there, *way.here) if not _is_settled(one)}
    return min(kinds, key=lambda kind: (kind in plain, kind))


def _no_more(backs: Sequence[tuple[datetime, int]], out: int) -> list[tuple[datetime, int]]:
    """Those of the returns before all that had left was back."""
    made, sum_of = list[tuple[datetime, int]](), 0
    for at, amount in sorted(backs):
        if sum_of < out:
            made.append((at, amount))
            sum_of += amount
    return made


def _room(way: _Way, wanted: Sequence[tuple[datetime, int]]) -> int:
    """How much more may come back beside the rows that count already, be it some that will count no more: what is read
    again later must not have been refundable meanwhile.
    """
    return _total(amount for _, amount in wanted) - _total(one["amount"] for one in way.booked)


def _total(amounts: Iterable[int]) -> int:
    return sum(amounts)


def _numbered(rows: Sequence[Row], way: _Way) -> list[tuple[Row, int]]:
    """The rows, each with how many equal ones its file has before it."""
    seen, made = Counter[Any](), list[tuple[Row, int]]()
    for row in rows:
        of = row.get("report"), way.key(row)
        made.append((row, seen[of]))
        seen[of] += 1
    return made


def _surplus(way: _Way, wanted: Sequence[tuple[datetime, int]]) -> list[int]:
    over = Counter(one["amount"] for one in way.booked) - Counter(amount for _, amount in wanted)
    found = list[int]()
    for row in sorted(way.booked, key=lambda one: (not one["unsettled"], -one["line_id"])):
        if over[row["amount"]] > 0:
            over[row["amount"]] -= 1
            found.append(row["line_id"])
    return found


def _missing(way: _Way, wanted: Sequence[tuple[datetime, int]], here: Mapping[int, RowEffect]) -> list[int]:
    needed = Counter(amount for _, amount in wanted)
    counting = [one["amount"] for one in way.here if here[one["line"]].effect == way.effect]
    short = needed - Counter(one["amount"] for one in way.booked) - Counter(counting)
    found, room = list[int](), _room(way, wanted) - _total(counting)
    for row, number in _numbered(way.there, way) if short else ():
        amount, place = row["amount"], way.place_of(row, number)
        is_told = place is not None and place < needed[amount]
        fits = way.effect == OUT or amount <= room
        if (
            is_told
            and fits
            and kind_of(row) not in way.covered
            and row["effect"] == Effect.NONE.value
            and short[amount] > 0
        ):
            short[amount] -= 1
            room -= amount
            found.append(row["line_id"])
    return found


def _explained(way: _Way, wanted: Sequence[tuple[datetime, int]]) -> list[int]:
    """Rows that were held as unexplained, and of which others tell the money now."""
    needed = Counter(amount for _, amount in wanted)
    held = BookedAs.UNEXPLAINED.value
    told = (row for row, number in _numbered(way.there, way) if way.is_told(row, number, needed))
    over = (row for row in told if row["booked_as"] == held and row["effect"] == Effect.NONE.value)
    return [row["line_id"] for row in over if not way.may_be_another(row)]  # of such a row a person is asked still
