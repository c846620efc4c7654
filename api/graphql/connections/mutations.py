"""How an account at a PSE is applied for, reviewed, put to work and suspended."""

from enum import Enum
from typing import Annotated

import strawberry

from api.graphql.connections.types import ConnectionApplication, KindEnum
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import ConnectionError as WhyNot
from api.graphql.transport.scalars import DateTime
from domain.models import Connection as Row
from domain.models.applications import DocumentKind
from domain.models.connections import ConnectionState
from domain.onboarding import applications, documents, drafts
from domain.onboarding.drafts import NewApplication
from domain.problems import InvalidInput


@strawberry.input
class ConnectionFieldInput:
    name: str
    value: str


@strawberry.input
class ConnectionCreateInput:
    pse: str
    name: str = strawberry.field(description="Yours, unique among your connections.")
    store_code: str = strawberry.field(description="The store of payments that name none.")
    fields: list[ConnectionFieldInput] = strawberry.field(
        description="What `connectionFields` lists. Secrets are sealed at once and given to nobody again."
    )
    idempotency_key: str


@strawberry.input
class ConnectionSecretsInput:
    connection_id: strawberry.ID
    fields: list[ConnectionFieldInput] = strawberry.field(
        description="All that `connectionFields` lists; account and addresses only until the connection has gone live."
    )
    old_valid_until: DateTime | None = strawberry.field(
        default=None,
        description="Until when webhooks that are signed with the old ones are believed; left out: no longer.",
    )


@strawberry.input
class ConnectionDocumentInput:
    connection_id: strawberry.ID
    kind: Annotated[DocumentKind, KindEnum]
    file_id: strawberry.ID


@strawberry.input
class ConnectionStepInput:
    connection_id: strawberry.ID
    comment: str | None = strawberry.field(default=None, description="5-1000 characters; some steps need one.")


@strawberry.enum(description="What a reviewer decides.")
class ConnectionReviewDecision(Enum):
    START = ConnectionState.UNDER_REVIEW
    ASK_FOR_MORE = ConnectionState.DRAFT
    APPROVE = ConnectionState.SANDBOX
    REJECT = ConnectionState.REJECTED


@strawberry.input
class ConnectionReviewInput:
    connection_id: strawberry.ID
    decision: ConnectionReviewDecision
    comment: str | None = strawberry.field(default=None, description="5-1000 characters; not without one: a no.")


@strawberry.type
class ConnectionPayload:
    application: ConnectionApplication | None
    errors: list[WhyNot]
    request_id: str


@answering(ConnectionPayload)
async def connection_create(info: Info, input: ConnectionCreateInput) -> ConnectionPayload:
    context = info.context
    draft = NewApplication(input.pse, input.name, input.store_code, values_of(input.fields))
    made = await drafts.create(
        context.principal, draft, input.idempotency_key, context.cause, context.settings.secret_key
    )
    return _done(info, made)


@answering(ConnectionPayload)
async def connection_secrets_replace(info: Info, input: ConnectionSecretsInput) -> ConnectionPayload:
    context, wanted = info.context, ids.uuid_of(input.connection_id, ["input", "connectionId"])
    values, key = values_of(input.fields), context.settings.secret_key
    until, cause = input.old_valid_until, context.cause
    return _done(info, await drafts.replace(context.principal, wanted, values, until, cause, key))


def values_of(fields: list[ConnectionFieldInput]) -> dict[str, str]:
    """By their names. Raises InvalidInput."""
    values = {one.name: one.value for one in fields}
    if len(values) != len(fields):
        raise InvalidInput("A field is given twice.", path=["input", "fields"])
    return values


@answering(ConnectionPayload)
async def connection_document_hand_in(info: Info, input: ConnectionDocumentInput) -> ConnectionPayload:
    connection_id, file_id = (
        ids.uuid_of(input.connection_id, ["input", "connectionId"]),
        ids.uuid_of(input.file_id, ["input", "fileId"]),
    )
    await documents.hand_in(info.context.principal, connection_id, input.kind, file_id, info.context.cause)
    return _done(info, await Row.get(id=connection_id))


@answering(ConnectionPayload)
async def connection_submit(info: Info, input: ConnectionStepInput) -> ConnectionPayload:
    return await _to(info, input.connection_id, ConnectionState.SUBMITTED, input.comment)


@answering(ConnectionPayload)
async def connection_reopen(info: Info, input: ConnectionStepInput) -> ConnectionPayload:
    return await _to(info, input.connection_id, ConnectionState.DRAFT, input.comment)


@answering(ConnectionPayload)
async def connection_review(info: Info, input: ConnectionReviewInput) -> ConnectionPayload:
    return await _to(info, input.connection_id, input.decision.value, input.comment)


@answering(ConnectionPayload)
async def connection_activate(info: Info, input: ConnectionStepInput) -> ConnectionPayload:
    return await _to(info, input.connection_id, ConnectionState.ACTIVE, input.comment)


@answering(ConnectionPayload)
async def connection_suspend(info: Info, input: ConnectionStepInput) -> ConnectionPayload:
    return await _to(info, input.connection_id, ConnectionState.SUSPENDED, input.comment)


async def _to(info: Info, connection_id: strawberry.ID, to: ConnectionState, comment: str | None) -> ConnectionPayload:
    context = info.context
    wanted = ids.uuid_of(connection_id, ["input", "connectionId"])
    return _done(info, await applications.step(context.principal, wanted, to, comment, context.cause))


def _done(info: Info, row: Row) -> ConnectionPayload:
    return ConnectionPayload(application=ConnectionApplication.of(row), errors=[], request_id=info.context.request_id)
