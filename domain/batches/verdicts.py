"""What may become of a row of a sheet, and what a row is called by."""

import hashlib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.batches.columns import SheetKind
from domain.batches.lines import Line, Refusal
from domain.money import Money
from domain.problems import InvalidState, Problem

SAID_MAX: Final = 500
_NUMBER_MAX: Final = 100


class RowVerdict(StrEnum):
    """What would become of a row."""

    GOES = "GOES"
    WAITS = "WAITS"  # for another person's approval
    ASKS = "ASKS"  # the customer for an account
    DONE = "DONE"  # before, by the same row or number
    DUPLICATE = "DUPLICATE"  # it looks as if it had been asked for: it is left out, unless the row says `again`
    REFUSED = "REFUSED"


WILL_BE_DONE: Final = (RowVerdict.GOES, RowVerdict.WAITS, RowVerdict.ASKS)


@dataclass(frozen=True, slots=True)
class Judged:
    """One row's verdict. `seen`: refunds of its payment and amount that it was judged beside."""

    row: int
    key: str
    named: str
    verdict: RowVerdict
    said: str
    code: str | None = None
    number: str | None = None
    amount: Money | None = None
    payment_id: UUID | None = None
    store_id: UUID | None = None
    seen: int = 0


def key_of(kind: SheetKind, digest: str, line: Line) -> str:
    """The row's own, hex: of its number where it has one, else of the sheet's content and its place in it."""
    number = line.get("number")
    told = f"{kind}/number/{number}" if number else f"{kind}/{digest}/{line.row}"
    return hashlib.sha256(told.encode()).hexdigest()


def named(line: Line) -> str:
    """What the row is about, as it says it."""
    return (line.get("order") or line.get("payment"))[:200]


def refused(line: Line, key: str, code: str, said: str) -> Judged:
    """A row that comes to nothing, and why."""
    return Judged(
        line.row, key, named(line), RowVerdict.REFUSED, said[:SAID_MAX], code[:32], number_of(line), line.amount
    )


def number_of(line: Line) -> str | None:
    """The refund number that the row has, if it has one."""
    return line.get("number")[:_NUMBER_MAX] or None


def alike(number: str) -> str:
    """A refund number without what gets lost on the way: zeros in front, capitals, width, and what nobody sees."""
    told = unicodedata.normalize("NFKC", number[:_NUMBER_MAX]).casefold()
    return "".join(one for one in told if one.isprintable() and not one.isspace()).lstrip("0")


def problem_of(problem: Problem) -> Refusal:
    """A problem as a row tells it."""
    code = problem.current_state if isinstance(problem, InvalidState) else problem.code
    return Refusal(str(code)[:32], problem.message[:SAID_MAX].replace("\x00", ""))
