"""How old what is open is: claims that no report proves, refunds that are owed, money that nobody has explained.

What an open item is says domain/books/open_items, which keeps them. Amounts in minor units, in the direction in which
the account grows; a negative one stands on the other side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Scope, Whose, scope_of
from domain.books import ledger, open_items
from domain.books.chart import AccountSide, chart
from domain.models.ledger import Account, Entry
from domain.platform.database import rows


class Bucket(StrEnum):
    """Days since."""

    D0_7 = "D0_7"
    D8_30 = "D8_30"
    D31_60 = "D31_60"
    D61_90 = "D61_90"
    D91 = "D91"  # and more


ACCOUNTS: Final = open_items.ACCOUNTS


@dataclass(frozen=True, slots=True)
class Aged:
    """What is open of one account in one bucket."""

    account: Account
    connection_id: UUID
    connection_name: str
    pse: str
    currency: str
    bucket: Bucket
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class Item:
    """An entry that is open, all of it or in part: of payouts one alone. `days` is its age."""

    id: int
    place: int  # with `since` its place among the others
    entry: Entry
    connection_id: UUID
    store_id: UUID
    payment_id: UUID | None
    refund_id: UUID | None
    payout_id: UUID | None
    payout_reference: str | None
    currency: str
    amount: int
    since: date
    days: int
    cause: str


_OF_WHOM: Final = """ AND ($3::uuid IS NULL OR connection_id = $3)
  AND ($4::uuid[] IS NULL OR store_id = ANY($4))"""
_BUCKET: Final = (
    "CASE WHEN days <= 7 THEN 'D0_7' WHEN days <= 30 THEN 'D8_30' WHEN days <= 60 THEN 'D31_60' "
    "WHEN days <= 90 THEN 'D61_90' ELSE 'D91' END"
)
_SINCE: Final = {  # days, the least and the most
    Bucket.D0_7: (None, 7),
    Bucket.D8_30: (8, 30),
    Bucket.D31_60: (31, 60),
    Bucket.D61_90: (61, 90),
    Bucket.D91: (91, None),
}
_NOBODYS: Final = open_items.of_nobody("($3::uuid IS NULL OR e.connection_id = $3) "
    "AND ($4::uuid[] IS NULL OR e.store_id = ANY($4))")  # fmt: skip
# $1 the merchant, $2 accounts, $3 a connection, $4 stores. What is kept is read by days; of what was touched since, it
# is taken off, and what it is now is added.
_FRESH: Final = f"{open_items.of_payments(open_items.OF_ALL)}, {_NOBODYS}"
_TOUCHED: Final = f"{open_items.TOUCHED}, {open_items.of_payments(open_items.OF_TOUCHED)}, {_NOBODYS}"
_MINE: Final = "account = ANY($2::text[])" + _OF_WHOM
_ANEW: Final = f"""
SELECT account, connection_id, currency, since, 1 AS n, amount FROM fresh WHERE {_MINE}
UNION ALL SELECT account, connection_id, currency, since, 1, amount FROM nobodys WHERE {_MINE}"""  # noqa: S608 - ours
_KEPT: Final = f"""
UNION ALL SELECT account, connection_id, currency, since, items, amount FROM open_item_sums
WHERE merchant_id = $1 AND {_MINE}
UNION ALL SELECT account, connection_id, currency, since, -1, -amount FROM open_items
WHERE {open_items.OF_TOUCHED.format(payment="payment_id")} AND amount <> 0 AND {_MINE}"""  # noqa: S608 - ours
_AGED: Final = f"""
SELECT i.account, i.connection_id, c.name AS connection_name, c.pse, i.currency, i.bucket, sum(i.n) AS count,
    sum(i.amount) AS amount
FROM (SELECT *, {_BUCKET} AS bucket FROM (SELECT *, greatest($5::date - since, 0) AS days FROM ({{items}}) AS a) AS b)
    AS i JOIN connections c ON c.id = i.connection_id
