"""Shops connected, changed, paused, retired; their refunds matched and dismissed by people."""

from typing import Annotated

import strawberry

from api.graphql.connections.mutations import ConnectionFieldInput, values_of
from api.graphql.context import Info
from api.graphql.shops.refund_types import ShopRefund
from api.graphql.shops.types import KindEnum, Shop, ShopCheck
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import ShopError, ShopRefundError
from api.graphql.transport.scalars import DateTime, MoneyInput
from domain.commerce import checks, shops, waiting
from domain.commerce.shops import NewShop
from domain.commerce.vocabulary import ShopKind
from domain.platform import bell


@strawberry.input
class ShopConnectInput:
    kind: Annotated[ShopKind, KindEnum]
    name: str = strawberry.field(description="Yours, unique among your shops.")
    store_code: str = strawberry.field(description="Only payments of this store are refunded for the shop.")
    fields: list[ConnectionFieldInput] = strawberry.field(
        description="What `shopFields` lists. Secrets are sealed at once and given to nobody again."
    )
    idempotency_key: str


@strawberry.input
class ShopChangeInput:
    shop_id: strawberry.ID
    fields: list[ConnectionFieldInput] = strawberry.field(
        description="Those that change alone; an empty text takes one away that is optional."
    )
    old_valid_until: DateTime | None = strawberry.field(
        default=None,
        description="Until when what is signed with replaced secrets is believed; left out: no longer.",
    )
    end_old_secrets: bool = strawberry.field(
        default=False,
        description="True: secrets that were replaced before are not believed any more, from now on.",
    )


@strawberry.input
class ShopStepInput:
    shop_id: strawberry.ID


@strawberry.input
class ShopRefundMatchInput:
    shop_refund_id: strawberry.ID
    payment_id: strawberry.ID | None = strawberry.field(
        default=None, description="Refund this payment of the shop's store, by all the usual rules."
    )
    refund_id: strawberry.ID | None = strawberry.field(
        default=None, description="Or: this refund is it already; nothing more is paid."
    )
    amount: MoneyInput | None = strawberry.field(default=None, description="Where the shop's own amount is unclear.")
    note: str = strawberry.field(description="5-500 characters.")


@strawberry.input
class ShopRefundDismissInput:
    shop_refund_id: strawberry.ID
    note: str = strawberry.field(description="5-500 characters.")


@strawberry.type(description="`shop` is null exactly when `errors` is not empty.")
class ShopPayload:
    shop: Shop | None
    errors: list[ShopError]
    request_id: str


@strawberry.type(description="`check` is null exactly when `errors` is not empty.")
class ShopCheckPayload:
    check: ShopCheck | None
    errors: list[ShopError]
    request_id: str


@strawberry.type(description="`shopRefund` is null exactly when `errors` is not empty.")
class ShopRefundPayload:
    shop_refund: ShopRefund | None
    errors: list[ShopRefundError]
    request_id: str


@answering(ShopPayload)
async def shop_connect(info: Info, input: ShopConnectInput) -> ShopPayload:
    context = info.context
    new = NewShop(input.kind, input.name, input.store_code, values_of(input.fields))
    settings = context.settings
    made = await shops.connect(
        context.principal, new, input.idempotency_key, context.cause, settings.secret_key, settings.shops_max
    )
    return ShopPayload(shop=Shop.of(made), errors=[], request_id=context.request_id)


@answering(ShopPayload)
async def shop_change(info: Info, input: ShopChangeInput) -> ShopPayload:
    context, shop_id = info.context, ids.uuid_of(input.shop_id, ["input", "shopId"])
    until, key = input.old_valid_until, context.settings.secret_key
    values, ends = values_of(input.fields), input.end_old_secrets
    made = await shops.change(context.principal, shop_id, values, until, context.cause, key, end_old=ends)
    return ShopPayload(shop=Shop.of(made), errors=[], request_id=context.request_id)


@answering(ShopPayload)
async def shop_step(info: Info, input: ShopStepInput) -> ShopPayload:
    """Of `shopPause`, `shopResume` and `shopRetire`."""
    context, shop_id = info.context, ids.uuid_of(input.shop_id, ["input", "shopId"])
    made = await shops.step(context.principal, shop_id, info.field_name, context.cause)
    return ShopPayload(shop=Shop.of(made), errors=[], request_id=context.request_id)


@answering(ShopCheckPayload)
async def shop_preflight(info: Info, input: ShopStepInput) -> ShopCheckPayload:
    context, shop_id = info.context, ids.uuid_of(input.shop_id, ["input", "shopId"])
    run = await checks.ask_for(context.principal, shop_id, context.cause)
    await bell.ring(bell.SHOP_CHECK, run.id)
    return ShopCheckPayload(check=ShopCheck.of(run), errors=[], request_id=context.request_id)


@answering(ShopRefundPayload)
async def shop_refund_match(info: Info, input: ShopRefundMatchInput) -> ShopRefundPayload:
    context = info.context
    row = await waiting.match(
        context.principal,
        ids.uuid_of(input.shop_refund_id, ["input", "shopRefundId"]),
        ids.decode(input.payment_id, "Payment", ["input", "paymentId"]) if input.payment_id else None,
        ids.decode(input.refund_id, "Refund", ["input", "refundId"]) if input.refund_id else None,
        input.amount.parsed(["input", "amount"]) if input.amount else None,
        input.note,
        context.cause,
    )
    return ShopRefundPayload(shop_refund=ShopRefund.of(row), errors=[], request_id=context.request_id)


@answering(ShopRefundPayload)
async def shop_refund_dismiss(info: Info, input: ShopRefundDismissInput) -> ShopRefundPayload:
    context = info.context
    row_id = ids.uuid_of(input.shop_refund_id, ["input", "shopRefundId"])
    row = await waiting.dismiss(context.principal, row_id, input.note, context.cause)
    return ShopRefundPayload(shop_refund=ShopRefund.of(row), errors=[], request_id=context.request_id)
