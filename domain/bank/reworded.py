"""Movements that an earlier statement has in other words: a bank changed them, or the merchant how its CSV is read."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final
from uuid import UUID

from domain.bank.matching import bare
from domain.bank.statement import BadStatement
from domain.platform.database import rows

# Words are held against all others of their day and amount: so many characters of a file, a second or two.
_CHARACTERS_MAX: Final = 50_000_000
# Lines of the account of those days that the file does not have, and whether they were read by another mapping.
_LEFT_OVER: Final = """SELECT l.booked_on, l.amount, l.reference, l.text, l.key, s.form = 'CSV' AND s.created_at < (
    SELECT max(occurred_at) FROM deeds WHERE merchant_id = $1 AND object_kind = 'bankAccount'
      AND object_id = $2::uuid::text AND operation = 'bankAccountChange' AND changes -> 'mapping' IS NOT NULL)
    AS was_read_otherwise
  FROM bank_lines l JOIN bank_statements s ON s.id = l.statement_id
  WHERE l.merchant_id = $1 AND l.account_id = $2::uuid AND l.booked_on BETWEEN $3 AND $4 AND l.withdrawn_at IS NULL
    AND l.key NOT IN (SELECT jsonb_array_elements_text($5::jsonb)) ORDER BY l.booked_on, l.id"""
_KNOWN: Final = """SELECT key FROM bank_lines
  WHERE account_id = $1 AND withdrawn_at IS NULL AND key IN (SELECT jsonb_array_elements_text($2::jsonb))"""


@dataclass(frozen=True, slots=True)
class FiledLine:
    """A line by its day, amount, words and name (`statement.keys`). `was_read_otherwise`: by a mapping of before."""

    booked_on: date
    amount: int
    reference: str | None
    text: str
    key: str
    was_read_otherwise: bool | None = False


@dataclass(frozen=True, slots=True)
class Reworded:
    """The name of a line of a file, and that of the earlier one which it is. Not sure: by their words' likeness alone,
    or by day and amount where the mapping was another.
    """

    key: str
    earlier: str
    is_sure: bool


async def told_before(merchant_id: UUID, account_id: UUID, told: Sequence[FiledLine], names: str) -> list[Reworded]:
    """Those lines of a file that earlier ones have in other words. `names`: of all of them, JSON.

    Raises BadStatement where too many may be each other.
    """
    if not told:
        return []
    days = [line.booked_on for line in told]
    left = [FiledLine(**row) for row in await rows(_LEFT_OVER, merchant_id, account_id, min(days), max(days), names)]
    if not left:
        return []
    known = {row["key"] for row in await rows(_KNOWN, account_id, names)}
    # In a thread, and in no line: the account is locked meanwhile.
    return await asyncio.to_thread(in_other_words, [one for one in told if one.key not in known], left)


def in_other_words(new: Iterable[FiledLine], left: Iterable[FiledLine]) -> list[Reworded]:
    """Of lines that no file has in these words, those that are others of their day and amount: each of one.

    Who tells a day again tells all that was told of it: what is left over of it there and here is one money, where the
    bank's reference says so, or else the words of one are a part of the other's. Raises BadStatement.
    """
    new, left = list(new), list(left)
    names = _names(new) & _names(left)
    others: dict[tuple[date, int], list[FiledLine]] = defaultdict(list)
    for one in left:
        others[one.booked_on, one.amount].append(one)
    wanted: dict[tuple[date, int], list[FiledLine]] = defaultdict(list)
    for one in new:
        if (one.booked_on, one.amount) in others:
            wanted[one.booked_on, one.amount].append(one)
    patience = _Patience()
    return [same for what, some in wanted.items() for same in _Day(some, others[what], names, patience).same()]


def _names(lines: Iterable[FiledLine]) -> set[str]:
    """The references that tell a line from all others: what stands on several, or is nothing but zeros, does not."""
    seen = Counter(line.reference for line in lines)
    return {one for one, times in seen.items() if one and times == 1 and one.strip("0 .-/")}


@dataclass(slots=True)
class _Patience:
    left: int = _CHARACTERS_MAX

    def is_part(self, one: str, other: str) -> bool:
        """Whether the words of one are a part of the other's. Raises BadStatement."""
        few, many = sorted((one, other), key=len)
        self.left -= len(many) + 1
        if self.left < 0:
            raise BadStatement(
                "Too many of its lines have the day and amount of lines of earlier statements, in other words: hand in "
                "days that no statement has, or withdraw the earlier ones first."
            )
        return few in many


class _Day:
    """The lines of one day and amount that are new in a file, and those that are left over of it; each is one's."""

    def __init__(
        self, new: Sequence[FiledLine], left: Sequence[FiledLine], names: Collection[str], patience: _Patience
    ) -> None:
        self._names = names
        self._new = {one.key: one for one in new}
        self._left = {other.key: other for other in left}
        self._words = {one.key: bare(one.text) for one in (*new, *left)}
        self._patience = patience
        self._same: list[Reworded] = []

    def same(self) -> list[Reworded]:
        """The new ones that are one of the others: first what is sure, and what may be any at last."""
        new, left = self._new.values(), self._left.values()
        self._pair(new, left, lambda one: one.reference if one.reference in self._names else None)
        self._pair(new, left, lambda one: f"{one.reference} {self._called(one)}")
        self._pair(new, left, lambda one: one.reference, is_sure=False)
        self._pair(new, [other for other in left if not other.reference], self._called)
        self._pair([one for one in new if not one.reference], left, self._called)
        self._pair_by_part()
        self._pair(new, [other for other in left if other.was_read_otherwise], lambda _: "any", is_sure=False)
        return self._same

    def _called(self, one: FiledLine) -> str:
        return self._words[one.key]

    def _pair(
        self,
        new: Iterable[FiledLine],
        others: Iterable[FiledLine],
        name: Callable[[FiledLine], str | None],
        *,
        is_sure: bool = True,
    ) -> None:
        """Those that are called alike."""
        free: dict[str, list[str]] = defaultdict(list)
        for other in others:
            if called := name(other):
                free[called].append(other.key)
        for one in list(new):
            if (called := name(one)) and free.get(called):
                self._take(one.key, free[called].pop(), is_sure)

    def _pair_by_part(self) -> None:
        left = [one for one in self._left.values() if not one.was_read_otherwise]
        silent = {one.key: self._words[one.key] for one in left if not one.reference}
        named = {one.key: self._words[one.key] for one in left if one.reference}
        for one in list(self._new.values()):
            words = self._words[one.key]
            may_be = silent.items() if one.reference else chain(silent.items(), named.items())
            found = next((key for key, other in may_be if self._patience.is_part(words, other)), None)
            if found is not None:
                (silent if found in silent else named).pop(found)
                self._take(one.key, found, is_sure=False)

    def _take(self, one: str, other: str, is_sure: bool) -> None:
        self._same.append(Reworded(one, other, is_sure))
        del self._new[one], self._left[other]
