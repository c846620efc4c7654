"""The journals of a month: for each day, connection and currency one, that says what was moved from where to where.

What was moved between the same two accounts of one store for the same reason is one pair of lines, so that a month of a
million refunds is a few thousand lines, and every journal is balanced by how it is made.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from domain.journal.mapping import For, Theirs
from domain.journal.mapping import Mapping as Accounts
from domain.models.ledger import Account
from domain.periods.months import Month
from domain.platform.database import rows

PAIRS_MAX: Final = 100  # of a journal: its lines fit into a file of any program (Xero takes 300)


@dataclass(frozen=True, slots=True)
class Movement:
    """What was moved, in sum. `amount` in minor units, above zero; `entries`: of how many rows of the ledger."""

    day: date
    connection_id: UUID
    connection_name: str
    pse: str
    store_id: UUID
    store_code: str
    currency: str
    entry: str
    debit: Account
    credit: Account
    amount: int
    entries: int

    def of(self, account: Account) -> For:
        """What is looked up for one of its two accounts."""
        return For(account, self.connection_id, self.store_id, self.currency)

    @property
    def memo(self) -> str:
        """The text of the booking: kind, connection, store and number of entries."""
        return f"{self.entry} {self.connection_name} {self.store_code} ({self.entries})"


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One side of it, in the merchant's own accounts. Exactly one of `debit` and `credit` is above zero."""

    theirs: Theirs
    debit: int
    credit: int
    memo: str
    store_code: str


@dataclass(frozen=True, slots=True)
class Journal:
    """One entry of the other program's. Its debits are its credits."""

    id: str
    day: date
    currency: str
    document: str  # what it is of: the month and the connection
    lines: Sequence[JournalLine]


_MOVES: Final = """
SELECT e.accounting_date AS day, e.connection_id, c.name AS connection_name, c.pse, e.store_id, s.code AS store_code,
    e.currency, e.entry, e.debit, e.credit, sum(e.amount) AS amount, count(*) AS entries
FROM ledger_entries e JOIN connections c ON c.id = e.connection_id JOIN stores s ON s.id = e.store_id
WHERE e.merchant_id = $1 AND e.accounting_date BETWEEN $2 AND $3
GROUP BY e.accounting_date, e.connection_id, c.name, c.pse, e.store_id, s.code, e.currency, e.entry, e.debit, e.credit
ORDER BY e.accounting_date, c.name COLLATE "C", e.connection_id, e.currency, s.code COLLATE "C", e.entry, e.debit,
    e.credit"""


async def moves(merchant_id: UUID, month: Month) -> Sequence[Movement]:
    """All that was moved in a month, in an order that is always the same."""
    return [_move(row) for row in await rows(_MOVES, merchant_id, month.first_day, month.last_day)]


def _move(row: Any) -> Movement:
    accounts = {"debit": Account(row["debit"]), "credit": Account(row["credit"]), "amount": int(row["amount"])}
    return Movement(**{**row, **accounts})


def journals(found: Sequence[Movement], accounts: Accounts, month: Month, number: str) -> Sequence[Journal]:
    """The journals of these moves; every account must have one of theirs."""
    groups: dict[tuple[date, UUID, str], list[Movement]] = defaultdict(list)
    for move in found:
        groups[(move.day, move.connection_id, move.currency)].append(move)
    parts = [group[start : start + PAIRS_MAX] for group in groups.values() for start in range(0, len(group), PAIRS_MAX)]
    made = []
    for place, part in enumerate(parts, start=1):
        first = part[0]
        lines = [line for move in part for line in _pair(move, accounts)]
        document = f"EST {month} {first.pse}"
        made.append(Journal(f"{number}-{place:04d}", first.day, first.currency, document, lines))
    _check(made, found)
    return made


def _pair(move: Movement, accounts: Accounts) -> tuple[JournalLine, JournalLine]:
    debit, credit = accounts.of(move.of(move.debit)), accounts.of(move.of(move.credit))
    assert debit is not None, "Who lacks an account was told before."
    assert credit is not None, "Who lacks an account was told before."
    return (
        JournalLine(debit, move.amount, 0, move.memo, move.store_code),
        JournalLine(credit, 0, move.amount, move.memo, move.store_code),
    )


def _check(made: Iterable[Journal], found: Iterable[Movement]) -> None:
    """Raises RuntimeError for what does not balance, or is not all: nothing of it is given out."""
    for journal in made:
        if sum(line.debit for line in journal.lines) != sum(line.credit for line in journal.lines):
            raise RuntimeError(f"Journal {journal.id} does not balance.")
    wanted: dict[str, int] = defaultdict(int)
    for move in found:
        wanted[move.currency] += move.amount
    if sums_of(made) != wanted:
        raise RuntimeError("The journals are not all that was moved.")


def sums_of(made: Iterable[Journal]) -> Mapping[str, int]:
    """Debits, which are the credits, by currency; minor units."""
    sums: dict[str, int] = defaultdict(int)
    for journal in made:
        sums[journal.currency] += sum(line.debit for line in journal.lines)
    return dict(sums)


def digest_of(made: Iterable[Journal]) -> str:
    """SHA-256 of what is booked, without the number that it is booked under; hex."""
    seen = hashlib.sha256()
    for journal in made:
        of = (journal.id.rsplit("-", 1)[1], journal.day, journal.currency, journal.document)
        for line in journal.lines:
            seen.update(repr((*map(str, of), line.theirs, line.debit, line.credit, line.memo)).encode())
    return seen.hexdigest()
