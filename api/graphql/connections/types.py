"""A connection as it is told, and what its PSE wants for it."""

from typing import Annotated
from uuid import UUID

import strawberry
from tortoise.queryset import QuerySet

from api.graphql.access.viewer import PseConnection
from api.graphql.context import Info
from api.graphql.files import File
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime
from domain.access.principal import Principal
from domain.connections import connections
from domain.models import Connection as Row
from domain.models import OnboardingDocument, OnboardingStep
from domain.models.applications import DocumentKind
from domain.models.connections import ConnectionState
from domain.onboarding import documents, steps
from domain.onboarding.states import from_here
from domain.problems import InvalidInput
from domain.pse import credentials
from domain.pse.registry import UnknownPse, connector

ConnectionStateEnum = strawberry.enum(
    ConnectionState, name="ConnectionState", description="From an application to an account that moves money."
)
KindEnum = strawberry.enum(DocumentKind, name="OnboardingDocumentKind", description="What must be handed in.")


@strawberry.type(description="What a connection to a PSE is made of, and where to find it there.")
class ConnectionField:
    name: str
    label: str = told()
    where: str = told("In the PSE's back office.")
    secret: bool = strawberry.field(description="Do not show it while it is typed.")
    optional: bool
    pem: bool = strawberry.field(description="A key or certificate as text, with its first and last lines.")
    test: str | None = strawberry.field(description="What it is in the PSE's sandbox, where it is the same for all.")
    live: str | None


@strawberry.type(description="A document that was handed in.")
class ConnectionDocument:
    kind: Annotated[DocumentKind, KindEnum]
    file: File
    created_by: str
    created_at: DateTime


@strawberry.type(description="A step of an application or, both states the same, what was changed of it: who, and why.")
class ConnectionStep:
    sequence: int
    from_state: Annotated[ConnectionState, ConnectionStateEnum]
    to_state: Annotated[ConnectionState, ConnectionStateEnum]
    actor: str
    comment: str | None = told()
    request_id: str
    at: DateTime


@strawberry.type(description="An account at a PSE on its way from draft to active.")
class ConnectionApplication:
    id: strawberry.ID = strawberry.field(description="The connection's.")
    pse: str
    name: str
    state: Annotated[ConnectionState, ConnectionStateEnum]
    next_states: list[Annotated[ConnectionState, ConnectionStateEnum]] = strawberry.field(
        description="Where people can take it from here."
    )
    client_id: str = strawberry.field(description="The account at the PSE.")
    base_url: str
    token_url: str | None
    report_url: str | None
    submitted_by: str | None
    reviewed_by: str | None
    created_at: DateTime
    connection: PseConnection = strawberry.field(description="How it is doing.")
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "ConnectionApplication":
        return cls(
            row=row,
            connection=PseConnection.of(row),
            id=strawberry.ID(str(row.id)),
            pse=row.pse,
            name=row.name,
            state=row.state,
            next_states=from_here(row.state),
            client_id=row.client_id,
            base_url=row.base_url,
            token_url=row.token_url,
            report_url=row.report_url,
            submitted_by=row.submitted_by,
            reviewed_by=row.reviewed_by,
            created_at=DateTime(row.created_at),
        )

    @strawberry.field(
        description="Where the PSE is to send its webhooks; null: this installation has not been told its own address."
    )
    def webhook_url(self, info: Info) -> str | None:
        return info.context.settings.webhook_url(UUID(self.id))

    @strawberry.field(
        description="IP addresses and networks that our calls come from, for a PSE that lets in known ones only; none: "
        "this installation has not been told them."
    )
    def egress_ips(self, info: Info) -> list[str]:
        return list(info.context.settings.egress_ips)

    @strawberry.field(
        description="Whether you had a part in what it is, or may have: then another person reviews it and lets it "
        "go live."
    )
    async def is_yours(self, info: Info) -> bool:
        return await steps.is_a_maker(info.context.principal, self.row)

    @strawberry.field(description="What it is made of; no values.")
    def fields(self) -> list[ConnectionField]:
        return _fields(self.pse)

    @strawberry.field(description="The documents that stand, by kind.")
    async def documents(self, info: Info) -> list[ConnectionDocument]:
        return [
            _document(one) for one in await info.context.loaders.children(documents.of_all, UUID(self.id), PAGE_MAX)
        ]

    @strawberry.field(description="The kinds that nobody has handed in yet.")
    async def missing_documents(self, info: Info) -> list[Annotated[DocumentKind, KindEnum]]:
        found = await info.context.loaders.children(documents.of_all, UUID(self.id), PAGE_MAX)
        return documents.missing(found)

    @strawberry.field(description="Newest first. `first` is 1-100.")
    async def steps(self, info: Info, first: int = PAGE_MAX) -> list[ConnectionStep]:
        found = await info.context.loaders.children(steps.of_all, UUID(self.id), bounded(first))
        return [_step(one) for one in found]


def _document(row: OnboardingDocument) -> ConnectionDocument:
    return ConnectionDocument(
        kind=row.kind, file=File.of(row.file), created_by=row.created_by, created_at=DateTime(row.created_at)
    )


def _step(row: OnboardingStep) -> ConnectionStep:
    return ConnectionStep(
        sequence=row.sequence,
        from_state=row.from_state,
        to_state=row.to_state,
        actor=row.actor,
        comment=row.comment,
        request_id=row.request_id,
        at=DateTime(row.at),
    )


def connection_fields(pse: str) -> list[ConnectionField]:
    """What a PSE wants, in the order in which to ask for it. Raises InvalidInput with the PSEs that there are."""
    try:
        connector(pse)
    except UnknownPse as error:
        raise InvalidInput(str(error), path=["pse"]) from None
    return _fields(pse)


def _fields(pse: str) -> list[ConnectionField]:
    return [
        ConnectionField(
            name=one.name,
            label=one.label,
            where=one.where,
            secret=one.secret,
            optional=one.optional,
            pem=one.pem,
            test=one.test,
            live=one.live,
        )
        for one in credentials.fields(pse)
    ]


async def application(info: Info, id: strawberry.ID) -> ConnectionApplication | None:
    """The caller's connection of that id. Raises InvalidInput where it is no id."""
    row = await connections.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
    return ConnectionApplication.of(row) if row else None


def applications_query(principal: Principal, states: list[ConnectionState] | None) -> QuerySet[Row]:
    """The connections that may be read, those in one of `states` alone where it is given."""
    query = connections.readable(principal)
    return query.filter(state__in=states) if states is not None else query
