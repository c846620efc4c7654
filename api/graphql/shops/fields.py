"""The fields of shops: schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql.connections.types import ConnectionField
from api.graphql.context import Info
from api.graphql.shops import mutations
from api.graphql.shops.mutations import (
    ShopChangeInput,
    ShopCheckPayload,
    ShopConnectInput,
    ShopPayload,
    ShopRefundDismissInput,
    ShopRefundMatchInput,
    ShopRefundPayload,
    ShopStepInput,
)
from api.graphql.shops.refund_types import ShopRefund
from api.graphql.shops.types import KindEnum, Shop, ShopCall, ShopCheck, ShopNotice, fields_of
from api.graphql.transport import ids
from api.graphql.transport.narrowed import amounts, own_days
from api.graphql.transport.paging import Connection, page
from api.graphql.transport.scalars import Date, MoneyInput
from domain.commerce import checks, find, shops, waiting
from domain.commerce.vocabulary import ShopKind


@strawberry.type
class ShopQuery:
    @strawberry.field(description="What a shop of a kind is made of, in the order in which to ask for it.")
    def shop_fields(self, kind: Annotated[ShopKind, KindEnum]) -> list[ConnectionField]:
        return fields_of(kind)

    @strawberry.field(description="One of your shops.")
    async def shop(self, info: Info, id: strawberry.ID) -> Shop | None:
        row = await shops.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Shop.of(row) if row else None

    @strawberry.field(description="Your shops and ERPs, newest first. `first` is 1-100.")
    async def shops(self, info: Info, first: int, after: str | None = None) -> Connection[Shop]:
        return await page(shops.readable(info.context.principal), first, after, Shop.of)

    @strawberry.field(description="A shop's preflights, newest first. `first` is 1-100. Needs READ_CALLS.")
    async def shop_checks(
        self, info: Info, shop_id: strawberry.ID, first: int, after: str | None = None
    ) -> Connection[ShopCheck]:
        query = checks.readable(info.context.principal).filter(shop_id=ids.uuid_of(shop_id, ["shopId"]))
        return await page(query, first, after, ShopCheck.of)

    @strawberry.field(description="What shops said, newest first. `first` is 1-100. Needs READ_CALLS.")
    async def shop_notices(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        shop_id: strawberry.ID | None = None,
        since: Date | None = None,
        until: Date | None = None,
    ) -> Connection[ShopNotice]:
        principal = info.context.principal
        query = waiting.notices(principal).filter(**await own_days(principal, since, until, "received_at"))
        if shop_id is not None:
            query = query.filter(shop_id=ids.uuid_of(shop_id, ["shopId"]))
        return await page(query, first, after, ShopNotice.of, moment="received_at")

    @strawberry.field(
        description="What shops were asked and told, newest first, redacted. `first` is 1-100. Needs READ_CALLS."
    )
    async def shop_calls(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        shop_id: strawberry.ID | None = None,
        shop_refund_id: strawberry.ID | None = None,
        since: Date | None = None,
        until: Date | None = None,
    ) -> Connection[ShopCall]:
        principal = info.context.principal
        query = find.calls(principal).filter(**await own_days(principal, since, until, "sent_at"))
        if shop_id is not None:
            query = query.filter(shop_id=ids.uuid_of(shop_id, ["shopId"]))
        if shop_refund_id is not None:
            query = query.filter(shop_refund_id=ids.uuid_of(shop_refund_id, ["shopRefundId"]))
        return await page(query, first, after, ShopCall.of, moment="sent_at")

    @strawberry.field(description="One refund as a shop of yours knows it.")
    async def shop_refund(self, info: Info, id: strawberry.ID) -> ShopRefund | None:
        row = await waiting.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return ShopRefund.of(row) if row else None

    @strawberry.field(
        description="Refunds as your shops know them, newest first; `waitingOnly`: those that wait for a person. "
        "`first` is 1-100."
    )
    async def shop_refunds(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        shop_id: strawberry.ID | None = None,
        waiting_only: bool = False,
        store_id: strawberry.ID | None = None,
        since: Date | None = None,
        until: Date | None = None,
        amount_from: MoneyInput | None = None,
        amount_until: MoneyInput | None = None,
    ) -> Connection[ShopRefund]:
        principal = info.context.principal
        days = await own_days(principal, since, until, "created_at")
        query = waiting.readable(principal).filter(**days, **amounts(amount_from, amount_until))
        if store_id is not None:
            query = query.filter(shop__store_id=ids.uuid_of(store_id, ["storeId"]))
        if shop_id is not None:
            query = query.filter(shop_id=ids.uuid_of(shop_id, ["shopId"]))
        if waiting_only:
            query = query.filter(waiting.waiting())
        return await page(query, first, after, ShopRefund.of)


@strawberry.type
class ShopMutation:
    @strawberry.mutation(description="Connect a shop or ERP. Needs MANAGE_CONNECTIONS.")
    async def shop_connect(self, info: Info, input: ShopConnectInput) -> ShopPayload:
        return await mutations.shop_connect(info, input)

    @strawberry.mutation(description="Change a shop's address, settings or secrets. Needs MANAGE_CONNECTIONS.")
    async def shop_change(self, info: Info, input: ShopChangeInput) -> ShopPayload:
        return await mutations.shop_change(info, input)

    @strawberry.mutation(
        description="Have a shop asked whether all is in order; read `shopChecks` until it has an outcome. Needs "
        "MANAGE_CONNECTIONS."
    )
    async def shop_preflight(self, info: Info, input: ShopStepInput) -> ShopCheckPayload:
        return await mutations.shop_preflight(info, input)

    @strawberry.mutation(description="Keep what a shop says, and do nothing with it. Needs MANAGE_CONNECTIONS.")
    async def shop_pause(self, info: Info, input: ShopStepInput) -> ShopPayload:
        return await mutations.shop_step(info, input)

    @strawberry.mutation(description="Go on with a shop that was paused. Needs MANAGE_CONNECTIONS.")
    async def shop_resume(self, info: Info, input: ShopStepInput) -> ShopPayload:
        return await mutations.shop_step(info, input)

    @strawberry.mutation(description="End a shop: nothing is taken from it any more. Needs MANAGE_CONNECTIONS.")
    async def shop_retire(self, info: Info, input: ShopStepInput) -> ShopPayload:
        return await mutations.shop_step(info, input)

    @strawberry.mutation(
        description="Say which payment a shop's refund is of, and it is refunded by the usual rules; or which refund "
        "it is already. Needs REFUND."
    )
    async def shop_refund_match(self, info: Info, input: ShopRefundMatchInput) -> ShopRefundPayload:
        return await mutations.shop_refund_match(info, input)

    @strawberry.mutation(description="Say that nothing more is done about what waits. Needs REFUND.")
    async def shop_refund_dismiss(self, info: Info, input: ShopRefundDismissInput) -> ShopRefundPayload:
        return await mutations.shop_refund_dismiss(info, input)
