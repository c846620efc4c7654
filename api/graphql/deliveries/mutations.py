"""What is done with endpoints and deliveries: inputs, payloads, and the deed each asks the domain for."""

from typing import Annotated
from uuid import UUID

import strawberry

from api.graphql.context import Info
from api.graphql.deliveries.types import Delivery, DeliveryStateEnum, Endpoint, KindEnum
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import NewsError
from api.graphql.transport.scalars import DateTime
from domain.deliveries import endpoints, replay, rotation
from domain.deliveries.endpoints import EndpointChange, Made, NewEndpoint
from domain.deliveries.replay import Filter
from domain.models.deliveries import DeliveryState, EndpointKind
from domain.problems import InvalidInput


@strawberry.input(description="What a channel wants to know besides its address.")
class EndpointOptionInput:
    name: str
    value: str


@strawberry.input(description="An address and a secret are sealed, and never shown again.")
class EndpointCreateInput:
    name: str
    url: str = strawberry.field(description="An https address of the public internet; of e-mail the address.")
    types: list[str] = strawberry.field(
        default_factory=list, description="Of a webhook: the events that are wanted (`eventTypes`), `refund.*` or `*`."
    )
    kind: Annotated[EndpointKind, KindEnum] = EndpointKind.WEBHOOK
    secret: str | None = strawberry.field(
        default=None, description="Of a webhook whsec_ and base64 of 24 to 64 bytes; null: a new one is made."
    )
    options: list[EndpointOptionInput] = strawberry.field(default_factory=list, description="At most 20.")
    store_id: strawberry.ID | None = strawberry.field(default=None, description="Only what is of this store.")
    thin: bool = strawberry.field(default=False, description="Ids alone, without facts.")
    per_minute: int = strawberry.field(default=600, description="How much is sent at most.")
    behind: str | None = strawberry.field(
        default=None, description="A position of the sealed history to begin behind; null: what happens from now on."
    )


@strawberry.input(description="What is null stays. An address on another host gets a new secret.")
class EndpointChangeInput:
    endpoint_id: strawberry.ID
    name: str | None = None
    url: str | None = None
    types: list[str] | None = None
    thin: bool | None = None
    per_minute: int | None = None
    options: list[EndpointOptionInput] | None = strawberry.field(
        default=None, description="By name, at most 20: an empty value takes one away, what is not named stays."
    )
    rejoin: bool = strawberry.field(
        default=False, description="Whether its reader is told again what they had unsubscribed from (`leftKinds`)."
    )


@strawberry.input
class EndpointRotateSecretInput:
    endpoint_id: strawberry.ID
    hours: int = strawberry.field(
        default=24, description="How long a webhook is signed with the old one, too: 0-168; of a robot it ends at once."
    )
    secret: str | None = strawberry.field(
        default=None,
        description="Null: a webhook's is made. Of DingTalk, Feishu, PagerDuty what they show; empty: it signs not.",
    )


@strawberry.input
class EndpointTestInput:
    endpoint_id: strawberry.ID


@strawberry.input
class EndpointPauseInput:
    endpoint_id: strawberry.ID
    why: str


@strawberry.input
class EndpointResumeInput:
    endpoint_id: strawberry.ID
    missed: bool = strawberry.field(description="Whether what happened meanwhile is sent; else it is let go.")


@strawberry.input
class EndpointDeleteInput:
    endpoint_id: strawberry.ID


@strawberry.input(
    description="Which deliveries of an endpoint are sent again: all that is given holds at once. Or `behind`, alone."
)
class DeliveryReplayInput:
    endpoint_id: strawberry.ID
    message_ids: list[str] | None = strawberry.field(default=None, description="1-100.")
    types: list[str] | None = None
    states: list[Annotated[DeliveryState, DeliveryStateEnum]] | None = None
    since: DateTime | None = None
    until: DateTime | None = None
    ordering_key: str | None = None
    behind: str | None = strawberry.field(
        default=None, description="All that lies behind this position and is wanted, sent before or not."
    )


@strawberry.type(description="`endpoint` is null exactly when `errors` is not empty.")
class EndpointMadePayload:
    endpoint: Endpoint | None
    secret: str | None = strawberry.field(description="A new secret, told this once; null: there is no new one.")
    errors: list[NewsError]
    request_id: str


@strawberry.type(description="`endpoint` is null exactly when `errors` is not empty.")
class EndpointPayload:
    endpoint: Endpoint | None
    errors: list[NewsError]
    request_id: str


@strawberry.type(description="`delivery` is null exactly when `errors` is not empty: its `state` says how it went.")
class EndpointTestPayload:
    delivery: Delivery | None
    errors: list[NewsError]
    request_id: str


@strawberry.type
class DeliveryReplayPayload:
    count: int | None = strawberry.field(description="How many are due again; null with `behind`: they are made first.")
    is_whole: bool = strawberry.field(description="False: more match than are sent again at once; ask again.")
    errors: list[NewsError]
    request_id: str


