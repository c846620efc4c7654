"""The manual way: a refund is taken off the wire, paid by a person, and settled with evidence."""

import base64
import binascii
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.refunds.types import Refund
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import DecisionError
from api.graphql.transport.scalars import Date
from domain.models import Refund as Row
from domain.problems import InvalidInput
from domain.refunds import by_hand
from domain.refunds.by_hand import Evidence, Way

WayEnum = strawberry.enum(Way, name="ManualWay", description="How a person paid.")


@strawberry.input
class RefundTakeManualInput:
    refund_id: strawberry.ID
    reason: str = strawberry.field(description="5-500 characters.")


@strawberry.input
class RefundReturnToQueueInput:
    refund_id: strawberry.ID
    reason: str = strawberry.field(description="Why it was not paid by hand; 5-500 characters.")


@strawberry.input
class RefundSettleManuallyInput:
    refund_id: strawberry.ID
    way: Annotated[Way, WayEnum]
    reference: str = strawberry.field(description="Of the transfer; at the PSE, its reference of the refund.")
    paid_on: Date = strawberry.field(description="In the merchant's zone.")
    file_name: str | None = None
    file_content: str | None = strawberry.field(
        default=None, description="PDF, PNG or JPEG in base64; at most 512 KiB."
    )


@strawberry.input
class RefundTransferReturnedInput:
    refund_id: strawberry.ID
    reason: str = strawberry.field(description="What the bank said; 5-500 characters.")


@strawberry.type
class RefundManualPayload:
    refund: Refund | None
    errors: list[DecisionError]
    request_id: str


@strawberry.type(description="At or above the merchant's limit two people say the same, the first with a file.")
class RefundSettleManuallyPayload:
    refund: Refund | None
    errors: list[DecisionError]
    request_id: str
    confirmed: bool = strawberry.field(description="False: another person must still say the same.")


@answering(RefundManualPayload)
async def refund_take_manual(info: Info, input: RefundTakeManualInput) -> RefundManualPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    return _done(info, await by_hand.take(context.principal, refund_id, input.reason, context.cause))


@answering(RefundManualPayload)
async def refund_return_to_queue(info: Info, input: RefundReturnToQueueInput) -> RefundManualPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    return _done(info, await by_hand.give_back(context.principal, refund_id, input.reason, context.cause))


@answering(RefundSettleManuallyPayload)
async def refund_settle_manually(info: Info, input: RefundSettleManuallyInput) -> RefundSettleManuallyPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    evidence = Evidence(input.way, input.reference, input.paid_on, input.file_name, _content(input.file_content))
    done = await by_hand.settle(context.principal, refund_id, evidence, context.cause)
    return RefundSettleManuallyPayload(
        refund=Refund.of(done.refund), errors=[], request_id=context.request_id, confirmed=done.confirmed
    )


@answering(RefundManualPayload)
async def refund_transfer_returned(info: Info, input: RefundTransferReturnedInput) -> RefundManualPayload:
    context = info.context
    refund_id = ids.decode(input.refund_id, "Refund", ["input", "refundId"])
    return _done(info, await by_hand.transfer_returned(context.principal, refund_id, input.reason, context.cause))


def _content(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("fileContent is no base64.", path=["input", "fileContent"]) from error


def _done(info: Info, row: Row) -> RefundManualPayload:
    return RefundManualPayload(refund=Refund.of(row), errors=[], request_id=info.context.request_id)
