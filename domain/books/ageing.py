"""How old what is open is: claims that no report proves, refunds that are owed, money that nobody has explained.

What closes an account's entries closes the oldest of the same thing first (a refund's, a payment's; of payouts, a
connection's): what is left are items, each an entry with the part of it that is open. Amounts in minor units, in the
direction in which the account grows; a negative one stands on the other side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.books import ledger
from domain.books.chart import Side, chart
from domain.models.ledger import Account, Entry
from domain.platform.database import rows


class Bucket(StrEnum):
    """Days since."""

    D0_7 = "D0_7"
    D8_30 = "D8_30"
    D31_60 = "D31_60"
    D61_90 = "D61_90"
    D91 = "D91"  # and more


ACCOUNTS: Final = (
    Account.PSE_CLEARING,
    Account.REFUNDS_PAYABLE,
    Account.SUSPENSE,
    Account.PAYOUTS_IN_TRANSIT,
    Account.VAT_REVERSAL_PENDING,
)


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
    """An entry that is open, all of it or in part. `days` is its age."""

    id: int
    entry: Entry
    connection_id: UUID
    store_id: UUID
    payment_id: UUID | None
    refund_id: UUID | None
    currency: str
    amount: int
    since: date
    days: int
    cause: str


# What an entry was closed by is looked for among those of the same thing, which has an id and, where it has several
# sides, a class. What is nobody's is the connection's.
_THING: Final = {
    Account.SUSPENSE: ("coalesce(e.payment_id, e.connection_id)", "e.currency"),
    Account.PAYOUTS_IN_TRANSIT: ("e.connection_id", "e.currency"),
    Account.VAT_REVERSAL_PENDING: ("coalesce(e.refund_id, e.payment_id, e.connection_id)", "e.currency"),
}
_OF_WHOM: Final = """merchant_id = $1 AND ($4::uuid IS NULL OR {e}.connection_id = $4)
  AND ($5::uuid[] IS NULL OR {e}.store_id = ANY($5))"""
_ENTRY: Final = (
    "e.id, e.entry, e.connection_id, e.store_id, e.payment_id, e.refund_id, e.currency, e.cause, "
    "coalesce(e.belongs_to, e.accounting_date) AS since, "
    "CASE WHEN e.debit = $2 THEN e.amount ELSE -e.amount END AS moved"
)
_BOOKED: Final = (
    f"SELECT {_ENTRY}, {{thing}} AS thing, {{class_}} AS class FROM ledger_entries e "  # noqa: S608 - ours
    f"WHERE e.{_OF_WHOM.format(e='e')} AND $2 IN (e.debit, e.credit)"
)
# Of what is owed, only refunds under way have any: they are few, however many were ever made.
_OWED: Final = f"""
SELECT {_ENTRY}, e.refund_id AS thing, e.currency AS class FROM refunds r JOIN ledger_entries e ON e.refund_id = r.id
WHERE r.merchant_id = $1 AND r.state IN ('REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL') AND r.state <> 'SUCCEEDED'
  AND ($4::uuid IS NULL OR e.connection_id = $4) AND ($5::uuid[] IS NULL OR e.store_id = ANY($5))
  AND $2 IN (e.debit, e.credit)"""  # noqa: S608 - ours
# A claim and its proof: of a refund's its line, of a payment's those of the same effect.
_CLAIMED: Final = f"""
SELECT {_ENTRY}, coalesce(e.refund_id, e.payment_id) AS thing, CASE WHEN e.refund_id IS NOT NULL THEN 'REFUND'
    WHEN e.entry IN ('TAKEN', 'TAKEN_BACK') THEN 'TAKEN'
    WHEN e.entry IN ('CHARGEBACK', 'CHARGEBACK_REVERSED') THEN 'CHARGEBACK' ELSE 'CAPTURE' END AS class
FROM ledger_entries e WHERE e.{_OF_WHOM.format(e="e")} AND $2 IN (e.debit, e.credit) AND e.payment_id IS NOT NULL
UNION ALL
SELECT NULL, NULL, p.connection_id, p.store_id, p.id, s.refund_id, s.currency, NULL, s.business_date,
    CASE WHEN s.effect IN ('CAPTURE', 'RETURN', 'TAKEN_BACK', 'CHARGEBACK_REVERSED') THEN -s.amount ELSE s.amount END,
    CASE WHEN s.effect IN ('REFUND', 'RETURN') THEN s.refund_id ELSE s.payment_id END,
    CASE WHEN s.effect IN ('REFUND', 'RETURN') THEN 'REFUND' WHEN s.effect IN ('TAKEN', 'TAKEN_BACK') THEN 'TAKEN'
        WHEN s.effect IN ('CHARGEBACK', 'CHARGEBACK_REVERSED') THEN 'CHARGEBACK' ELSE 'CAPTURE' END