@answering(EndpointMadePayload)
async def endpoint_create(info: Info, input: EndpointCreateInput) -> EndpointMadePayload:
    context = info.context
    new = NewEndpoint(
        kind=input.kind,
        name=input.name,
        url=input.url,
        secret=input.secret,
        options=_options(input.options),
        types=input.types,
        store_id=ids.uuid_of(input.store_id, ["input", "storeId"]) if input.store_id else None,
        thin=input.thin,
        per_minute=input.per_minute,
        behind=_position(input.behind),
    )
    return _made(info, await endpoints.create(context.principal, new, context.settings.secret_key, context.cause))


@answering(EndpointMadePayload)
async def endpoint_change(info: Info, input: EndpointChangeInput) -> EndpointMadePayload:
    context = info.context
    new = EndpointChange(
        input.name,
        input.url,
        input.types,
        input.thin,
        input.per_minute,
        _options(input.options or []),
        input.rejoin,
    )
    key = context.settings.secret_key
    return _made(info, await endpoints.change(context.principal, _id(input.endpoint_id), new, key, context.cause))


@answering(EndpointMadePayload)
async def endpoint_rotate_secret(info: Info, input: EndpointRotateSecretInput) -> EndpointMadePayload:
    context = info.context
    key, endpoint_id = context.settings.secret_key, _id(input.endpoint_id)
    of, hours = context.principal, input.hours
    return _made(info, await rotation.rotate(of, endpoint_id, hours, key, context.cause, input.secret))


@answering(EndpointTestPayload)
async def endpoint_test(info: Info, input: EndpointTestInput) -> EndpointTestPayload:
    context = info.context
    row = await endpoints.try_out(context.principal, _id(input.endpoint_id), context.settings.secret_key, context.cause)
    return EndpointTestPayload(delivery=Delivery.of(row), errors=[], request_id=context.request_id)


@answering(EndpointPayload)
async def endpoint_pause(info: Info, input: EndpointPauseInput) -> EndpointPayload:
    context = info.context
    row = await endpoints.pause(context.principal, _id(input.endpoint_id), input.why, context.cause)
    return EndpointPayload(endpoint=Endpoint.of(row), errors=[], request_id=context.request_id)


@answering(EndpointPayload)
async def endpoint_resume(info: Info, input: EndpointResumeInput) -> EndpointPayload:
    context = info.context
    row = await replay.resume(context.principal, _id(input.endpoint_id), context.cause, missed=input.missed)
    return EndpointPayload(endpoint=Endpoint.of(row), errors=[], request_id=context.request_id)


@answering(EndpointPayload)
async def endpoint_delete(info: Info, input: EndpointDeleteInput) -> EndpointPayload:
    context = info.context
    row = await endpoints.delete(context.principal, _id(input.endpoint_id), context.cause)
    return EndpointPayload(endpoint=Endpoint.of(row), errors=[], request_id=context.request_id)


@answering(DeliveryReplayPayload)
async def delivery_replay(info: Info, input: DeliveryReplayInput) -> DeliveryReplayPayload:
    context, endpoint_id = info.context, _id(input.endpoint_id)
    await endpoints.mine(context.principal, endpoint_id)
    wanted = Filter(
        message_ids=input.message_ids,
        types=input.types,
        states=input.states,
        since=input.since,
        until=input.until,
        ordering_key=input.ordering_key,
    )
    if (behind := _position(input.behind)) is not None:
        if wanted != Filter():
            raise InvalidInput("`behind` stands alone.", path=["input", "behind"])
        await replay.replay_behind(context.principal, endpoint_id, behind, context.cause)
        return DeliveryReplayPayload(count=None, is_whole=True, errors=[], request_id=context.request_id)
    if wanted == Filter():
        raise InvalidInput("Say which: a filter, or `behind`.", path=["input"])
    done = await replay.replay(context.principal, endpoint_id, wanted, context.cause)
    return DeliveryReplayPayload(count=done.count, is_whole=done.is_whole, errors=[], request_id=context.request_id)


def _id(given: strawberry.ID) -> UUID:
    return ids.uuid_of(given, ["input", "endpointId"])


def _options(given: list[EndpointOptionInput]) -> dict[str, str]:
    if len(given) > 20:
        raise InvalidInput("At most 20 options.", path=["input", "options"])
    return {one.name: one.value for one in given}


def _position(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise InvalidInput("A position is a number, as `position` tells it.", path=["input", "behind"])
    return int(given)


def _made(info: Info, made: Made) -> EndpointMadePayload:
    endpoint = Endpoint.of(made.endpoint)
    return EndpointMadePayload(endpoint=endpoint, secret=made.secret, errors=[], request_id=info.context.request_id)
