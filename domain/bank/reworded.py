"""Movements that an earlier statement has in other words: a bank changed them, or the merchant how its CSV is read."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from domain.bank.matching import bare
from domain.platform.database import rows

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


async def told_before(merchant_id: UUID, account_id: UUID, told: Sequence[FiledLine], names: str) -> list[str]:
    """The names of those lines of a file that earlier ones have in other words. `names`: of all of them, JSON."""
    if not told:
        return []
    days = [line.booked_on for line in told]
    left = [FiledLine(**row) for row in await rows(_LEFT_OVER, merchant_id, account_id, min(days), max(days), names)]
    if not left:
        return []
    known = {row["key"] for row in await rows(_KNOWN, account_id, names)}
    return in_other_words([one for one in told if one.key not in known], left)


def in_other_words(new: Iterable[FiledLine], left: Iterable[FiledLine]) -> list[str]:
    """Of lines that no file has in these words, those that are others of their day and amount: each of one.

    Who tells a day again tells all that was told of it: what is left over of it there and here is one money, where the
    bank's reference says so, or else the words of one are a part of the other's.
    """
    others: dict[tuple[date, int], list[FiledLine]] = defaultdict(list)
    for one in left:
        others[one.booked_on, one.amount].append(one)
    same = []
    for one in new:
        alike = others[one.booked_on, one.amount]
        found = next((other for other in alike if _may_be(other, one)), None)
        if found is not None:
            alike.remove(found)
            same.append(one.key)
    return same


def _may_be(other: FiledLine, one: FiledLine) -> bool:
    if other.was_read_otherwise:
        return True
    if other.reference and one.reference:
        return other.reference == one.reference
    few, many = sorted((bare(other.text), bare(one.text)), key=len)
    return few in many
