"""The fields of refunds: schema.py has them beside the others."""

from collections.abc import AsyncGenerator

import strawberry

from api.graphql.context import Info
from api.graphql.refunds import by_hand, destinations, events, mutations, searched, types
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
from api.graphql.refunds.figures import RefundFigures, refund_figures
from api.graphql.refunds.filters import RefundFilter, RefundsSummary, refunds_query, refunds_summary
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
from api.graphql.refunds.searched import SearchResult
from api.graphql.refunds.types import Refund, RefundBy
from api.graphql.transport.live import LIVE
from api.graphql.transport.paging import Connection, page


@strawberry.type
class RefundQuery:
    @strawberry.field(description="One refund by any of its handles: support starts here.")
    async def refund(self, info: Info, by: RefundBy) -> Refund | None:
        return await types.refund(info, by)

    @strawberry.field(description="Newest first. `first` is 1-100.")
    async def refunds(
        self, info: Info, first: int, after: str | None = None, filter: RefundFilter | None = None
    ) -> Connection[Refund]:
        return await page(await refunds_query(info.context.principal, filter), first, after, Refund.of)

    @strawberry.field(
        description="Whatever a text names exactly: a refund's request ID, reference (ours or the PSE's) or "
        "idempotency key, a payment's reference or order, a customer's tax ID. `first` is 1-100."
    )
    async def search(self, info: Info, text: str, first: int = 20) -> SearchResult:
        return await searched.search(info, text, first)

    @strawberry.field(
        description="How refunds go: by state, and by PSE and method, of what ended in the last 30 days and what is "
        "under way. Needs READ."
    )
    async def refund_figures(self, info: Info) -> RefundFigures:
        return await refund_figures(info)

    @strawberry.field(description="How many refunds a filter leaves, and what they come to, of the newest 10000.")
    async def refunds_summary(self, info: Info, filter: RefundFilter | None = None) -> RefundsSummary:
        return await refunds_summary(info, filter)


@strawberry.type
class RefundMutation:
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
class RefundSubscription:
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
