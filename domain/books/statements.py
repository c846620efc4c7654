"""The statement of one account: what it opened with, every entry with the balance behind it, and what it closed with.

By accounting date and, within a day, in the order of booking. A page is found by its place (day and entry). The balance
in front of it is read from the checkpoints and that one day, and they say which days fill it, so that no other day is
read. Amounts in minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.books import checkpoints
from domain.models import Connection
from domain.models.ledger import Account, Entry
from domain.money import EXPONENTS
from domain.platform.counted import COUNTED_MAX
from domain.platform.database import rows
from domain.problems import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class WantedEntries:
    """Which account, and which days of the merchant's zone, both within."""

    account: Account
    connection_id: UUID
    currency: str
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class AfterEntry:
    """Behind which entry a page begins."""

    day: date
    entry: int


@dataclass(frozen=True, slots=True)
class AccountLine:
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
    def place(self) -> AfterEntry:
        """Where the next page begins, behind this entry."""
        return AfterEntry(self.day, self.id)


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """A page of it; `opening`, `debits`, `credits` and `closing` are of the whole range."""

    wanted: WantedEntries
    opening: int
    debits: int
    credits: int
    lines: Sequence[AccountLine]
    has_more: bool

    @property
    def closing(self) -> int:
        """Debits less credits at the end of the range, in minor units."""
        return self.opening + self.debits - self.credits


_SIDE: Final = "CASE WHEN debit = $3 THEN amount ELSE 0 END"
_OTHER_SIDE: Final = "CASE WHEN credit = $3 THEN amount ELSE 0 END"
_MINE: Final = (
    "merchant_id = $1 AND connection_id = $2 AND $3::varchar IN (debit, credit) AND currency = $4 "
    "AND ($5::uuid[] IS NULL OR store_id = ANY($5))"
)
# Before the range, within it, and in front of the page ($8, $9: its day, and the entry of that day behind which it
# begins), in one snapshot. Of some stores only, from the checkpoints that know stores.
_SUMS: Final = f"""
WITH last AS MATERIALIZED (SELECT CASE WHEN $5::uuid[] IS NULL
    THEN (SELECT coalesce(max(until_entry), 0) FROM ledger_checkpoints) ELSE {checkpoints.BY_STORE_UNTIL} END AS id),
sides AS (
    SELECT accounting_date, debits AS debit, credits AS credit FROM ledger_checkpoints
    WHERE $5::uuid[] IS NULL AND merchant_id = $1 AND connection_id = $2 AND account = $3 AND currency = $4
      AND accounting_date <= $7
    UNION ALL SELECT accounting_date, debits, credits FROM store_checkpoints
    WHERE merchant_id = $1 AND connection_id = $2 AND account = $3 AND currency = $4 AND accounting_date <= $7
      AND store_id = ANY($5::uuid[])
    UNION ALL SELECT accounting_date, {_SIDE}, {_OTHER_SIDE} FROM {checkpoints.BEHIND_LAST}
    WHERE {_MINE} AND accounting_date <= $7)
SELECT coalesce(sum(debit - credit) FILTER (WHERE accounting_date < $6), 0) AS opening,
    coalesce(sum(debit) FILTER (WHERE accounting_date >= $6), 0) AS debits,
    coalesce(sum(credit) FILTER (WHERE accounting_date >= $6), 0) AS credits,
    coalesce(sum(debit - credit) FILTER (WHERE accounting_date < $8), 0)
      + (SELECT coalesce(sum({_SIDE} - {_OTHER_SIDE}), 0) FROM ledger_entries
         WHERE {_MINE} AND accounting_date = $8 AND id <= $9) AS before
FROM sides"""  # noqa: S608 - ours, and every value is bound
# The days that have entries of payments, as far as checkpoints count them in, until there are enough for a page: the
# day in which it begins is one of them, however many of its entries lie in front. `likely`: how many of those days are
# enough if none lies in front.
_DAYS: Final = f"""
WITH last AS MATERIALIZED (SELECT {checkpoints.BY_STORE_UNTIL} AS id),
days AS (SELECT accounting_date AS day, sum(of_payments) AS n FROM store_checkpoints
    WHERE merchant_id = $1 AND connection_id = $2 AND account = $3 AND currency = $4
      AND ($5::uuid[] IS NULL OR store_id = ANY($5)) AND accounting_date BETWEEN $6 AND $7 AND of_payments > 0
    GROUP BY accounting_date),
before AS (SELECT day, coalesce(sum(n) OVER earlier, 0) AS n,
    coalesce(sum(n) FILTER (WHERE day > $6) OVER earlier, 0) AS behind_first
  FROM days WINDOW earlier AS (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
SELECT (SELECT id FROM last) AS until, array_agg(day ORDER BY day) FILTER (WHERE behind_first < $8) AS days,
    count(*) FILTER (WHERE n < $8) AS likely FROM before"""  # noqa: S608 - as above
