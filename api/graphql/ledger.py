"""The ledger as accounting reads it."""

from datetime import date
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.scalars import BigInt, CurrencyCode, Date, DateTime, Money
from domain.books import ledger
from domain.models import LedgerEntry as Row
from domain.models.ledger import Account, Entry
from domain.money import Money as Amount
from domain.problems import InvalidInput

AccountEnum = strawberry.enum(Account, name="LedgerAccount", description="The accounts of the ledger.")
EntryEnum = strawberry.enum(Entry, name="LedgerEntryKind", description="What made an entry.")


@strawberry.type(description="One amount moved from `credit` to `debit`: an entry cannot be unbalanced.")
class LedgerEntry:
    id: strawberry.ID
    kind: Annotated[Entry, EntryEnum]
    debit: Annotated[Account, AccountEnum]
    credit: Annotated[Account, AccountEnum]
    amount: Money
    accounting_date: Date = strawberry.field(description="In the merchant's zone.")
    belongs_to: Date | None = strawberry.field(description="The date it would have, were that month not closed.")
    booked_at: DateTime
    request_id: str

    @classmethod
    def of(cls, row: Row) -> "LedgerEntry":
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.entry,
            debit=row.debit,
            credit=row.credit,
            amount=Money.of(Amount(row.amount, row.currency)),
            accounting_date=Date(row.accounting_date),
            belongs_to=Date(row.belongs_to) if row.belongs_to else None,
            booked_at=DateTime(row.booked_at),
            request_id=row.request_id,
        )


@strawberry.type(description="An account's sums. `balance` is debits less credits and may be negative (minor units).")
class LedgerBalance:
    connection_id: strawberry.ID | None
    account: Annotated[Account, AccountEnum]
    currency: CurrencyCode
    debits: Money
    credits: Money
    balance: BigInt


async def balances(info: Info, connection_id: str | None, until: date | None, first: int) -> list[LedgerBalance]:
    """The balances of the caller's merchant, at most `first`, up to and with the date `until`."""
    chosen = ids.uuid_of(connection_id, ["connectionId"]) if connection_id else None
    found = await ledger.balances(info.context.principal, connection_id=chosen, until=until)
    if len(found) > first:
        raise InvalidInput(
            f"The trial balance has more than {first} rows; ask for one connection at a time.", path=["connectionId"]
        )
    return [
        LedgerBalance(
            connection_id=strawberry.ID(str(row.connection_id)) if row.connection_id else None,
            account=row.account,
            currency=CurrencyCode(row.currency),
            debits=Money.of_sum(row.debits, row.currency),
            credits=Money.of_sum(row.credits, row.currency),
            balance=BigInt(row.balance),
        )
        for row in found
    ]