FROM payments p JOIN settlement_lines s ON s.payment_id = p.id AND s.voided_at IS NULL AND s.effect <> 'NONE'
WHERE p.{_OF_WHOM.format(e="p")}"""  # noqa: S608 - ours
_BUCKET: Final = (
    "CASE WHEN days <= 7 THEN 'D0_7' WHEN days <= 30 THEN 'D8_30' WHEN days <= 60 THEN 'D31_60' "
    "WHEN days <= 90 THEN 'D61_90' ELSE 'D91' END"
)
# Nearly everything is closed: what is not is found by sums alone, and only its entries are put in order.
_OPEN: Final = f"""
WITH moves AS NOT MATERIALIZED ({{moves}}),
netted AS MATERIALIZED (SELECT thing, class, sum(moved) AS net FROM moves GROUP BY thing, class HAVING sum(moved) <> 0),
behind AS (SELECT m.*, n.net, coalesce(sum(abs(m.moved)) OVER (PARTITION BY m.thing, m.class
      ORDER BY m.since DESC, m.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
    FROM moves m JOIN netted n USING (thing, class) WHERE m.id IS NOT NULL AND sign(m.moved) = sign(n.net)),
left_over AS (SELECT *, greatest($3::date - since, 0) AS days,
      sign(net) * least(abs(moved), abs(net) - later) AS amount FROM behind WHERE abs(net) > later),
items AS (SELECT *, {_BUCKET} AS bucket FROM left_over)
"""  # noqa: S608 - ours
_AGED: Final = """SELECT i.connection_id, c.name AS connection_name, c.pse, i.currency, i.bucket, count(*) AS count,
    sum(i.amount) AS amount
FROM items i JOIN connections c ON c.id = i.connection_id GROUP BY i.connection_id, c.name, c.pse, i.currency, i.bucket
ORDER BY c.name, i.currency, min(i.days)"""
_ITEMS: Final = """SELECT id, entry, connection_id, store_id, payment_id, refund_id, currency, cause, since, days,
    amount FROM items WHERE ($6::text IS NULL OR bucket = $6)
    AND ($7::date IS NULL OR (since, id) > ($7, $8::bigint)) ORDER BY since, id LIMIT $9"""


def _open(account: Account) -> str:
    if account is Account.PSE_CLEARING:
        return _OPEN.format(moves=_CLAIMED)
    if account is Account.REFUNDS_PAYABLE:
        return _OPEN.format(moves=_OWED)
    thing, class_ = _THING[account]
    return _OPEN.format(moves=_BOOKED.format(thing=thing, class_=class_))


async def ageing(
    whose: Whose, accounts: Sequence[Account] = ACCOUNTS, connection_id: UUID | None = None
) -> Sequence[Aged]:
    """What is open by age, as of today. Of the stores whose ledger somebody may read. Raises Forbidden."""
    made: list[Aged] = []
    for account in ACCOUNTS:
        if account in accounts:
            found = await rows(_open(account) + _AGED, *await _asked(whose, account, connection_id))
            made += [_aged(row, account) for row in found]
    return made


async def items(
    whose: Whose,
    account: Account,
    first: int,
    *,
    connection_id: UUID | None = None,
    bucket: Bucket | None = None,
    after: tuple[date, int] | None = None,
) -> Sequence[Item]:
    """The oldest `first` open items of one of ACCOUNTS behind `after` (day, entry). Raises Forbidden."""
    behind = after or (None, None)
    asked = await _asked(whose, account, connection_id)
    found = await rows(_open(account) + _ITEMS, *asked, bucket.value if bucket else None, *behind, first)
    return [_item(row, account) for row in found]


async def _asked(whose: Whose, account: Account, connection_id: UUID | None) -> tuple[Any, ...]:
    scope = scope_of(whose, Permission.READ_LEDGER)
    stores = list(scope.stores) if scope.stores is not None else None
    return scope.merchant_id, account.value, await ledger.today(scope.merchant_id), connection_id, stores


def _grown(row: Any, account: Account) -> int:
    return int(row["amount"]) if chart()[account].side is Side.DEBIT else -int(row["amount"])


def _aged(row: Any, account: Account) -> Aged:
    return Aged(
        account,
        row["connection_id"],
        row["connection_name"],
        row["pse"],
        row["currency"],
        Bucket(row["bucket"]),
        row["count"],
        _grown(row, account),
    )


def _item(row: Any, account: Account) -> Item:
    return Item(
        id=row["id"],
        entry=Entry(row["entry"]),
        connection_id=row["connection_id"],
        store_id=row["store_id"],
        payment_id=row["payment_id"],
        refund_id=row["refund_id"],
        currency=row["currency"],
        amount=_grown(row, account),
        since=row["since"],
        days=row["days"],
        cause=row["cause"],
    )