GROUP BY i.account, i.connection_id, c.name, c.pse, i.currency, i.bucket HAVING sum(i.n) <> 0
ORDER BY array_position($2::text[], i.account), c.name, i.currency, min(i.days)"""  # noqa: S608 - ours
# $5 and $6 the days since which, $7 and $8 behind which day and place, $9 how many.
_SINCE_WHEN: Final = """ AND ($5::date IS NULL OR since >= $5) AND ($6::date IS NULL OR since <= $6)
  AND ($7::date IS NULL OR (since, {place}) > ($7, $8::bigint)) ORDER BY since, {place} LIMIT $9"""
_PLACE: Final = _SINCE_WHEN.format(place="entry_id")
_OF_ENTRY: Final = "entry_id, since, amount, entry_id AS place, NULL::uuid AS payout_id"
_PAGE: Final = f"""
SELECT * FROM (SELECT {_OF_ENTRY} FROM fresh WHERE {_MINE}{_PLACE}) AS a
UNION ALL SELECT * FROM (SELECT entry_id, since, amount, place, payout_id FROM nobodys
    WHERE {_MINE}{_SINCE_WHEN.format(place="place")}) AS b"""  # noqa: S608 - ours
_KEPT_PAGE: Final = f"""
UNION ALL SELECT * FROM (SELECT {_OF_ENTRY} FROM open_items
    WHERE merchant_id = $1 AND account = ($2::text[])[1]{_OF_WHOM} AND amount <> 0
      AND payment_id <> ALL((SELECT ids FROM touched)::uuid[]){_PLACE}) AS c"""  # noqa: S608 - ours
_ITEMS: Final = """
SELECT e.id, e.entry, e.connection_id, e.store_id, e.payment_id, e.refund_id, e.currency, e.cause, i.since, i.amount,
    i.place, i.payout_id, o.reference AS payout_reference
FROM (SELECT * FROM ({items}) AS p ORDER BY since, place LIMIT $9) AS i JOIN ledger_entries e ON e.id = i.entry_id
LEFT JOIN payouts o ON o.id = i.payout_id
ORDER BY i.since, i.place"""
AGED_OF_ALL: Final = f"WITH {_FRESH}{_AGED.format(items=_ANEW)}"
AGED_KEPT: Final = f"WITH {_TOUCHED}{_AGED.format(items=_ANEW + _KEPT)}"
ITEMS_OF_ALL: Final = f"WITH {_FRESH}{_ITEMS.format(items=_PAGE)}"
ITEMS_KEPT: Final = f"WITH {_TOUCHED}{_ITEMS.format(items=_PAGE + _KEPT_PAGE)}"


async def ageing(
    whose: Whose, accounts: Sequence[Account] = ACCOUNTS, connection_id: UUID | None = None
) -> Sequence[Aged]:
    """What is open by age, as of today. Of the stores whose ledger somebody may read. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    asked = [one.value for one in ACCOUNTS if one in accounts]
    statement = AGED_KEPT if await open_items.marked(scope.merchant_id) else AGED_OF_ALL
    whom = (scope.merchant_id, asked, connection_id, _stores(scope))
    return [_aged(row) for row in await rows(statement, *whom, await ledger.today(scope.merchant_id))]


async def items(
    whose: Whose,
    account: Account,
    first: int,
    *,
    connection_id: UUID | None = None,
    bucket: Bucket | None = None,
    after: tuple[date, int] | None = None,
) -> Sequence[Item]:
    """The oldest `first` open items of one of ACCOUNTS behind `after` (day, place). Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    today = await ledger.today(scope.merchant_id)
    least, most = _SINCE[bucket] if bucket else (None, None)
    between = [None if days is None else today - timedelta(days=days) for days in (most, least)]
    statement = ITEMS_KEPT if await open_items.marked(scope.merchant_id) else ITEMS_OF_ALL
    whom = (scope.merchant_id, [account.value], connection_id, _stores(scope))
    found = await rows(statement, *whom, *between, *(after or (None, None)), first)
    return [_item(row, account, today) for row in found]


async def count(
    whose: Whose, account: Account, *, connection_id: UUID | None = None, bucket: Bucket | None = None
) -> int:
    """How many open items of one of ACCOUNTS there are, by the sums of ageing. Raises Forbidden."""
    found = await ageing(whose, [account], connection_id)
    return sum(one.count for one in found if bucket in (None, one.bucket))


def _stores(scope: Scope) -> list[UUID] | None:
    return list(scope.stores) if scope.stores is not None else None


def _grown(row: Any, account: Account) -> int:
    return int(row["amount"]) if chart()[account].side is AccountSide.DEBIT else -int(row["amount"])


def _aged(row: Any) -> Aged:
    account = Account(row["account"])
    return Aged(
        account,
        row["connection_id"],
        row["connection_name"],
        row["pse"],
        row["currency"],
        Bucket(row["bucket"]),
        int(row["count"]),
        _grown(row, account),
    )


def _item(row: Any, account: Account, today: date) -> Item:
    return Item(
        id=row["id"],
        place=row["place"],
        entry=Entry(row["entry"]),
        connection_id=row["connection_id"],
        store_id=row["store_id"],
        payment_id=row["payment_id"],
        refund_id=row["refund_id"],
        payout_id=row["payout_id"],
        payout_reference=row["payout_reference"],
        currency=row["currency"],
        amount=_grown(row, account),
        since=row["since"],
        days=max((today - row["since"]).days, 0),
        cause=row["cause"],
    )
