"""The statement of an account, and what of it is open, and since when."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Annotated, Self
from uuid import UUID

import strawberry
from strawberry.relay import to_base64

from api.graphql.books.trial_balance import SignedMoney, part
from api.graphql.context import Info
from api.graphql.ledger import AccountEnum, EntryEnum
from api.graphql.transport import ids
from api.graphql.transport.paging import PAGE_MAX, Connection, Counting, Edge, Position, bounded, page_info, position_of
from api.graphql.transport.scalars import CurrencyCode, Date, Money
from domain.books import ageing, statements
from domain.books.ageing import Aged, Bucket, Item
from domain.books.statements import AccountLine, AfterEntry, WantedEntries
from domain.models.ledger import Account, Entry
from domain.problems import InvalidInput

BucketEnum = strawberry.enum(Bucket, name="AgeBucket", description="Days since: 0-7, 8-30, 31-60, 61-90, 91 and more.")


def opaque(name: str, row_id: UUID | None) -> strawberry.ID | None:
    """The id by which the API gives out a refund or a payment."""
    return strawberry.ID(to_base64(name, str(row_id))) if row_id else None


def _cursor(day: date, entry: int) -> str:
    return Position(datetime.combine(day, time(), UTC), entry).cursor()


def _place(after: str | None) -> AfterEntry | None:
    if after is None:
        return None
    position = position_of(after)
    if not isinstance(position.id, int):
        raise InvalidInput("`after` is a cursor of another list.", path=["after"])
    return AfterEntry(position.moment.date(), position.id)


@strawberry.type(description="An entry of the account.")
class StatementEntry:
    id: strawberry.ID
    accounting_date: Date = strawberry.field(description="In the merchant's zone.")
    belongs_to: Date | None = strawberry.field(description="The date it would have, were that month not closed.")
    kind: Annotated[Entry, EntryEnum]
    other: Annotated[Account, AccountEnum] = strawberry.field(description="Where it came from, or went.")
    debit: Money
    credit: Money
    balance: SignedMoney = strawberry.field(description="Behind this entry.")
    request_id: str
    refund_id: strawberry.ID | None = strawberry.field(description="Of the refund that it is about.")
    payment_id: strawberry.ID | None = strawberry.field(description="Of the payment that it is about.")
    is_of_report: bool = strawberry.field(description="A night made it of the PSE's report of `accountingDate`.")

    @classmethod
    def of(cls, line: AccountLine, currency: str) -> Self:
        return cls(
            id=strawberry.ID(str(line.id)),
            accounting_date=Date(line.day),
            belongs_to=Date(line.belongs_to) if line.belongs_to else None,
            kind=line.entry,
            other=line.other,
            debit=Money.of_sum(line.debit, currency),
            credit=Money.of_sum(line.credit, currency),
            balance=SignedMoney.of(line.balance, currency),
            request_id=line.request_id,
            refund_id=opaque("Refund", line.refund_id),
            payment_id=opaque("Payment", line.payment_id),
            is_of_report=line.cause.startswith("report/"),
        )


@strawberry.type(description="Opening, entries and closing of one account.")
class AccountStatement:
    opening: SignedMoney
    debits: Money = strawberry.field(description="Of the whole range.")
    credits: Money = strawberry.field(description="Of the whole range.")
    closing: SignedMoney
    entries: Connection[StatementEntry] = strawberry.field(description="By date, then as they were booked.")


async def statement(info: Info, wanted: WantedEntries, first: int, after: str | None) -> AccountStatement:
    """A page of it, of what the caller may read."""
    bounded(first)
    found = await statements.statement(info.context.principal, wanted, first, _place(after))
    edges = [
        Edge(node=StatementEntry.of(line, wanted.currency), cursor=_cursor(line.day, line.id)) for line in found.lines
    ]
    total = Counting(partial(statements.count, info.context.principal, wanted))
    return AccountStatement(
        opening=SignedMoney.of(found.opening, wanted.currency),
        debits=Money.of_sum(found.debits, wanted.currency),
        credits=Money.of_sum(found.credits, wanted.currency),
        closing=SignedMoney.of(found.closing, wanted.currency),
        entries=Connection(edges=edges, page_info=page_info(edges, after, has_next=found.has_more), total=total),
    )


@strawberry.type(description="What is open of an account, in one bucket of age.")
class OpenAmount:
    account: Annotated[Account, AccountEnum]
    connection_id: strawberry.ID
    connection_name: str
    pse: str
    currency: CurrencyCode
    bucket: Annotated[Bucket, BucketEnum]
    count: int
    amount: SignedMoney = strawberry.field(description="In the direction in which the account grows.")

    @classmethod
    def of(cls, row: Aged) -> Self:
        return cls(
            account=row.account,
            connection_id=strawberry.ID(str(row.connection_id)),
            connection_name=row.connection_name,
            pse=row.pse,
            currency=CurrencyCode(row.currency),
            bucket=row.bucket,
            count=row.count,
            amount=SignedMoney.of(row.amount, row.currency),
        )


@strawberry.type(description="What is open, by age, as of today.")
class Ageing:
    count: int = strawberry.field(description="How many rows it has.")
    found: strawberry.Private[Sequence[Aged]]

    @strawberry.field(description="`first` is 1-100.")
    def rows(self, first: int = PAGE_MAX, skip: int = 0) -> list[OpenAmount]:
        return [OpenAmount.of(row) for row in part(self.found, first, skip)]


@strawberry.type(description="An entry that is open, all of it or in part.")
class OpenItem:
    entry_id: strawberry.ID
    kind: Annotated[Entry, EntryEnum]
    connection_id: strawberry.ID
    refund_id: strawberry.ID | None = strawberry.field(description="Of the refund.")
    payment_id: strawberry.ID | None = strawberry.field(description="Of the payment.")
    payout_id: strawberry.ID | None
    payout_reference: str | None
    amount: SignedMoney
    since: Date
    days: int

    @classmethod
    def of(cls, item: Item) -> Self:
        return cls(
            entry_id=strawberry.ID(str(item.id)),
            kind=item.entry,
            connection_id=strawberry.ID(str(item.connection_id)),
            refund_id=opaque("Refund", item.refund_id),
            payment_id=opaque("Payment", item.payment_id),
            payout_id=strawberry.ID(str(item.payout_id)) if item.payout_id else None,
            payout_reference=item.payout_reference,
            amount=SignedMoney.of(item.amount, item.currency),
            since=Date(item.since),
            days=item.days,
        )


async def aged(info: Info, accounts: Sequence[Account] | None, connection_id: str | None) -> Ageing:
    """Of what the caller may read."""
    chosen = ids.uuid_of(connection_id, ["connectionId"]) if connection_id else None
    wanted = ageing.ACCOUNTS if accounts is None else [_known(one) for one in accounts]
    found = await ageing.ageing(info.context.principal, wanted, chosen)
    return Ageing(count=len(found), found=found)


async def open_items(
    info: Info, account: Account, first: int, after: str | None, connection_id: str | None, bucket: Bucket | None
) -> Connection[OpenItem]:
    """The oldest first, of what the caller may read."""
    bounded(first)
    place = _place(after)
    chosen = ids.uuid_of(connection_id, ["connectionId"]) if connection_id else None
    found = await ageing.items(
        info.context.principal,
        _known(account),
        first + 1,
        connection_id=chosen,
        bucket=bucket,
        after=(place.day, place.entry) if place else None,
    )
    total = Counting(partial(ageing.count, info.context.principal, account, connection_id=chosen, bucket=bucket))
    edges = [Edge(node=OpenItem.of(item), cursor=_cursor(item.since, item.place)) for item in found[:first]]
    return Connection(edges=edges, page_info=page_info(edges, after, has_next=len(found) > first), total=total)


def _known(account: Account) -> Account:
    if account not in ageing.ACCOUNTS:
        known = ", ".join(ageing.ACCOUNTS)
        raise InvalidInput(f"Of {account} nothing is open; ask for one of {known}.", path=["account"])
    return account