# Entries of payments of those days, those of no payment, and what no checkpoint counts in yet.
_COLUMNS: Final = (
    "id, accounting_date, belongs_to, entry, debit, credit, amount, store_id, payment_id, refund_id, cause, request_id"
)
_BEHIND: Final = "(SELECT * FROM ledger_entries WHERE id > $10 OFFSET 0) AS ledger_entries"
_FROM_PAGE: Final = f"""
SELECT {_COLUMNS} FROM {{ledger}}
WHERE {_MINE} AND accounting_date BETWEEN $6 AND $7 AND (accounting_date > $6 OR id > $8)"""  # noqa: S608 - as above
_IN_ORDER: Final = "ORDER BY accounting_date, id LIMIT $9"
_BOOKED: Final = _FROM_PAGE.format(ledger="ledger_entries")
# OFFSET 0: by the days, and not in the order of the page, in which PostgreSQL would walk through the whole ledger.
_PAGE: Final = f"""
SELECT * FROM (
    ({_BOOKED} AND id <= $10 AND payment_id IS NOT NULL AND accounting_date = ANY($11::date[]) OFFSET 0)
    UNION ALL ({_BOOKED} AND id <= $10 AND payment_id IS NULL {_IN_ORDER})
    UNION ALL ({_FROM_PAGE.format(ledger=_BEHIND)})) AS p
{_IN_ORDER}"""  # noqa: S608 - as above

# What checkpoints have counted in is added up by days; entries of no payment, and those behind, are counted up to $8.
_COUNT: Final = f"""
WITH last AS MATERIALIZED (SELECT {checkpoints.BY_STORE_UNTIL} AS id)
SELECT (SELECT coalesce(sum(of_payments), 0) FROM store_checkpoints
    WHERE merchant_id = $1 AND connection_id = $2 AND account = $3 AND currency = $4
      AND ($5::uuid[] IS NULL OR store_id = ANY($5)) AND accounting_date BETWEEN $6 AND $7)
  + (SELECT count(*) FROM (SELECT 1 FROM ledger_entries WHERE {_MINE} AND accounting_date BETWEEN $6 AND $7
      AND id <= (SELECT id FROM last) AND payment_id IS NULL LIMIT $8) AS a)
  + (SELECT count(*) FROM (SELECT 1 FROM {checkpoints.BEHIND_LAST} WHERE {_MINE}
      AND accounting_date BETWEEN $6 AND $7 LIMIT $8) AS b) AS count"""  # noqa: S608 - as above


async def statement(
    whose: Whose, wanted: WantedEntries, first: int, after: AfterEntry | None = None
) -> AccountStatement:
    """`first` entries behind `after`, of the stores whose ledger somebody may read.

    Raises Forbidden, NotFound, InvalidInput.
    """
    if wanted.currency not in EXPONENTS:
        raise InvalidInput(f"Nothing is booked in {wanted.currency[:3]}.", path=["currency"])
    if wanted.since > wanted.until:
        raise InvalidInput("The first day comes before the last.", path=["from"])
    scope = scope_of(whose, Permission.READ_LEDGER)
    if not await Connection.filter(id=wanted.connection_id, merchant_id=scope.merchant_id).exists():
        raise NotFound("There is no such connection.", path=["connectionId"])
    stores = list(scope.stores) if scope.stores is not None else None
    start = (
        max(after, AfterEntry(wanted.since, 0), key=lambda place: place.day) if after else AfterEntry(wanted.since, 0)
    )
    of = (scope.merchant_id, wanted.connection_id, wanted.account.value, wanted.currency, stores)
    (sums,) = await rows(_SUMS, *of, wanted.since, wanted.until, start.day, start.entry)
    (told,) = await rows(_DAYS, *of, start.day, wanted.until, first + 1)
    page = (start.day, wanted.until, start.entry, first + 1, told["until"])
    found = await _page([*of, *page], told["days"] or [], told["likely"], first)
    lines, balance = [], int(sums["before"])
    for row in found[:first]:
        line = _line(row, wanted.account, balance)
        lines.append(line)
        balance = line.balance
    return AccountStatement(
        wanted, int(sums["opening"]), int(sums["debits"]), int(sums["credits"]), lines, has_more=len(found) > first
    )


async def _page(asked: Sequence[Any], days: Sequence[date], likely: int, first: int) -> Sequence[Mapping[str, Any]]:
    """The entries of a page, and one more. A day is all that is booked on it at a connection: few days are read first,
    and all of them only where those did not fill the page, or may not be all that comes before its last entry.
    """
    found = await rows(_PAGE, *asked, days[:likely])
    if len(days) > likely and (len(found) <= first or found[first]["accounting_date"] >= days[likely]):
        found = await rows(_PAGE, *asked, days)
    return found


async def count(whose: Whose, wanted: WantedEntries, most: int = COUNTED_MAX) -> int:
    """How many entries it has; `most + 1` where there are more than `most`. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    stores = list(scope.stores) if scope.stores is not None else None
    of = (scope.merchant_id, wanted.connection_id, wanted.account.value, wanted.currency, stores)
    (found,) = await rows(_COUNT, *of, wanted.since, wanted.until, most + 1)
    return min(int(found["count"]), most + 1)


def _line(row: Any, account: Account, before: int) -> AccountLine:
    grows = row["debit"] == account
    return AccountLine(
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
