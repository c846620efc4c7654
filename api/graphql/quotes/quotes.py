"""Asking what a refund would cost."""

from typing import Annotated

import strawberry

from api.graphql.approvals.preview import ApprovalPreview, shown
from api.graphql.context import Info
from api.graphql.refunds.costs import RefundQuote
from api.graphql.refunds.filters import RefundReason
from api.graphql.transport import ids
from api.graphql.transport.answering import foretelling
from api.graphql.transport.errors import RefundQuoteError
from api.graphql.transport.scalars import MoneyInput
from domain.models.refunds import Reason
from domain.quotes import quotes
from domain.refunds.request import NewRefund


@strawberry.input(description="Of which payment, and how much.")
class RefundQuoteInput:
    payment_id: strawberry.ID
    amount: MoneyInput | None = strawberry.field(default=None, description="Left out: everything still refundable.")
    reason: Annotated[Reason, RefundReason] = strawberry.field(
        default=Reason.CUSTOMER_REQUEST, description="Rules of approval may ask for it."
    )

    def parsed(self) -> NewRefund:
        """What would be asked for. Raises InvalidInput."""
        return NewRefund(
            payment_id=ids.decode(self.payment_id, "Payment", ["input", "paymentId"]),
            amount=self.amount.parsed(["input", "amount"]) if self.amount else None,
            reason=self.reason,
        )


@strawberry.type(description="`quote` and `approval` are null exactly when `errors` is not empty.")
class RefundQuotePayload:
    quote: RefundQuote | None
    approval: ApprovalPreview | None = strawberry.field(description="As approvalPreview has it.")
    errors: list[RefundQuoteError]
    request_id: str


@foretelling(RefundQuotePayload)
async def refund_quote(info: Info, input: RefundQuoteInput) -> RefundQuotePayload:
    """What it would cost now; why it cannot be refunded so is a typed error."""
    context = info.context
    found = await quotes.quote(context.principal, input.parsed(), context.cause)
    quote, approval = RefundQuote.of(found.quote), shown(found.preview, context.principal)
    return RefundQuotePayload(quote=quote, approval=approval, errors=[], request_id=context.request_id)
