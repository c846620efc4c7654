"""The statement of one account: what it opened with, every entry with the balance behind it, and what it closed with.

By accounting date and, within a day, in the order of booking. A page is found by its place (day and entry), never by
counting, and the balance in front of it is read from the checkpoints and that one day. Amounts in minor units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.models.ledger import Account, Entry
from domain.money import EXPONENTS
from domain.platform.database import rows
from domain.problems import InvalidInput


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which account, and which days of the merchant's zone, both within."""

    account: Account
    connection_id: UUID
    currency: str
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which entry a page begins."""

    day: date
    entry: int


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `balance` is debits less credits behind it; `other` is the account that it moved from or to.

    `belongs_to`: the date that it would have, were that month not closed.
    """

    id: int
    day: date
    belongs_to: date | None
    entry: Entry
    other: Account
    debit: int
    credit: int
    balance: int
    store_id: UUID
    payment_id: UUID | None
    refund_id: UUID | None
    cause: str
    request_id: str

    @property
    def place(self) -> Place:
        return Place(self.day, self.id)


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of it; `opening`, `debits`, `credits` and `closing` are of the whole range."""

    wanted: Wanted
    opening: int
    debits: int
    credits: int
    lines: Sequence[Line]
    has_more: bool

    @property
    def closing(self) -> int:
        return self.opening + self.debits - self.credits


_SIDE: Final = "CASE WHEN debit = $3 THEN amount ELSE 0 END"
_OTHER_SIDE: Final = "CASE WHEN credit = $3 THEN amount ELSE 0 END"
_MINE: Final = (
    "merchant_id = $1 AND connection_id = $2 AND $3::varchar IN (debit, credit) AND currency = $4 "
    "AND ($5::uuid[] IS NULL OR store_id = ANY($5))"
)
# Before the range, within it, and in front of the page ($8, $9: its day, and the entry of that day behind which it
# begins), in one snapshot. Of some stores only, all is read from the entries.
_SUMS: Final = f"""
WITH last AS MATERIALIZED (SELECT coalesce(CASE WHEN $5::uuid[] IS NULL THEN max(until_entry) END, 0) AS id
    FROM ledger_checkpoints),
sides AS (
    SELECT accounting_date, debits AS debit, credits AS credit FROM ledger_checkpoints
    WHERE $5::uuid[] IS NULL AND merchant_id = $1 AND connection_id = $2 AND account = $3 AND currency = $4
      AND accounting_date <= $7
    UNION ALL SELECT accounting_date, {_SIDE}, {_OTHER_SIDE} FROM ledger_entries
    WHERE id > (SELECT id FROM last) AND {_MINE} AND accounting_date <= $7)
SELECT coalesce(sum(debit - credit) FILTER (WHERE accounting_date < $6), 0) AS opening,
    coalesce(sum(debit) FILTER (WHERE accounting_date >= $6), 0) AS debits,
    coalesce(sum(credit) FILTER (WHERE accounting_date >= $6), 0) AS credits,
    coalesce(sum(debit - credit) FILTER (WHERE accounting_date < $8), 0)
      + (SELECT coalesce(sum({_SIDE} - {_OTHER_SIDE}), 0) FROM ledger_entries
         WHERE {_MINE} AND accounting_date = $8 AND id <= $9) AS before
FROM sides"""  # noqa: S608 - ours, and every value is bound
_PAGE: Final = f"""
SELECT id, accounting_date, belongs_to, entry, debit, credit, amount, store_id, payment_id, refund_id, cause, request_id
FROM ledger_entries WHERE {_MINE} AND accounting_date BETWEEN $6 AND $7
  AND (accounting_date > $6 OR id > $8) ORDER BY accounting_date, id LIMIT $9"""  # noqa: S608 - as above


async def statement(whose: Whose, wanted: Wanted, first: int, after: Place | None = None) -> Statement:
    """`first` entries behind `after`. Of the stores whose ledger somebody may read. Raises Forbidden, InvalidInput."""
    if wanted.currency not in EXPONENTS:
        raise InvalidInput(f"Nothing is booked in {wanted.currency[:3]}.", path=["currency"])
    if wanted.since > wanted.until:
        raise InvalidInput("The first day comes before the last.", path=["from"])
    scope = scope_of(whose, Permission.READ_LEDGER)
    stores = list(scope.stores) if scope.stores is not None else None
    start = max(after, Place(wanted.since, 0), key=lambda place: place.day) if after else Place(wanted.since, 0)
    of = (scope.merchant_id, wanted.connection_id, wanted.account.value, wanted.currency, stores)
    (sums,) = await rows(_SUMS, *of, wanted.since, wanted.until, start.day, start.entry)
    found = await rows(_PAGE, *of, start.day, wanted.until, start.entry, first + 1)
    lines, balance = [], int(sums["before"])
    for row in found[:first]:
        line = _line(row, wanted.account, balance)
        lines.append(line)
        balance = line.balance
    return Statement(
        wanted, int(sums["opening"]), int(sums["debits"]), int(sums["credits"]), lines, has_more=len(found) > first
    )


def _line(row: Any, account: Account, before: int) -> Line:
    grows = row["debit"] == account
    return Line(
        id=row["id"],
        day=row["accounting_date"],
        belongs_to=row["belongs_to"],
        entry=Entry(row["entry"]),
        other=Account(row["credit"] if grows else row["debit"]),
        debit=row["amount"] if grows else 0,
        credit=0 if grows else row["amount"],
        balance=before + (row["amount"] if grows else -row["amount"]),
        store_id=row["store_id"],
        payment_id=row["payment_id"],
        refund_id=row["refund_id"],
        cause=row["cause"],
        request_id=row["request_id"],
    )
