"""The schema: the fields of all nouns. `python -m api.graphql.schema` prints it, sorted in print only."""

from collections.abc import AsyncGenerator
from functools import cache
from typing import Annotated

import strawberry
from strawberry import relay

from api.graphql import ledger, nodes, onboarding, pses, reconciliation
from api.graphql.access import guard
from api.graphql.access.fields import AccessMutation, AccessQuery
from api.graphql.alerts.fields import AlertMutation, AlertQuery
from api.graphql.approvals.fields import ApprovalMutation, ApprovalQuery
from api.graphql.audit import AuditMutation, AuditQuery
from api.graphql.bank.fields import BankMutation, BankQuery
from api.graphql.batches.fields import BatchMutation, BatchQuery, BatchSubscription
from api.graphql.books.fields import BooksMutation, BooksQuery
from api.graphql.connections.fields import ConnectionMutation, ConnectionQuery
from api.graphql.context import Info
from api.graphql.deliveries.fields import DeliveryMutation, DeliveryQuery
from api.graphql.described import describe
from api.graphql.exports.fields import ExportMutation, ExportQuery
from api.graphql.findings.fields import FindingMutation, FindingQuery
from api.graphql.findings.live import FindingSubscription
from api.graphql.findings.types import Finding
from api.graphql.ledger import LedgerBalance
from api.graphql.nights.fields import NightMutation, NightQuery, NightSubscription
from api.graphql.onboarding import OnboardingRun
from api.graphql.payment_fields import PaymentMutation, PaymentQuery
from api.graphql.payments import PaymentMethod
from api.graphql.pses import PseCapability, PseErrorExplanation
from api.graphql.quotes.fields import QuoteMutation, QuoteQuery
from api.graphql.reconciliation import ReconciliationRun
from api.graphql.refunds.fields import RefundMutation, RefundQuery, RefundSubscription
from api.graphql.shops.fields import ShopMutation, ShopQuery
from api.graphql.spoken.languages import locale_of
from api.graphql.taxes.fields import TaxMutation, TaxQuery
from api.graphql.transport.documents import DocumentCache
from api.graphql.transport.extensions import Schema, build_schema
from api.graphql.transport.limits import Limits
from api.graphql.transport.paging import PAGE_MAX, Connection, bounded, page
from api.graphql.transport.scalars import Date
from api.graphql.usage.fields import UsageMutation, UsageQuery
from domain.bank.find import REWORDINGS_MAX
from domain.bank.together import OTHERS_MAX, SHOWN_MAX
from domain.deliveries.catalogue import TYPES
from domain.findings.figures import AGES
from domain.models.refunds import State
from domain.onboarding.certification import CaseName
from domain.pse.checking import CheckCode
from domain.pse.vocabulary import Method
from domain.quotes.figures import CostName, Instead
from domain.reconciliation import find as runs

MOVING_MONEY = frozenset(
    {
        "batchConfirm",
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
        "shopRefundMatch",
    }
)
# Lists that take no `first` and hold less than a page: a mutation has one error, an account has few fields, and there
# are few permissions.
SIZES = {
    "ages": len(AGES),
    "alternatives": len(Instead),
    "subjects": 20,
    "endpointIds": 50,
    "nextIds": 50,
    "lastIds": 50,
    "bookings": 4,
    "fields": 30,
    "states": len(State),
    "ways": 100,
    "candidates": 20,
    "rewordings": REWORDINGS_MAX,
    "shares": SHOWN_MAX,
    "others": OTHERS_MAX,
    "costs": len(CostName),
    "against": 5,
    "examples": 5,
    "connectionIds": 50,
    "bankDays": 100,
    "books": 50,
    "lines": 50,
    "unconfirmed": 100,
    "countries": 20,
    "expectedBy": 2,
    "holds": 10,
    "needs": 10,
    "nextBy": 10,
    "settlementLimits": 17,
    "shopFields": 20,
    "options": 20,
    "steps": 10,
    "cases": len(CaseName),
    "checks": len(CheckCode),
    "connectionFields": 20,
    "documents": 5,
    "eventTypes": len(TYPES),
    "types": 60,
    "egressIps": 100,
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
    "results": 5,
    "rows": 100,
    "rulesVersions": 20,
    "taxDocuments": 100,
    "reversals": 100,
    "sums": 17,
    "totals": 100,
    "quotas": 4,
    "months": 60,
    "usagePlans": 10,
    "used": 4,
    "unread": 100,
}
# Each counts up to 10,001 rows.
WEIGHTS = {"totalCount": 100, "totalCountExceeded": 100}


