"""A bank's statement as read: an account, its lines, and what proves that none is missing. Amounts in minor units."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

from domain.problems import InvalidInput


class BadStatement(InvalidInput):
    """A statement that cannot be read: which line (from 1), where it is known, and what to do."""

    def __init__(self, said: str, line: int | None = None) -> None:
        super().__init__(said if line is None else f"Line {line}: {said}", path=["input", "fileId"])


@dataclass(frozen=True, slots=True)
class StatementLine:
    """Money on the account: above zero it came in. `booked_on` is the date as the bank prints it, of no zone."""

    line: int  # of the file, from 1
    booked_on: date
    amount: int
    text: str
    reference: str | None = None  # the bank's own; neither always there nor always unique


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's lines. `opening` and `closing` in minor units where the bank tells them.

    `proof`: the sentence that says what was checked; None: nothing in the file proves it whole. `contradicted`: what in
    it does not agree with itself.
    """

    account: str | None  # bank, branch and number as printed; None: the file does not say
    form: str  # OFX, CNAB240 or CSV
    currency: str
    lines: Sequence[StatementLine]
    opening: int | None = None
    closing: int | None = None
    sequence: int | None = None  # of a bank that numbers its statements: a gap is a missing one
    proof: str | None = None
    contradicted: str | None = None


def keys(statement: Statement) -> Iterator[str]:
    """What each line is called, the same in every file of its account that has it, in the order of the lines.

    A bank's reference is left out: some are empty, some repeat, and some are given anew with each download; a line
    that was counted twice could prove two payouts. So a line is its date, amount and words, and which of its equals.
    """
    seen: Counter[tuple[date, int, str]] = Counter()
    for line in statement.lines:
        what = (line.booked_on, line.amount, " ".join(line.text.split()))
        seen[what] += 1
        told = (statement.currency, *map(str, what), str(seen[what]))
        yield hashlib.sha256("\x1f".join(told).encode()).hexdigest()


def joined(told: Sequence[Statement]) -> list[Statement]:
    """Each account's statements of a file as one: a line that two of them have is there once, as it is in two files."""
    parts: dict[tuple[str | None, str], list[Statement]] = defaultdict(list)
    for one in told:
        parts[one.account, one.currency].append(one)
    return [some[0] if len(some) == 1 else _one(some) for some in parts.values()]


def _one(parts: Sequence[Statement]) -> Statement:
    lines: dict[str, StatementLine] = {}
    for part in parts:
        for line, key in zip(part.lines, keys(part), strict=True):
            lines.setdefault(key, line)
    whole = all(part.proof for part in parts) and all(
        one.closing == other.opening is not None for one, other in pairwise(parts)
    )
    return replace(
        parts[-1],
        lines=list(lines.values()),
        opening=parts[0].opening,
        proof=parts[-1].proof if whole else None,
        contradicted=next((part.contradicted for part in parts if part.contradicted), None),
    )


def number_of(printed: str) -> str:
    """The account of what a file prints: its last part's letters and digits, however bank and branch are written."""
    return "".join(letter for letter in printed.rsplit("/", 1)[-1] if letter.isalnum()).lstrip("0").upper()


def added_up(opening: int | None, closing: int | None, lines: Sequence[StatementLine]) -> tuple[str | None, str | None]:
    """Proof and contradiction of balances that a bank tells: opening and lines are the closing."""
    if opening is None or closing is None:
        return None, None
    moved = sum(line.amount for line in lines)
    if opening + moved == closing:
        return "Opening balance and lines are the closing balance.", None
    return None, f"Opening {opening} and lines {moved} are {opening + moved}; the closing balance is {closing}."
