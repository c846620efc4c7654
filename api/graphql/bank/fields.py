"""The fields of banks and payouts: schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql.bank import mutations
from api.graphql.bank.mutations import (
    BankAccountChangeInput,
    BankAccountCreateInput,
    BankAccountEndInput,
    BankAccountPayload,
    BankStatementImportInput,
    BankStatementImportPayload,
    BankStatementWithdrawInput,
    BankStatementWithdrawPayload,
    PayoutProofPayload,
    PayoutProofVoidInput,
    PayoutProveInput,
)
from api.graphql.bank.types import BankAccount, BankLine, BankStatement, Payout
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.narrowed import amounts, days
from api.graphql.transport.paging import Connection, page
from api.graphql.transport.scalars import Date, MoneyInput
from domain.bank import accounts, find
from domain.bank.find import Proof
from domain.platform.lengths import equal

ProofEnum = strawberry.enum(Proof, name="PayoutStanding", description="Whether a payout is at the bank.")


@strawberry.type
class BankQuery:
    @strawberry.field(description="Accounts that PSEs pay out to, newest first. Needs READ_LEDGER.")
    async def bank_accounts(self, info: Info, first: int, after: str | None = None) -> Connection[BankAccount]:
        return await page(accounts.readable(info.context.principal), first, after, BankAccount.of)

    @strawberry.field(
        description="Files of banks that were taken in, newest first; withdrawn ones, too. Needs READ_LEDGER."
    )
    async def bank_statements(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        bank_account_id: strawberry.ID | None = None,
        since: Date | None = None,
        until: Date | None = None,
    ) -> Connection[BankStatement]:
        chosen = ids.uuid_of(bank_account_id, ["bankAccountId"]) if bank_account_id else None
        within = days(since, None, "last_on") | days(None, until, "first_on")
        found = find.statements(info.context.principal, chosen).filter(**within)
        return await page(found, first, after, BankStatement.of)

    @strawberry.field(
        description="Money on the accounts, told last first; `explained`: those that prove a payout, or those that "
        "prove none. Needs READ_LEDGER."
    )
    async def bank_lines(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        bank_account_id: strawberry.ID | None = None,
        explained: bool | None = None,
        since: Date | None = None,
        until: Date | None = None,
        amount_from: MoneyInput | None = None,
        amount_until: MoneyInput | None = None,
    ) -> Connection[BankLine]:
        chosen = ids.uuid_of(bank_account_id, ["bankAccountId"]) if bank_account_id else None
        query = find.lines(info.context.principal, chosen, explained).filter(
            **days(since, until, "booked_on"), **amounts(amount_from, amount_until, currency="account__currency")
        )
        return await page(query, first, after, BankLine.of)

    @strawberry.field(description="What PSEs paid out, by their reports, told last first. Needs READ_LEDGER.")
    async def payouts(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        connection_id: strawberry.ID | None = None,
        standing: Annotated[Proof, ProofEnum] | None = None,
        pse: str | None = None,
        since: Date | None = None,
        until: Date | None = None,
        amount_from: MoneyInput | None = None,
        amount_until: MoneyInput | None = None,
    ) -> Connection[Payout]:
        chosen = ids.uuid_of(connection_id, ["connectionId"]) if connection_id else None
        query = find.payouts(info.context.principal, chosen, standing).filter(
            **days(since, until, "business_date"), **amounts(amount_from, amount_until)
        )
        query = query if pse is None else equal(query, connection__pse=pse)
        return await page(query, first, after, Payout.of)


@strawberry.type
class BankMutation:
    @strawberry.mutation(description="Make an account known that PSEs pay out to. Needs KEEP_BOOKS.")
    async def bank_account_create(self, info: Info, input: BankAccountCreateInput) -> BankAccountPayload:
        return await mutations.bank_account_create(info, input)

    @strawberry.mutation(description="Say anew how an account is called, and whose payouts come. Needs KEEP_BOOKS.")
    async def bank_account_change(self, info: Info, input: BankAccountChangeInput) -> BankAccountPayload:
        return await mutations.bank_account_change(info, input)

    @strawberry.mutation(description="Take no more statements of an account. Needs KEEP_BOOKS.")
    async def bank_account_end(self, info: Info, input: BankAccountEndInput) -> BankAccountPayload:
        return await mutations.bank_account_end(info, input)

    @strawberry.mutation(
        description="Take in a bank's file (OFX, CNAB 240 or CSV), whole or not at all; the payouts that it shows are "
        "proven. The same file, or another one with the same lines, changes nothing. Needs KEEP_BOOKS."
    )
    async def bank_statement_import(self, info: Info, input: BankStatementImportInput) -> BankStatementImportPayload:
        return await mutations.bank_statement_import(info, input)

    @strawberry.mutation(
        description="Take a statement back with its lines; once none that prints the account's number is left, the "
        "account takes files of another one. Nothing that it proves is touched: void that first. Needs KEEP_BOOKS."
    )
    async def bank_statement_withdraw(
        self, info: Info, input: BankStatementWithdrawInput
    ) -> BankStatementWithdrawPayload:
        return await mutations.bank_statement_withdraw(info, input)

    @strawberry.mutation(description="Say that a line of the bank is a payout. Needs KEEP_BOOKS.")
    async def payout_prove(self, info: Info, input: PayoutProveInput) -> PayoutProofPayload:
        return await mutations.payout_prove(info, input)

    @strawberry.mutation(description="Take back that a payout is proven. Needs KEEP_BOOKS.")
    async def payout_proof_void(self, info: Info, input: PayoutProofVoidInput) -> PayoutProofPayload:
        return await mutations.payout_proof_void(info, input)