@strawberry.type
class Query(
    AccessQuery,
    AlertQuery,
    ApprovalQuery,
    AuditQuery,
    BankQuery,
    BatchQuery,
    BooksQuery,
    ConnectionQuery,
    DeliveryQuery,
    ExportQuery,
    FindingQuery,
    NightQuery,
    PaymentQuery,
    QuoteQuery,
    RefundQuery,
    ShopQuery,
    TaxQuery,
    UsageQuery,
):
    @strawberry.field(description="Any object of yours by its id; null when there is none.")
    async def node(self, info: Info, id: relay.GlobalID) -> relay.Node | None:
        # Strawberry's own node field can be built into one schema only.
        return await nodes.resolve(info, id)

    @strawberry.field(
        description="Objects of yours by their ids, in the order of the ids, at most 100; null for each that there is "
        "none of."
    )
    async def nodes(self, info: Info, ids: list[relay.GlobalID]) -> list[relay.Node | None]:
        return await nodes.resolve_all(info, ids)

    @strawberry.field(description="The run of a connection's business date. Needs READ_LEDGER.")
    async def reconciliation_run(
        self, info: Info, connection_id: strawberry.ID, business_date: Date
    ) -> ReconciliationRun | None:
        return await reconciliation.reconciliation_run(info, connection_id, business_date)

    @strawberry.field(description="The last begun first. `first` is 1-100. Needs READ_LEDGER.")
    async def reconciliation_runs(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        filter: reconciliation.ReconciliationRunFilter | None = None,
    ) -> Connection[ReconciliationRun]:
        query = reconciliation.narrowed(runs.readable(info.context.principal), filter)
        return await page(query, first, after, ReconciliationRun.of)

    @strawberry.field(description="What each PSE can do for each method, with source and date.")
    def pse_capabilities(
        self, pse: str | None = None, method: Annotated[Method, PaymentMethod] | None = None
    ) -> list[PseCapability]:
        return pses.pse_capabilities(pse, method)

    @strawberry.field(
        description="What a PSE's code, or one of Estorno's own, means; `locale` is en, zh-CN, es or pt-BR, else what "
        "Accept-Language asks for. Null: nobody knows it."
    )
    def pse_error_explanation(self, pse: str, code: str, locale: str | None = None) -> PseErrorExplanation | None:
        return pses.pse_error_explanation(pse, code, locale_of(locale))

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
    AlertMutation,
    ApprovalMutation,
    AuditMutation,
    BankMutation,
    BatchMutation,
    BooksMutation,
    ConnectionMutation,
    DeliveryMutation,
    ExportMutation,
    FindingMutation,
    NightMutation,
    PaymentMutation,
    QuoteMutation,
    RefundMutation,
    ShopMutation,
    TaxMutation,
    UsageMutation,
):
    pass


@strawberry.type
class Subscription(BatchSubscription, NightSubscription, FindingSubscription, RefundSubscription):
    @strawberry.subscription(
        description="A preflight or certification of yours, now and whenever something of it is new; it completes when "
        "the run has ended. Needs READ_CALLS."
    )
    async def onboarding_run(self, info: Info, id: strawberry.ID) -> AsyncGenerator[OnboardingRun, None]:
        async for run in await onboarding.follow_run(info, id):
            yield run


def make(*, introspection: bool = True) -> Schema:
    """The product's schema. Each remembers documents of its own."""
    limits = Limits(moving_money=MOVING_MONEY, sizes=SIZES, weights=WEIGHTS)
    return _types().remembering(DocumentCache(limits, introspection=introspection, hidden=guard.hidden))


@cache
def _types() -> Schema:
    """Its types, guarded: the same for all of a process, because to build them takes a tenth of a second."""
    made = build_schema(Query, Mutation, Subscription, types=[Finding, ReconciliationRun])
    guard.guard(made._schema)
    describe(made._schema)
    return made


def main() -> None:
    """Print the schema."""
    from api.graphql.schema_print import print_sorted

    print(print_sorted(make()), end="")


if __name__ == "__main__":
    main()
