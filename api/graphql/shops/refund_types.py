"""A refund as a shop knows it, as it is read."""

from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.spoken.told import told
from api.graphql.transport.scalars import DateTime, Money
from domain.commerce import find
from domain.commerce.vocabulary import Why
from domain.models import ShopRefund as RefundRow
from domain.models.shops import ShopRefundOrigin, ShopRefundState
from domain.money import Money as Amount

OriginEnum = strawberry.enum(
    ShopRefundOrigin,
    name="ShopRefundOrigin",
    description="The shop told it, asked for it and waits, or it began here (OURS).",
)
RefundStateEnum = strawberry.enum(
    ShopRefundState,
    name="ShopRefundState",
    description="RECEIVED: not worked out yet. WAITING: for a person. LINKED: a refund stands for it. DISMISSED: none.",
)
WhyEnum = strawberry.enum(Why, name="ShopRefundWaiting", description="Why a person must look.")


@strawberry.type(description="A refund as a shop knows it, the one that was made of it, and what the shop was told.")
class ShopRefund:
    id: strawberry.ID
    shop_id: strawberry.ID
    origin: Annotated[ShopRefundOrigin, OriginEnum]
    name: str | None = strawberry.field(description="The shop's own id of it; null: it is not recorded there yet.")
    order_reference: str | None
    order_number: str | None
    amount: Money | None = strawberry.field(description="As the shop said; null: all that is left, or unclear.")
    state: Annotated[ShopRefundState, RefundStateEnum]
    waits_since: DateTime | None = strawberry.field(description="Since when a person is waited for.")
    why: Annotated[Why, WhyEnum] | None
    because: str | None = told()
    payment_id: strawberry.ID | None
    refund_id: strawberry.ID | None
    told_state: str | None = strawberry.field(
        description="The last that the shop was told; NO_ORDER: nothing, for it has no such order."
    )
    told_at: DateTime | None
    told_detail: str | None = told()
    decided_by: str | None
    decided_at: DateTime | None
    decision: str | None
    request_id: str
    created_at: DateTime

    @strawberry.field(description="What your people call the shop.")
    async def shop_name(self, info: Info) -> str:
        return await info.context.loaders.one(find.names_of, UUID(self.shop_id)) or ""

    @classmethod
    def of(cls, row: RefundRow) -> "ShopRefund":
        payment, refund = row.payment_id, row.refund_id
        return cls(
            id=strawberry.ID(str(row.id)),
            shop_id=strawberry.ID(str(row.shop_id)),
            origin=row.origin,
            name=row.name,
            order_reference=row.order_reference,
            order_number=row.order_number,
            amount=Money.of(Amount(row.amount, row.currency)) if row.amount and row.currency else None,
            state=row.state,
            waits_since=DateTime(row.waits_since) if row.waits_since else None,
            why=Why(row.why) if row.why else None,
            because=row.because,
            payment_id=strawberry.ID(to_base64("Payment", str(payment))) if payment else None,
            refund_id=strawberry.ID(to_base64("Refund", str(refund))) if refund else None,
            told_state=row.told_state,
            told_at=DateTime(row.told_at) if row.told_at else None,
            told_detail=row.told_detail,
            decided_by=row.decided_by,
            decided_at=DateTime(row.decided_at) if row.decided_at else None,
            decision=row.decision,
            request_id=row.request_id,
            created_at=DateTime(row.created_at),
        )
