"""The chart of accounts and the trial balance."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Self, TypeVar

import strawberry

from api.graphql.context import Info
from api.graphql.ledger import AccountEnum
from api.graphql.transport import ids
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import BigInt, CurrencyCode, Date, Money
from domain.books import chart, trial_balance
from domain.books.chart import AccountSide, Type
from domain.books.trial_balance import By, Row, Total
from domain.models.ledger import Account
from domain.money import decimal_of, exponent_of
from domain.problems import InvalidInput

TypeEnum = strawberry.enum(Type, name="LedgerAccountType", description="What an account is in a balance sheet.")
SideEnum = strawberry.enum(AccountSide, name="LedgerSide", description="On which side an account grows.")
ByEnum = strawberry.enum(
    By, name="TrialBalanceBy", description="What rows are told apart by; by currency they always are."
)
T = TypeVar("T")


def part(found: Sequence[T], first: int, skip: int) -> Sequence[T]:
    """The `first` behind the `skip` first of a list that is there as a whole. Raises InvalidInput."""
    if skip < 0:
        raise InvalidInput("`skip` is not below zero.", path=["skip"])
    return found[skip : skip + bounded(first)]


@strawberry.type(description="An amount that may be negative: debits less credits.")
class SignedMoney:
    minor_units: BigInt = strawberry.field(description="BRL -10.50 is -1050.")
    currency: CurrencyCode
    exponent: int = strawberry.field(description="How many of the digits are decimals.")
    display: str = strawberry.field(description="For example `BRL -10.50`; not localised.")

    @classmethod
    def of(cls, minor_units: int, currency: str) -> Self:
        exponent, sign = exponent_of(currency), "-" if minor_units < 0 else ""
        shown = f"{currency} {sign}{decimal_of(abs(minor_units), exponent)}"
        return cls(minor_units=BigInt(minor_units), currency=CurrencyCode(currency), exponent=exponent, display=shown)


@strawberry.type(description="An account of the chart.")
class LedgerAccountInChart:
    account: Annotated[Account, AccountEnum]
    type: Annotated[Type, TypeEnum]
    side: Annotated[AccountSide, SideEnum]
    meaning: str = strawberry.field(description="What stands in it, in the language asked for.")


@strawberry.type(description="One account. What rows are not told apart by is null.")
class TrialBalanceRow:
    account: Annotated[Account, AccountEnum]
    currency: CurrencyCode
    opening: SignedMoney = strawberry.field(description="Before the first day.")
    debits: Money
    credits: Money
    closing: SignedMoney = strawberry.field(description="With the last day.")
    connection_id: strawberry.ID | None
    connection_name: str | None = strawberry.field(description="Whose account it is.")
    pse: str | None
    store_id: strawberry.ID | None
    store_code: str | None

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            account=row.account,
            currency=CurrencyCode(row.currency),
            opening=SignedMoney.of(row.opening, row.currency),
            debits=Money.of_sum(row.debits, row.currency),
            credits=Money.of_sum(row.credits, row.currency),
            closing=SignedMoney.of(row.closing, row.currency),
            connection_id=strawberry.ID(str(row.connection_id)) if row.connection_id else None,
            connection_name=row.connection_name,
            pse=row.pse,
            store_id=strawberry.ID(str(row.store_id)) if row.store_id else None,
            store_code=row.store_code,
        )


@strawberry.type(description="Within the range: debits are credits.")
class TrialBalanceTotal:
    currency: CurrencyCode
    debits: Money
    credits: Money


def totals_of(found: Sequence[Total], first: int) -> list[TrialBalanceTotal]:
    """The sums by currency."""
    return [
        TrialBalanceTotal(
            currency=CurrencyCode(one.currency),
            debits=Money.of_sum(one.debits, one.currency),
            credits=Money.of_sum(one.credits, one.currency),
        )
        for one in found[: bounded(first)]
    ]


@strawberry.type(description="Days are the merchant's, and both within.")
class TrialBalance:
    since: Date = strawberry.field(name="from")
    until: Date = strawberry.field(name="to")
    count: int = strawberry.field(description="How many rows it has.")
    found: strawberry.Private[Sequence[Row]]
    summed: strawberry.Private[Sequence[Total]]

    @strawberry.field(description="By connection, store, currency and account; `first` is 1-100.")
    def rows(self, first: int = PAGE_MAX, skip: int = 0) -> list[TrialBalanceRow]:
        return [TrialBalanceRow.of(row) for row in part(self.found, first, skip)]

    @strawberry.field(description="By currency.")
    def totals(self, first: int = PAGE_MAX) -> list[TrialBalanceTotal]:
        return totals_of(self.summed, first)


async def trial_balance_of(
    info: Info, since: date, until: date, by: Sequence[By] | None, connection_id: str | None, currency: str | None
) -> TrialBalance:
    """Of what the caller may read."""
    chosen = ids.uuid_of(connection_id, ["connectionId"]) if connection_id else None
    told_apart = [By.CONNECTION] if by is None else by
    found = await trial_balance.trial_balance(info.context.principal, since, until, told_apart, chosen)
    shown = [row for row in found.rows if currency in (None, row.currency)]
    sums = [one for one in found.totals if currency in (None, one.currency)]
    return TrialBalance(since=Date(since), until=Date(until), count=len(shown), found=shown, summed=sums)


def chart_of_accounts(locale: str, first: int) -> list[LedgerAccountInChart]:
    """Every account, in the order of a balance sheet."""
    return [
        LedgerAccountInChart(account=one.account, type=one.type, side=one.side, meaning=one.in_words(locale))
        for one in list(chart.chart().values())[: bounded(first)]
    ]
