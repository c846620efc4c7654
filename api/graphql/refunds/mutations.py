"""How a refund is asked for, withdrawn, tried again, refreshed and resolved."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.refunds.destination import DestinationInput
from api.graphql.refunds.filters import RefundReason
from api.graphql.refunds.types import Refund
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import (
    RefundCancelError,
    RefundCreateError,
    RefundRefreshError,
    RefundResolveDoubtError,
    RefundRetryError,
)
from api.graphql.transport.scalars import MoneyInput
from domain.models.refunds import Reason
from domain.refunds import doubt, refresh, request, withdraw
from domain.refunds.doubt import Verdict
from domain.refunds.request import NewRefund

DoubtVerdictEnum = strawberry.enum(Verdict, name="DoubtVerdict", description="What happened to a refund in doubt.")


@strawberry.input
class RefundCreateInput:
    payment_id: strawberry.ID
    amount: MoneyInput | None = strawberry.field(default=None, description="Left out: everything still refundable.")
    reason: Annotated[Reason, RefundReason]
    destination: DestinationInput | None = strawberry.field(
        default=None, description="Where the method has no way back; left out: the refund waits for it."
    )
    note: str | None = strawberry.field(default=None, description="At most 140 characters; the payer may see it.")
    idempotency_key: str = strawberry.field(
        description="16-255 printable characters without spaces, such as crypto.randomUUID(). Make one for each "
        "click that means a new refund; keep it, with the whole input, until an answer has come, also "
        "over a reload. Sent again with the same input it is the same refund (`replayed`), however long"
        " ago; with another input it is refused as IDEMPOTENCY_KEY_REUSED. It is yours alone: another "
        "merchant's key never meets it."
    )

    def parsed(self) -> NewRefund:
        """What is asked for. Raises InvalidInput."""
        return NewRefund(
            payment_id=ids.decode(self.payment_id, "Payment", ["input", "paymentId"]),
            amount=self.amount.parsed(["input", "amount"]) if self.amount else None,
            reason=self.reason,
            note=self.note,
            destination=self.destination.given() if self.destination else None,
        )


@strawberry.input
class RefundCancelInput:
    refund_id: strawberry.ID
    expected_sequence: int | None = strawberry.field(default=None, description="Refuse if the refund has moved on.")
    idempotency_key: str


@strawberry.input
class RefundRetryInput:
    refund_id: strawberry.ID
    idempotency_key: str


@strawberry.input
class RefundRefreshInput:
    refund_id: strawberry.ID


@strawberry.input
class RefundResolveDoubtInput:
    refund_id: strawberry.ID
    verdict: Annotated[Verdict, DoubtVerdictEnum]
    evidence: str = strawberry.field(description="Where you looked and what it said; 10-1000 characters.")
    pse_reference: str | None = strawberry.field(
        default=None,
        description="PAID: what the PSE calls the refund, so that its report is known. Both name the same.",
    )


@strawberry.type(description="`refund` is null exactly when `errors` is not empty.")
class RefundCreatePayload:
    refund: Refund | None
    errors: list[RefundCreateError]
    request_id: str
    replayed: bool


@strawberry.type
class RefundCancelPayload:
    refund: Refund | None
    errors: list[RefundCancelError]
    request_id: str
    replayed: bool


@strawberry.type
class RefundRetryPayload:
    refund: Refund | None
    errors: list[RefundRetryError]
    request_id: str
    replayed: bool


@strawberry.type(description="The PSE is being asked; follow the refund to hear its answer.")
class RefundRefreshPayload:
    refund: Refund | None
    errors: list[RefundRefreshError]
    request_id: str


@strawberry.type
class RefundResolveDoubtPayload:
    refund: Refund | None
    errors: list[RefundResolveDoubtError]
    request_id: str
    confirmed: bool = strawberry.field(description="False: another person must still say the same.")


@answering(RefundCreatePayload)
async def refund_create(info: Info, input: RefundCreateInput) -> RefundCreatePayload:
    context = info.context
    secret = context.settings.secret_key
    done = await request.request(context.principal, input.parsed(), input.idempotency_key, context.cause, secret)
    return RefundCreatePayload(
        refund=Refund.of(done.refund), errors=[], request_id=context.request_id, replayed=done.replayed
    )


@answering(RefundCancelPayload)
async def refund_cancel(info: Info, input: RefundCancelInput) -> RefundCancelPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    key = input.idempotency_key
    done = await withdraw.cancel(
        context.principal,
        refund_id,
        input.expected_sequence,
        key,
        context.cause,
    )
    return RefundCancelPayload(
        refund=Refund.of(done.refund), errors=[], request_id=context.request_id, replayed=done.replayed
    )


@answering(RefundRetryPayload)
async def refund_retry(info: Info, input: RefundRetryInput) -> RefundRetryPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    done = await request.retry(context.principal, refund_id, input.idempotency_key, context.cause)
    return RefundRetryPayload(
        refund=Refund.of(done.refund), errors=[], request_id=context.request_id, replayed=done.replayed
    )


@answering(RefundRefreshPayload)
async def refund_refresh(info: Info, input: RefundRefreshInput) -> RefundRefreshPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    row = await refresh.refresh(context.principal, refund_id, context.principal.token_id, context.cause)
    return RefundRefreshPayload(refund=Refund.of(row), errors=[], request_id=context.request_id)


@answering(RefundResolveDoubtPayload)
async def refund_resolve_doubt(info: Info, input: RefundResolveDoubtInput) -> RefundResolveDoubtPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    name = input.pse_reference
    done = await doubt.resolve(context.principal, refund_id, input.verdict, input.evidence, context.cause, name)
    return RefundResolveDoubtPayload(
        refund=Refund.of(done.refund), errors=[], request_id=context.request_id, confirmed=done.confirmed
    )
