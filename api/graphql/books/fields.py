"""The fields of the books and the month: schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql.books import journals, periods, statements, trial_balance
from api.graphql.books.journals import (
    Journal,
    JournalAccount,
    JournalAccountSetInput,
    JournalAccountSetPayload,
    JournalExportInput,
    JournalExportPayload,
)
from api.graphql.books.periods import (
    ClosedPeriod,
    Period,
    PeriodConfirmInput,
    PeriodPayload,
    PeriodPreview,
    PeriodProposeInput,
    PeriodWithdrawInput,
)
from api.graphql.books.statements import AccountStatement, Ageing, BucketEnum, OpenItem
from api.graphql.books.trial_balance import ByEnum, LedgerAccountInChart, TrialBalance
from api.graphql.context import Info
from api.graphql.ledger import AccountEnum
from api.graphql.spoken.languages import locale_of
from api.graphql.transport import ids
from api.graphql.transport.paging import PAGE_MAX, Connection, page
from api.graphql.transport.scalars import CurrencyCode, Date
from domain.books.ageing import Bucket
from domain.books.statements import WantedEntries
from domain.books.trial_balance import By
from domain.journal import export, mapping
from domain.models.ledger import Account
from domain.periods import closing

From = Annotated[Date, strawberry.argument(name="from")]
To = Annotated[Date, strawberry.argument(name="to")]


@strawberry.type
class BooksQuery:
    @strawberry.field(
        description="What each account is; `locale` is en, zh-CN, es or pt-BR, else what Accept-Language asks for. "
        "Needs READ_LEDGER."
    )
    def chart_of_accounts(self, locale: str | None = None, first: int = PAGE_MAX) -> list[LedgerAccountInChart]:
        return trial_balance.chart_of_accounts(locale_of(locale), first)

    @strawberry.field(
        description="Opening, debits, credits and closing of each account of a range of days, told apart by connection "
        "unless `by` says otherwise. Needs READ_LEDGER."
    )
    async def trial_balance(
        self,
        info: Info,
        since: From,
        until: To,
        by: list[Annotated[By, ByEnum]] | None = None,
        connection_id: strawberry.ID | None = None,
        currency: CurrencyCode | None = None,
    ) -> TrialBalance:
        return await trial_balance.trial_balance_of(info, since, until, by, connection_id, currency)

    @strawberry.field(description="Of one account, page by page. `first` is 1-100. Needs READ_LEDGER.")
    async def account_statement(
        self,
        info: Info,
        account: Annotated[Account, AccountEnum],
        connection_id: strawberry.ID,
        currency: CurrencyCode,
        since: From,
        until: To,
        first: int,
        after: str | None = None,
    ) -> AccountStatement:
        wanted = WantedEntries(account, ids.uuid_of(connection_id, ["connectionId"]), currency, since, until)
        return await statements.statement(info, wanted, first, after)

    @strawberry.field(
        description="How old what is open is, of PSE_CLEARING, REFUNDS_PAYABLE, SUSPENSE, PAYOUTS_IN_TRANSIT, "
        "VAT_REVERSAL_PENDING, PSE_RESERVE, PSE_TRANSFERS and FX_CLEARING. Needs READ_LEDGER."
    )
    async def ageing(
        self,
        info: Info,
        accounts: list[Annotated[Account, AccountEnum]] | None = None,
        connection_id: strawberry.ID | None = None,
    ) -> Ageing:
        return await statements.aged(info, accounts, connection_id)

    @strawberry.field(description="The entries that are open, oldest first. `first` is 1-100. Needs READ_LEDGER.")
    async def open_items(
        self,
        info: Info,
        account: Annotated[Account, AccountEnum],
        first: int,
        after: str | None = None,
        connection_id: strawberry.ID | None = None,
        bucket: Annotated[Bucket, BucketEnum] | None = None,
    ) -> Connection[OpenItem]:
        return await statements.open_items(info, account, first, after, connection_id, bucket)

    @strawberry.field(
        description="Months that were proposed, closed, or withdrawn, newest first. `first` is 1-100. Needs "
        "READ_LEDGER in all stores; others see none."
    )
    async def periods(self, info: Info, first: int, after: str | None = None) -> Connection[Period]:
        return await page(closing.readable(info.context.principal), first, after, Period.of, moment="proposed_at")

    @strawberry.field(description="What stands against closing a month (YYYY-MM) just now. Needs READ_LEDGER.")
    async def period_preview(self, info: Info, month: str) -> PeriodPreview:
        return await periods.period_preview(info, month)

    @strawberry.field(description="What was kept of a closed month (YYYY-MM); null: it is open. Needs READ_LEDGER.")
    async def closed_period(self, info: Info, month: str) -> ClosedPeriod | None:
        return await periods.closed_period(info, month)

    @strawberry.field(description="Your accounts that stand for ours, newest first. `first` is 1-100.")
    async def journal_accounts(self, info: Info, first: int, after: str | None = None) -> Connection[JournalAccount]:
        return await page(mapping.readable(info.context.principal), first, after, JournalAccount.of)

    @strawberry.field(description="Journals that were made, newest first. `first` is 1-100. Needs READ_LEDGER.")
    async def journals(self, info: Info, first: int, after: str | None = None) -> Connection[Journal]:
        query = export.readable(info.context.principal).select_related("file")
        return await page(query, first, after, Journal.of)


@strawberry.type
class BooksMutation:
    @strawberry.mutation(
        description="Have another person close a month; what was proposed before counts no more. Needs CLOSE_PERIODS."
    )
    async def period_propose(self, info: Info, input: PeriodProposeInput) -> PeriodPayload:
        return await periods.propose(info, input)

    @strawberry.mutation(
        description="Close a month that another person has proposed. It is never opened again: what belongs to it and "
        "comes later is booked on the first open day. Needs CLOSE_PERIODS."
    )
    async def period_confirm(self, info: Info, input: PeriodConfirmInput) -> PeriodPayload:
        return await periods.confirm(info, input)

    @strawberry.mutation(description="Take back, or refuse, the closing of a month. Needs CLOSE_PERIODS.")
    async def period_withdraw(self, info: Info, input: PeriodWithdrawInput) -> PeriodPayload:
        return await periods.withdraw(info, input)

    @strawberry.mutation(description="Say which account of yours stands for one of ours. Needs KEEP_BOOKS.")
    async def journal_account_set(self, info: Info, input: JournalAccountSetInput) -> JournalAccountSetPayload:
        return await journals.account_set(info, input)

    @strawberry.mutation(
        description="Make the journal of a month for another program. Of a closed month it has a number, and the same "
        "again is the same one. Needs KEEP_BOOKS."
    )
    async def journal_export(self, info: Info, input: JournalExportInput) -> JournalExportPayload:
        return await journals.journal_export(info, input)
