"""The fields of endpoints and deliveries: schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.deliveries import mutations
from api.graphql.deliveries.mutations import (
    DeliveryReplayInput,
    DeliveryReplayPayload,
    EndpointChangeInput,
    EndpointCreateInput,
    EndpointDeleteInput,
    EndpointMadePayload,
    EndpointPauseInput,
    EndpointPayload,
    EndpointResumeInput,
    EndpointRotateSecretInput,
    EndpointTestInput,
    EndpointTestPayload,
)
from api.graphql.deliveries.types import Delivery, DeliveryStateEnum, Endpoint, EventType
from api.graphql.transport import ids
from api.graphql.transport.paging import Connection, page
from api.graphql.transport.scalars import DateTime
from domain.deliveries import catalogue, find
from domain.deliveries.find import Wanted
from domain.models.deliveries import DeliveryState


@strawberry.input(description="Which deliveries; what is null filters nothing, all that is given holds at once.")
class DeliveryFilter:
    endpoint_id: strawberry.ID | None = None
    states: list[Annotated[DeliveryState, DeliveryStateEnum]] | None = None
    types: list[str] | None = None
    message_id: str | None = None
    ordering_key: str | None = None
    since: DateTime | None = None
    until: DateTime | None = strawberry.field(default=None, description="Excluded.")


@strawberry.type
class DeliveryQuery:
    @strawberry.field(description="Where news goes, newest first; those that were deleted left out. Needs MANAGE_NEWS.")
    async def endpoints(self, info: Info, first: int, after: str | None = None) -> Connection[Endpoint]:
        return await page(find.endpoints(info.context.principal), first, after, Endpoint.of)

    @strawberry.field(description="An endpoint by its id; null: there is none. Needs MANAGE_NEWS.")
    async def endpoint(self, info: Info, id: strawberry.ID) -> Endpoint | None:
        found = find.endpoints(info.context.principal, deleted=True)
        row = await found.get_or_none(id=ids.uuid_of(id, ["id"]))
        return Endpoint.of(row) if row else None

    @strawberry.field(description="What was, or is to be, delivered; newest first. Needs MANAGE_NEWS.")
    async def deliveries(
        self, info: Info, first: int, after: str | None = None, filter: DeliveryFilter | None = None
    ) -> Connection[Delivery]:
        given = filter or DeliveryFilter()
        wanted = Wanted(
            endpoint_id=ids.uuid_of(given.endpoint_id, ["filter", "endpointId"]) if given.endpoint_id else None,
            states=given.states,
            types=given.types,
            message_id=given.message_id,
            ordering_key=given.ordering_key,
            since=given.since,
            until=given.until,
        )
        return await page(find.deliveries(info.context.principal, wanted), first, after, Delivery.of, moment="made_at")

    @strawberry.field(description="Every type of event that can be told.")
    def event_types(self) -> list[EventType]:
        return [EventType.of(one) for one in catalogue.TYPES]


@strawberry.type
class DeliveryMutation:
    @strawberry.mutation(
        description="Make an endpoint. Its `secret` is told this once. Needs MANAGE_NEWS; to hear of people's deeds, "
        "READ_AUDIT too."
    )
    async def endpoint_create(self, info: Info, input: EndpointCreateInput) -> EndpointMadePayload:
        return await mutations.endpoint_create(info, input)

    @strawberry.mutation(description="Change an endpoint. Needs MANAGE_NEWS.")
    async def endpoint_change(self, info: Info, input: EndpointChangeInput) -> EndpointMadePayload:
        return await mutations.endpoint_change(info, input)

    @strawberry.mutation(
        description="Give an endpoint another secret; a webhook is signed with both for some hours. Needs MANAGE_NEWS."
    )
    async def endpoint_rotate_secret(self, info: Info, input: EndpointRotateSecretInput) -> EndpointMadePayload:
        return await mutations.endpoint_rotate_secret(info, input)

    @strawberry.mutation(description="Have `estorno.test` sent to an endpoint. Needs MANAGE_NEWS.")
    async def endpoint_test(self, info: Info, input: EndpointTestInput) -> EndpointTestPayload:
        return await mutations.endpoint_test(info, input)

    @strawberry.mutation(description="Send nothing to an endpoint until it is resumed. Needs MANAGE_NEWS.")
    async def endpoint_pause(self, info: Info, input: EndpointPauseInput) -> EndpointPayload:
        return await mutations.endpoint_pause(info, input)

    @strawberry.mutation(description="Send to an endpoint again. Needs MANAGE_NEWS.")
    async def endpoint_resume(self, info: Info, input: EndpointResumeInput) -> EndpointPayload:
        return await mutations.endpoint_resume(info, input)

    @strawberry.mutation(
        description="Delete an endpoint for good; what was pending there is let go. Needs MANAGE_NEWS."
    )
    async def endpoint_delete(self, info: Info, input: EndpointDeleteInput) -> EndpointPayload:
        return await mutations.endpoint_delete(info, input)

    @strawberry.mutation(
        description="Send again, with the same `webhook-id`: some messages, those of a filter (10,000 at once), or all "
        "behind a position. Needs MANAGE_NEWS."
    )
    async def delivery_replay(self, info: Info, input: DeliveryReplayInput) -> DeliveryReplayPayload:
        return await mutations.delivery_replay(info, input)
