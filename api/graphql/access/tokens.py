"""Tokens: of programs, and for minutes of a merchant's customers."""

from typing import Annotated

import strawberry

from api.graphql.access.grants import Grant, GrantInput, wanted_of
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import AccessError
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime
from domain.access import grants, service_tokens
from domain.access.permissions import built_in
from domain.access.service_tokens import MadeToken
from domain.models import Token as Row
from domain.payments import customer_tokens
from domain.payments.customer_tokens import CustomerMay, NewCustomerToken

CustomerMayEnum = strawberry.enum(CustomerMay, name="CustomerMay", description="What a customer's token may do.")


@strawberry.type(
    description="The token of a program, or of a person who has signed in. The token itself is told once, where it is "
    "made."
)
class Token:
    id: strawberry.ID
    name: str
    person: str | None = strawberry.field(
        description="Whose own it is; it may what they may, until their session ends. Null: a program's."
    )
    prefix: str = strawberry.field(description="Its first characters, to tell it from others.")
    created_at: DateTime
    created_by: str | None
    last_used_at: DateTime | None = strawberry.field(description="To the minute.")
    expires_at: DateTime
    revoked_at: DateTime | None
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "Token":
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name or row.holder,
            person=row.holder if row.person_id is not None else None,
            prefix=row.prefix,
            created_at=DateTime(row.created_at),
            created_by=row.created_by,
            last_used_at=DateTime(row.last_used_at) if row.last_used_at else None,
            expires_at=DateTime(row.expires_at),
            revoked_at=DateTime(row.revoked_at) if row.revoked_at else None,
            row=row,
        )

    @strawberry.field(description="What it may do, oldest first; empty where it is older than grants, see `role`.")
    async def grants(self, info: Info, first: int = PAGE_MAX) -> list[Grant]:
        found = await info.context.loaders.one(grants.of_tokens, self.row.id)
        return [Grant.of(row) for row in (found or [])[: bounded(first)]]

    @strawberry.field(description="The built-in role of a token that is older than grants.")
    def role(self) -> str | None:
        return self.row.role if built_in(self.row.role) is not None else None


@strawberry.input
class TokenCreateInput:
    name: str = strawberry.field(description="What it is for; it stands on what is done with it.")
    grants: list[GrantInput] = strawberry.field(description="1-100; nothing that you do not hold yourself.")
    days: int = strawberry.field(default=90, description="How long it works: 1-366.")
    idempotency_key: str


@strawberry.input
class TokenRotateInput:
    token_id: strawberry.ID
    days: int = strawberry.field(default=90, description="How long the new one works: 1-366.")
    overlap_hours: int = strawberry.field(default=24, description="How long the old one still works: 0-744.")
    idempotency_key: str


@strawberry.input
class TokenRevokeInput:
    token_id: strawberry.ID


@strawberry.input(description="Either `paymentId` or `customerTaxId`.")
class CustomerTokenCreateInput:
    may: Annotated[CustomerMay, CustomerMayEnum]
    minutes: int = strawberry.field(description="1-60.")
    payment_id: strawberry.ID | None = None
    customer_tax_id: str | None = None


@strawberry.type
class TokenMadePayload:
    token: Token | None
    secret: str | None = strawberry.field(
        description="The token itself, told this once; null where the same key had made it before."
    )
    errors: list[AccessError]
    request_id: str
    replayed: bool


@strawberry.type(description="It ends within seconds, sockets too.")
class TokenRevokePayload:
    token: Token | None
    errors: list[AccessError]
    request_id: str


@strawberry.type(description="For a customer's browser: it sees, or asks for, their own refunds, and nothing else.")
class CustomerTokenCreatePayload:
    secret: str | None
    expires_at: DateTime | None
    errors: list[AccessError]
    request_id: str


@answering(TokenMadePayload)
async def token_create(info: Info, input: TokenCreateInput) -> TokenMadePayload:
    context = info.context
    made = await service_tokens.create(
        context.principal, input.name, wanted_of(input.grants), input.days, input.idempotency_key, context.cause
    )
    return _made(info, made)


@answering(TokenMadePayload)
async def token_rotate(info: Info, input: TokenRotateInput) -> TokenMadePayload:
    context = info.context
    token_id = ids.uuid_of(input.token_id, ["input", "tokenId"])
    made = await service_tokens.rotate(
        context.principal, token_id, input.days, input.overlap_hours, input.idempotency_key, context.cause
    )
    return _made(info, made)


@answering(TokenRevokePayload)
async def token_revoke(info: Info, input: TokenRevokeInput) -> TokenRevokePayload:
    token_id = ids.uuid_of(input.token_id, ["input", "tokenId"])
    row = await service_tokens.revoke(info.context.principal, token_id, info.context.cause)
    return TokenRevokePayload(token=Token.of(row), errors=[], request_id=info.context.request_id)


@answering(CustomerTokenCreatePayload)
async def customer_token_create(info: Info, input: CustomerTokenCreateInput) -> CustomerTokenCreatePayload:
    context = info.context
    payment_id = ids.decode(input.payment_id, "Payment", ["input", "paymentId"]) if input.payment_id else None
    new = NewCustomerToken(input.may, input.minutes, payment_id, input.customer_tax_id)
    settings = context.settings
    made = await customer_tokens.create(
        context.principal, new, context.cause, settings.secret_key, settings.rate_customer_tokens
    )
    return CustomerTokenCreatePayload(
        secret=made.clear, expires_at=DateTime(made.expires_at), errors=[], request_id=context.request_id
    )


def _made(info: Info, made: MadeToken) -> TokenMadePayload:
    return TokenMadePayload(
        token=Token.of(made.row),
        secret=made.clear,
        errors=[],
        request_id=info.context.request_id,
        replayed=made.clear is None,
    )
