"""Stores, and merchants where an installation serves several."""

import strawberry

from api.graphql.access.viewer import Merchant, Store
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import AccessError
from domain.access import merchants, stores
from domain.access.merchants import NewMerchant
from domain.access.stores import NewStore, StoreChange


@strawberry.input
class StoreCreateInput:
    code: str = strawberry.field(description="For life; 1-64 printable ASCII characters without spaces.")
    name: str
    payee_key: str | None = strawberry.field(
        default=None, description="The key or account that receives this store's payments."
    )
    contact: str | None = strawberry.field(
        default=None,
        description="How its customers reach it, such as an e-mail address and a telephone number; 1-200 characters.",
    )
    privacy_url: str | None = strawberry.field(default=None, description="Of its privacy notice: an https address.")
    idempotency_key: str


@strawberry.input(description="`name` and `payeeKey` become what is given; the others stay where they are left out.")
class StoreUpdateInput:
    store_id: strawberry.ID
    name: str
    payee_key: str | None = strawberry.field(default=None, description="Left out: none.")
    contact: str | None = strawberry.field(
        default=strawberry.UNSET, description="How its customers reach it; 1-200 characters. Null: none any more."
    )
    privacy_url: str | None = strawberry.field(
        default=strawberry.UNSET, description="Of its privacy notice: an https address. Null: none any more."
    )


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


@strawberry.input(description="What is left out stays.")
class MerchantUpdateInput:
    name: str | None = strawberry.field(default=strawberry.UNSET, description="As customers see it.")
    zone: str | None = strawberry.field(
        default=strawberry.UNSET, description="IANA, as America/Sao_Paulo; another one only while nothing is booked."
    )
    language: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="zh-CN, en, es or pt-BR: of customers whose browser asks for none of these; null: their money's.",
    )


@strawberry.type
class MerchantPayload:
    merchant: Merchant | None
    errors: list[AccessError]
    request_id: str


@answering(StorePayload)
async def store_create(info: Info, input: StoreCreateInput) -> StorePayload:
    context = info.context
    new = NewStore(input.code, input.name, input.payee_key, input.contact, input.privacy_url)
    row, replayed = await stores.create(context.principal, new, input.idempotency_key, context.cause)
    return StorePayload(store=Store.of(row), errors=[], request_id=context.request_id, replayed=replayed)


@answering(StorePayload)
async def store_update(info: Info, input: StoreUpdateInput) -> StorePayload:
    context = info.context
    store_id = ids.uuid_of(input.store_id, ["input", "storeId"])
    given = {"contact": input.contact, "privacy_url": input.privacy_url}
    told = {name: value for name, value in given.items() if value is not strawberry.UNSET}
    change = StoreChange(input.name, input.payee_key, told)
    row = await stores.update(context.principal, store_id, change, context.cause)
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


@answering(MerchantPayload)
async def merchant_update(info: Info, input: MerchantUpdateInput) -> MerchantPayload:
    context = info.context
    given = {"name": input.name, "zone": input.zone, "language": input.language}
    change = {name: value for name, value in given.items() if value is not strawberry.UNSET}
    row = await merchants.update(context.principal, change, context.cause)
    return MerchantPayload(merchant=Merchant.of(row), errors=[], request_id=context.request_id)
