"""The fields of fees, rates and quotes: schema.py has them beside the others."""

import strawberry

from api.graphql.context import Info
from api.graphql.quotes import fees, quotes, rates
from api.graphql.quotes.fees import (
    FeeSchedule,
    FeeSchedulePayload,
    FeeScheduleSetInput,
    FeeSchedulesImportInput,
    FeeSchedulesImportPayload,
    FeeScheduleWithdrawInput,
)
from api.graphql.quotes.quotes import RefundQuoteInput, RefundQuotePayload
from api.graphql.quotes.rates import (
    FxRate,
    FxRatePayload,
    FxRateSetInput,
    FxRatesImportInput,
    FxRatesImportPayload,
    FxRateWithdrawInput,
)
from api.graphql.transport import ids
from api.graphql.transport.paging import Connection, page
from api.graphql.transport.scalars import CurrencyCode, Date
from domain.settlements import rates as domain_rates
from domain.settlements import schedules


@strawberry.type
class QuoteQuery:
    @strawberry.field(
        description="What a refund would cost, how long it would take, until when it can be asked for and what else "
        "could be done; what is unknown says why. Nothing is reserved. Needs REFUND or READ_LEDGER."
    )
    async def refund_quote(self, info: Info, input: RefundQuoteInput) -> RefundQuotePayload:
        return await quotes.refund_quote(info, input)

    @strawberry.field(
        description="Fee schedules, the last entered first; `on`: those that a day lies within. `first` is 1-100. "
        "Needs READ_LEDGER."
    )
    async def fee_schedules(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        connection_id: strawberry.ID | None = None,
        on: Date | None = None,
    ) -> Connection[FeeSchedule]:
        chosen = ids.uuid_of(connection_id, ["connectionId"]) if connection_id is not None else None
        return await page(schedules.readable(info.context.principal, chosen, on), first, after, FeeSchedule.of)

    @strawberry.field(description="Rates of exchange, the last entered first. `first` is 1-100. Needs READ_LEDGER.")
    async def fx_rates(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        base: CurrencyCode | None = None,
        quote: CurrencyCode | None = None,
    ) -> Connection[FxRate]:
        return await page(domain_rates.readable(info.context.principal, base, quote), first, after, FxRate.of)


@strawberry.type
class QuoteMutation:
    @strawberry.mutation(
        description="Enter a fee from a day on: it ends the one before; the same day again corrects it. Needs "
        "KEEP_BOOKS."
    )
    async def fee_schedule_set(self, info: Info, input: FeeScheduleSetInput) -> FeeSchedulePayload:
        return await fees.fee_schedule_set(info, input)

    @strawberry.mutation(description="Enter the fees of a file, all or none. Needs KEEP_BOOKS.")
    async def fee_schedules_import(self, info: Info, input: FeeSchedulesImportInput) -> FeeSchedulesImportPayload:
        return await fees.fee_schedules_import(info, input)

    @strawberry.mutation(description="Say that a fee was entered in error: it counts no more. Needs KEEP_BOOKS.")
    async def fee_schedule_withdraw(self, info: Info, input: FeeScheduleWithdrawInput) -> FeeSchedulePayload:
        return await fees.fee_schedule_withdraw(info, input)

    @strawberry.mutation(description="Enter a rate of exchange; the same day again corrects it. Needs KEEP_BOOKS.")
    async def fx_rate_set(self, info: Info, input: FxRateSetInput) -> FxRatePayload:
        return await rates.fx_rate_set(info, input)

    @strawberry.mutation(description="Enter the rates of a file, all or none. Needs KEEP_BOOKS.")
    async def fx_rates_import(self, info: Info, input: FxRatesImportInput) -> FxRatesImportPayload:
        return await rates.fx_rates_import(info, input)

    @strawberry.mutation(description="Say that a rate was entered in error: it counts no more. Needs KEEP_BOOKS.")
    async def fx_rate_withdraw(self, info: Info, input: FxRateWithdrawInput) -> FxRatePayload:
        return await rates.fx_rate_withdraw(info, input)
