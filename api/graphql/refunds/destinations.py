"""Where a refund goes when there is no way back: how it is named, shown and approved."""

import strawberry

from api.graphql.context import Info
from api.graphql.refunds.destination import DestinationInput
from api.graphql.refunds.types import Refund
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import DecisionError, DestinationLinkCreateError, DestinationProvideError
from api.graphql.transport.scalars import DateTime, MoneyInput
from domain.problems import InvalidInput
from domain.refunds.approvals import decide as approvals
from domain.refunds.destination import destinations, links


@strawberry.input
class DestinationProvideInput:
    refund_id: strawberry.ID
    destination: DestinationInput
    idempotency_key: str


@strawberry.type
class DestinationProvidePayload:
    refund: Refund | None
    errors: list[DestinationProvideError]
    request_id: str
    replayed: bool


@strawberry.input
class DestinationLinkCreateInput:
    refund_id: strawberry.ID


@strawberry.type(description="`url` is told this once; a new link closes the one before.")
class DestinationLinkCreatePayload:
    url: str | None
    expires_at: DateTime | None
    errors: list[DestinationLinkCreateError]
    request_id: str


@strawberry.input
class RefundApproveInput:
    refund_id: strawberry.ID
    destination_fingerprint: str | None = strawberry.field(
        default=None, description="Of the destination that you saw; left out where the money goes back as it came."
    )
    amount: MoneyInput | None = strawberry.field(default=None, description="What you saw; refused if it is another.")
    note: str | None = None


@strawberry.input
class RefundRejectInput:
    refund_id: strawberry.ID
    note: str = strawberry.field(description="Why, for the one who asked.")


@strawberry.type
class RefundDecisionPayload:
    refund: Refund | None
    errors: list[DecisionError]
    request_id: str


@answering(DestinationProvidePayload)
async def destination_provide(info: Info, input: DestinationProvideInput) -> DestinationProvidePayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    row, replayed = await destinations.provide(
        context.principal,
        refund_id,
        input.destination.given(),
        input.idempotency_key,
        context.cause,
        context.settings.secret_key,
    )
    return DestinationProvidePayload(refund=Refund.of(row), errors=[], request_id=context.request_id, replayed=replayed)


@answering(DestinationLinkCreatePayload)
async def destination_link_create(info: Info, input: DestinationLinkCreateInput) -> DestinationLinkCreatePayload:
    context = info.context
    if not context.settings.public_url:
        raise InvalidInput("No customer can reach this API: set ESTORNO_PUBLIC_URL to its public address.")
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    made = await links.create(context.principal, refund_id, context.cause)
    return DestinationLinkCreatePayload(
        url=f"{context.settings.public_url.rstrip('/')}/refund-destination/{made.token}",
        expires_at=DateTime(made.expires_at),
        errors=[],
        request_id=context.request_id,
    )


@answering(RefundDecisionPayload)
async def refund_approve(info: Info, input: RefundApproveInput) -> RefundDecisionPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    row = await approvals.approve(
        context.principal,
        refund_id,
        input.destination_fingerprint,
        input.note,
        context.cause,
        input.amount.parsed(["input", "amount"]) if input.amount else None,
    )
    return RefundDecisionPayload(refund=Refund.of(row), errors=[], request_id=context.request_id)


@answering(RefundDecisionPayload)
async def refund_reject(info: Info, input: RefundRejectInput) -> RefundDecisionPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    row = await approvals.reject(context.principal, refund_id, input.note, context.cause)
    return RefundDecisionPayload(refund=Refund.of(row), errors=[], request_id=context.request_id)
