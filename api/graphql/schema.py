"""The schema: every field on one screen. `python -m api.graphql.schema` prints it, sorted in print only."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry import relay

from api.graphql import ledger, nodes, onboarding, payments, pses, reconciliation
from api.graphql.access import guard
from api.graphql.access.fields import AccessMutation, AccessQuery
from api.graphql.approvals.fields import ApprovalMutation, ApprovalQuery
from api.graphql.audit import AuditMutation, AuditQuery
from api.graphql.bank.fields import BankMutation, BankQuery
from api.graphql.books.fields import BooksMutation, BooksQuery
from api.graphql.connection_fields import ConnectionMutation, ConnectionQuery
from api.graphql.context import Info
from api.graphql.exports.fields import ExportMutation, ExportQuery
from api.graphql.findings.fields import FindingMutation, FindingQuery
from api.graphql.findings.types import Finding
from api.graphql.ledger import LedgerBalance
from api.graphql.nights.fields import NightMutation, NightQuery, NightSubscription
from api.graphql.onboarding import OnboardingRun
from api.graphql.payments import (
    Payment,
    PaymentAskAgainInput,
    PaymentAskAgainPayload,
    PaymentMethod,
    PaymentRegisterInput,
    PaymentRegisterPayload,
    PaymentWithdrawInput,
    PaymentWithdrawPayload,
)
from api.graphql.pses import PseCapability, PseErrorExplanation
from api.graphql.quotes.fields import QuoteMutation, QuoteQuery
from api.graphql.reconciliation import ReconciliationRun
from api.graphql.refunds import by_hand, destinations, events, mutations, types
from api.graphql.refunds.by_hand import (
    RefundManualPayload,
    RefundReturnToQueueInput,
    RefundSettleManuallyInput,
    RefundSettleManuallyPayload,
    RefundTakeManualInput,
    RefundTransferReturnedInput,
)
from api.graphql.refunds.destinations import (
    DestinationLinkCreateInput,
    DestinationLinkCreatePayload,
    DestinationProvideInput,
    DestinationProvidePayload,
    RefundApproveInput,
    RefundDecisionPayload,
    RefundRejectInput,
)
from api.graphql.refunds.events import RefundStreamMessage
from api.graphql.refunds.mutations import (
    RefundCancelInput,
    RefundCancelPayload,
    RefundCreateInput,
    RefundCreatePayload,
    RefundRefreshInput,
    RefundRefreshPayload,
    RefundResolveDoubtInput,
    RefundResolveDoubtPayload,
    RefundRetryInput,
    RefundRetryPayload,
)
from api.graphql.refunds.types import Refund, RefundBy, RefundFilter
from api.graphql.taxes.fields import TaxMutation, TaxQuery
from api.graphql.transport.documents import DocumentCache
from api.graphql.transport.extensions import Schema, build_schema
from api.graphql.transport.limits import Limits
from api.graphql.transport.live import LIVE
from api.graphql.transport.paging import PAGE_MAX, Connection, bounded, page
from api.graphql.transport.scalars import Date
from domain.onboarding.certification import CaseName
from domain.pse.checking import CheckCode
from domain.pse.vocabulary import Method
from domain.quotes.figures import CostName, Instead
from domain.reconciliation import find as runs

MOVING_MONEY = frozenset(
    {
        "connectionCertify",
        "destinationProvide",
        "findingReopen",
        "findingResolve",
        "findingResolveConfirm",
        "findingsResolve",
        "paymentWithdraw",
        "refundApprove",
        "refundCancel",
        "refundCreate",
        "refundRefresh",
        "refundReject",
        "refundResolveDoubt",
        "refundRetry",
        "refundReturnToQueue",
        "refundSettleManually",
        "refundTakeManual",
        "refundTransferReturned",
    }
)
# Lists that take no `first` and hold less than a page: a mutation has one error, an account has few fields, and there
# are few permissions.
SIZES = {
    "alternatives": len(Instead),
    "candidates": 20,
    "costs": len(CostName),
    "against": 5,
    "examples": 5,
    "connectionIds": 50,
    "bankDays": 100,
    "countries": 20,
    "expectedBy": 2,
    "holds": 10,
    "needs": 10,
    "nextBy": 10,
    "settlementLimits": 17,
    "steps": 10,
    "cases": len(CaseName),
    "checks": len(CheckCode),
    "connectionFields": 20,
    "documents": 5,
    "differs": 20,
    "errors": 1,
    "findingLimits": 17,
    "amounts": 17,
    "outcomes": 1_000,
    "flags": 8,
    "inSomeStores": 20,
    "missingDocuments": 5,
    "nextStates": 8,
    "paymentInstruction": 10,
    "permissions": 25,
    "originals": 100,
    "rows": 100,
    "rulesVersions": 20,
    "taxDocuments": 100,
    "reversals": 100,
    "unread": 100,
}


@strawberry.type
class Query(
    AccessQuery,
    ApprovalQuery,
    AuditQuery,
    BankQuery,
    BooksQuery,
    ConnectionQuery,
    ExportQuery,
    FindingQuery,
    NightQuery,
    QuoteQuery,
    TaxQuery,
):
    @strawberry.field(description="Any object of yours by its id; null when there is none.")
    async def node(self, info: Info, id: relay.GlobalID) -> relay.Node | None:
        # Strawberry's own node field can be built into one schema only.
        return await nodes.resolve(info, id)

    @strawberry.field(description="One payment by its id or, on one of your connections, by the PSE's reference.")
    async def payment(
        self, info: Info, id: strawberry.ID | None = None, pse_reference: str | None = None
    ) -> Payment | None:
        return await payments.payment(info, id, pse_reference)

    @strawberry.field(description="Newest first. `first` is 1-100.")
    async def payments(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        pse_reference: str | None = None,
        order_reference: str | None = None,
    ) -> Connection[Payment]:
        query = await payments.payments_query(info.context.principal, pse_reference, order_reference)
        return await page(query, first, after, Payment.of)

    @strawberry.field(description="One refund by any of its handles: support starts here.")
    async def refund(self, info: Info, by: RefundBy) -> Refund | None:
        return await types.refund(info, by)

    @strawberry.field(description="Newest first. `first` is 1-100.")
    async def refunds(
        self, info: Info, first: int, after: str | None = None, filter: RefundFilter | None = None
    ) -> Connection[Refund]:
        return await page(types.refunds_query(info.context.principal, filter), first, after, Refund.of)

    @strawberry.field(description="The run of a connection's business date. Needs READ_LEDGER.")
    async def reconciliation_run(
        self, info: Info, connection_id: strawberry.ID, business_date: Date
    ) -> ReconciliationRun | None:
        return await reconciliation.reconciliation_run(info, connection_id, business_date)

    @strawberry.field(description="Newest first. `first` is 1-100. Needs READ_LEDGER.")
    async def reconciliation_runs(
        self, info: Info, first: int, after: str | None = None
    ) -> Connection[ReconciliationRun]:
        return await page(runs.readable(info.context.principal), first, after, ReconciliationRun.of)

    @strawberry.field(description="What each PSE can do for each method, with source and date.")
    def pse_capabilities(
        self, pse: str | None = None, method: Annotated[Method, PaymentMethod] | None = None
    ) -> list[PseCapability]:
        return pses.pse_capabilities(pse, method)

    @strawberry.field(description="What a PSE's code means; `locale` is en, zh-CN, es or pt-BR. Null: nobody knows it.")
    def pse_error_explanation(self, pse: str, code: str, locale: str = "en") -> PseErrorExplanation | None:
        return pses.pse_error_explanation(pse, code, locale)

    @strawberry.field(
        description="The trial balance, up to and including `until`. Never a part of it: where it has more rows than "
        "`first` (1-100), name a connection. Needs READ_LEDGER."
    )
    async def ledger_balances(
        self, info: Info, connection_id: strawberry.ID | None = None, until: Date | None = None, first: int = PAGE_MAX
    ) -> list[LedgerBalance]:
        return await ledger.balances(info, connection_id, until, bounded(first))


@strawberry.type
class Mutation(
    AccessMutation,
    ApprovalMutation,
    AuditMutation,
    BankMutation,
    BooksMutation,
    ConnectionMutation,
    ExportMutation,
    FindingMutation,
    NightMutation,
    QuoteMutation,
    TaxMutation,
):
    @strawberry.mutation(description="Make a captured payment known, so that it can be refunded.")
    async def payment_register(self, info: Info, input: PaymentRegisterInput) -> PaymentRegisterPayload:
        return await payments.payment_register(info, input)

    @strawberry.mutation(description="Take back a payment that was registered in error. Needs WITHDRAW_PAYMENT.")
    async def payment_withdraw(self, info: Info, input: PaymentWithdrawInput) -> PaymentWithdrawPayload:
        return await payments.payment_withdraw(info, input)

    @strawberry.mutation(
        description="Have the PSE asked once more whether it knows a payment that it contradicted, before the next "
        "refund of it leaves. Needs WITHDRAW_PAYMENT."
    )
    async def payment_ask_again(self, info: Info, input: PaymentAskAgainInput) -> PaymentAskAgainPayload:
        return await payments.payment_ask_again(info, input)

    @strawberry.mutation(description="Ask for a refund. The same key and input again gives the stored answer.")
    async def refund_create(self, info: Info, input: RefundCreateInput) -> RefundCreatePayload:
        return await mutations.refund_create(info, input)

    @strawberry.mutation(description="Withdraw a refund that was never sent.")
    async def refund_cancel(self, info: Info, input: RefundCancelInput) -> RefundCancelPayload:
        return await mutations.refund_cancel(info, input)

    @strawberry.mutation(
        description="Ask again for what a refund that ended unpaid asked for, as a new refund. Refused while as much "
        "of the payment has left that no refund accounts for: the customer may have the money."
    )
    async def refund_retry(self, info: Info, input: RefundRetryInput) -> RefundRetryPayload:
        return await mutations.refund_retry(info, input)

    @strawberry.mutation(description="Have the PSE asked about the refund now.")
    async def refund_refresh(self, info: Info, input: RefundRefreshInput) -> RefundRefreshPayload:
        return await mutations.refund_refresh(info, input)

    @strawberry.mutation(description="Say what happened to a refund in doubt; another person must say the same.")
    async def refund_resolve_doubt(self, info: Info, input: RefundResolveDoubtInput) -> RefundResolveDoubtPayload:
        return await mutations.refund_resolve_doubt(info, input)

    @strawberry.mutation(description="Name the account of a refund whose method has no way back.")
    async def destination_provide(self, info: Info, input: DestinationProvideInput) -> DestinationProvidePayload:
        return await destinations.destination_provide(info, input)

    @strawberry.mutation(description="A page on which the customer names the account; it works for 7 days.")
    async def destination_link_create(
        self, info: Info, input: DestinationLinkCreateInput
    ) -> DestinationLinkCreatePayload:
        return await destinations.destination_link_create(info, input)

    @strawberry.mutation(description="A second person's yes to a refund and to its destination. Needs APPROVE.")
    async def refund_approve(self, info: Info, input: RefundApproveInput) -> RefundDecisionPayload:
        return await destinations.refund_approve(info, input)

    @strawberry.mutation(description="A second person's no: the refund ends. Needs APPROVE.")
    async def refund_reject(self, info: Info, input: RefundRejectInput) -> RefundDecisionPayload:
        return await destinations.refund_reject(info, input)

    @strawberry.mutation(description="Take a refund that never reached the PSE off the wire. Needs SETTLE_MANUALLY.")
    async def refund_take_manual(self, info: Info, input: RefundTakeManualInput) -> RefundManualPayload:
        return await by_hand.refund_take_manual(info, input)

    @strawberry.mutation(
        description="Say with evidence that it was paid by hand. At or above the merchant's limit it takes a file, and "
        "another person who says the same. Needs SETTLE_MANUALLY."
    )
    async def refund_settle_manually(self, info: Info, input: RefundSettleManuallyInput) -> RefundSettleManuallyPayload:
        return await by_hand.refund_settle_manually(info, input)

    @strawberry.mutation(
        description="Say that the bank gave back the transfer that had paid it by hand. Needs SETTLE_MANUALLY, and "
        "another person than who settled it."
    )
    async def refund_transfer_returned(self, info: Info, input: RefundTransferReturnedInput) -> RefundManualPayload:
        return await by_hand.refund_transfer_returned(info, input)

    @strawberry.mutation(description="Return a refund that was not paid by hand to the queue. Needs SETTLE_MANUALLY.")
    async def refund_return_to_queue(self, info: Info, input: RefundReturnToQueueInput) -> RefundManualPayload:
        return await by_hand.refund_return_to_queue(info, input)


@strawberry.type
class Subscription(NightSubscription):
    @strawberry.subscription(
        metadata=LIVE,
        description="The refund's events behind `after`, then CaughtUpMessage, then live. At least once, in order; "
        "drop a sequence that you have. It completes when nothing more is expected.",
    )
    async def refund_events(
        self, info: Info, refund_id: strawberry.ID, after: str | None = None
    ) -> AsyncGenerator[RefundStreamMessage, None]:
        return await events.follow_refund(info, refund_id, after)

    @strawberry.subscription(
        metadata=LIVE,
        description="Every event of every refund of the merchant behind `after`, then CaughtUpMessage, then live, "
        "about a second behind. At least once, in order, without a gap; it does not complete.",
    )
    async def refunds_changed(self, info: Info, after: str | None = None) -> AsyncGenerator[RefundStreamMessage, None]:
        return await events.follow_merchant(info, after)

    @strawberry.subscription(
        description="A preflight or certification of yours, now and whenever something of it is new; it completes when "
        "the run has ended. Needs READ_CALLS."
    )
    async def onboarding_run(self, info: Info, id: strawberry.ID) -> AsyncGenerator[OnboardingRun, None]:
        async for run in await onboarding.follow_run(info, id):
            yield run


def make(*, introspection: bool = True) -> Schema:
    """The product's schema."""
    limits = Limits(moving_money=MOVING_MONEY, sizes=SIZES)
    documents = DocumentCache(limits, introspection=introspection, hidden=guard.hidden)
    made = build_schema(Query, Mutation, Subscription, types=[Finding, ReconciliationRun], documents=documents)
    guard.guard(made._schema)
    return made


def main() -> None:
    """Print the schema."""
    from api.graphql.schema_print import print_sorted

    print(print_sorted(make()), end="")


if __name__ == "__main__":
    main()
