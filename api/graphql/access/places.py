"""Stores, and merchants where an installation serves several."""

import strawberry

from api.graphql.access.viewer import Merchant, Store
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import AccessError
from domain.access import merchants, stores
from domain.access.merchants import NewMerchant
from domain.access.stores import NewStore


@strawberry.input
class StoreCreateInput:
    code: str = strawberry.field(description="For life; 1-64 printable ASCII characters without spaces.")
    name: str
    payee_key: str | None = strawberry.field(
        default=None, description="The key or account that receives this store's payments."
    )
    idempotency_key: str


@strawberry.input(description="Both become what is given.")
class StoreUpdateInput:
    store_id: strawberry.ID
    name: str
    payee_key: str | None = strawberry.field(default=None, description="Left out: none.")


@strawberry.type
class StorePayload:
    store: Store | None
    errors: list[AccessError]
    request_id: str
    replayed: bool


@strawberry.input
class MerchantCreateInput:
    name: str
    country: str = strawberry.field(description="ISO 3166, as BR.")
    zone: str = strawberry.field(description="IANA, as America/Sao_Paulo: of the accounting date.")
    idempotency_key: str


@strawberry.type(description="You are its administrator.")
class MerchantCreatePayload:
    merchant: Merchant | None
    token: str | None = strawberry.field(
        description="An ADMIN token of the new merchant for 24 hours, told this once: go on with it."
    )
    errors: list[AccessError]
    request_id: str
    replayed: bool


@answering(StorePayload)
async def store_create(info: Info, input: StoreCreateInput) -> StorePayload:
    context = info.context
    new = NewStore(input.code, input.name, input.payee_key)
    row, replayed = await stores.create(context.principal, new, input.idempotency_key, context.cause)
    return StorePayload(store=Store.of(row), errors=[], request_id=context.request_id, replayed=replayed)


@answering(StorePayload)
async def store_update(info: Info, input: StoreUpdateInput) -> StorePayload:
    context = info.context
    store_id = ids.uuid_of(input.store_id, ["input", "storeId"])
    row = await stores.update(context.principal, store_id, input.name, input.payee_key, context.cause)
    return StorePayload(store=Store.of(row), errors=[], request_id=context.request_id, replayed=False)


@answering(MerchantCreatePayload)
async def merchant_create(info: Info, input: MerchantCreateInput) -> MerchantCreatePayload:
    context = info.context
    new = NewMerchant(input.name, input.country, input.zone)
    made = await merchants.create(context.principal, new, input.idempotency_key, context.cause)
    return MerchantCreatePayload(
        merchant=Merchant.of(made.merchant),
        token=made.token,
        errors=[],
        request_id=context.request_id,
        replayed=made.token is None,
    )
