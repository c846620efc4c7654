"""The fields of connections: applied for, looked at, certified. schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql import files, onboarding
from api.graphql.connections import mutations, types
from api.graphql.connections.mutations import (
    ConnectionCreateInput,
    ConnectionDocumentInput,
    ConnectionPayload,
    ConnectionReviewInput,
    ConnectionSecretsInput,
    ConnectionStepInput,
)
from api.graphql.connections.types import ConnectionApplication, ConnectionField, ConnectionStateEnum
from api.graphql.context import Info
from api.graphql.files import FileAnnounceInput, FileAnnouncePayload
from api.graphql.onboarding import (
    CertificationRun,
    ConnectionCertifyInput,
    ConnectionCertifyPayload,
    ConnectionPreflightInput,
    ConnectionPreflightPayload,
    PreflightRun,
)
from api.graphql.transport.paging import Connection, page
from domain.models.connections import ConnectionState


@strawberry.type
class ConnectionQuery:
    @strawberry.field(description="A connection's preflights, newest first. `first` is 1-100. Needs READ_CALLS.")
    async def preflight_runs(
        self, info: Info, connection_id: strawberry.ID, first: int, after: str | None = None
    ) -> Connection[PreflightRun]:
        return await page(
            onboarding.preflights_query(info.context.principal, connection_id), first, after, PreflightRun.of
        )

    @strawberry.field(description="A connection's certifications, newest first. `first` is 1-100. Needs READ_CALLS.")
    async def certification_runs(
        self, info: Info, connection_id: strawberry.ID, first: int, after: str | None = None
    ) -> Connection[CertificationRun]:
        return await page(
            onboarding.certifications_query(info.context.principal, connection_id), first, after, CertificationRun.of
        )

    @strawberry.field(description="What a connection to a PSE is made of, in the order in which to ask for it.")
    def connection_fields(self, pse: str) -> list[ConnectionField]:
        return types.connection_fields(pse)

    @strawberry.field(description="One of your connections, by its id, on its way from draft to active.")
    async def connection_application(self, info: Info, id: strawberry.ID) -> ConnectionApplication | None:
        return await types.application(info, id)

    @strawberry.field(description="Your connections, newest first. `first` is 1-100.")
    async def connection_applications(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        states: list[Annotated[ConnectionState, ConnectionStateEnum]] | None = None,
    ) -> Connection[ConnectionApplication]:
        query = types.applications_query(info.context.principal, states)
        return await page(query, first, after, ConnectionApplication.of)


@strawberry.type
class ConnectionMutation:
    @strawberry.mutation(description="Announce a file: you get a path to which its bytes can be sent, once.")
    async def file_announce(self, info: Info, input: FileAnnounceInput) -> FileAnnouncePayload:
        return await files.file_announce(info, input)

    @strawberry.mutation(description="Apply for an account at a PSE: a draft. Needs MANAGE_CONNECTIONS.")
    async def connection_create(self, info: Info, input: ConnectionCreateInput) -> ConnectionPayload:
        return await mutations.connection_create(info, input)

    @strawberry.mutation(
        description="Replace a connection's keys: the new ones count at once for what is sent, webhooks are believed "
        "with the old ones until `oldValidUntil`. Needs MANAGE_CONNECTIONS."
    )
    async def connection_secrets_replace(self, info: Info, input: ConnectionSecretsInput) -> ConnectionPayload:
        return await mutations.connection_secrets_replace(info, input)

    @strawberry.mutation(description="Hand in a document of a draft; a newer one of its kind takes its place.")
    async def connection_document_hand_in(self, info: Info, input: ConnectionDocumentInput) -> ConnectionPayload:
        return await mutations.connection_document_hand_in(info, input)

    @strawberry.mutation(description="Submit a draft whose documents are whole, for another person to review.")
    async def connection_submit(self, info: Info, input: ConnectionStepInput) -> ConnectionPayload:
        return await mutations.connection_submit(info, input)

    @strawberry.mutation(description="Make what was submitted, or rejected, a draft again, and say why.")
    async def connection_reopen(self, info: Info, input: ConnectionStepInput) -> ConnectionPayload:
        return await mutations.connection_reopen(info, input)

    @strawberry.mutation(
        description="Review what another person submitted: start, ask for more, approve, reject. Needs "
        "REVIEW_CONNECTIONS."
    )
    async def connection_review(self, info: Info, input: ConnectionReviewInput) -> ConnectionPayload:
        return await mutations.connection_review(info, input)

    @strawberry.mutation(
        description="Let a certified connection go live (another person than who submitted it, with "
        "REVIEW_CONNECTIONS), or a suspended one go on (MANAGE_CONNECTIONS)."
    )
    async def connection_activate(self, info: Info, input: ConnectionStepInput) -> ConnectionPayload:
        return await mutations.connection_activate(info, input)

    @strawberry.mutation(description="Stop all calls to the PSE at once; refunds wait. Needs MANAGE_CONNECTIONS.")
    async def connection_suspend(self, info: Info, input: ConnectionStepInput) -> ConnectionPayload:
        return await mutations.connection_suspend(info, input)

    @strawberry.mutation(
        description="Have the PSE asked whether all is in order before money depends on it: read `preflightRuns`, or "
        "the run by `node`, until it has an outcome. Needs MANAGE_CONNECTIONS."
    )
    async def connection_preflight(self, info: Info, input: ConnectionPreflightInput) -> ConnectionPreflightPayload:
        return await onboarding.connection_preflight(info, input)

    @strawberry.mutation(
        description="Have a connection to a test environment prove itself: a scripted series of refunds, whose cases "
        "appear in `certificationRuns` as they are played. It refunds. Needs MANAGE_CONNECTIONS."
    )
    async def connection_certify(self, info: Info, input: ConnectionCertifyInput) -> ConnectionCertifyPayload:
        return await onboarding.connection_certify(info, input)
