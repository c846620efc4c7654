"""Endpoints, deliveries and tries as they are shown: no secret, and of an address only what one knows it by."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.told import told
from api.graphql.transport.paging import bounded
from api.graphql.transport.scalars import DateTime
from domain.deliveries import find, reasons
from domain.deliveries.catalogue import EventType as Known
from domain.deliveries.channels.channel import unpacked
from domain.deliveries.channels.webhook import body_of
from domain.models import Delivery as DeliveryRow
from domain.models import DeliveryTry as TryRow
from domain.models import Endpoint as Row
from domain.models.deliveries import DeliveryState, EndpointKind, EndpointState

KindEnum = strawberry.enum(EndpointKind, name="EndpointKind", description="By which channel it is spoken to.")
StateEnum = strawberry.enum(
    EndpointState,
    name="EndpointState",
    description="Of what is not ACTIVE the position stands still, and what is due waits. OFF: it was deleted.",
)
DeliveryStateEnum = strawberry.enum(
    DeliveryState,
    name="DeliveryState",
    description="FAILED: given up after the last try, or refused. CANCELED: a person let it go.",
)


@strawberry.type(description="Where news goes. Its address and its secret are not shown.")
class Endpoint:
    id: strawberry.ID
    kind: Annotated[EndpointKind, KindEnum]
    name: str
    address: str = strawberry.field(description="Masked: of many channels the address is the password.")
    store_id: strawberry.ID | None = strawberry.field(description="Only what is of this store is told; null: of all.")
    types: list[str] = strawberry.field(description="Which events are wanted: names, `refund.*`, or `*`.")
    thin: bool = strawberry.field(description="Whether ids alone are told, without facts.")
    left_kinds: list[str] = strawberry.field(
        description="Kinds of alerts that its reader has unsubscribed from, or DIGEST; what is critical is told still."
    )
    per_minute: int = strawberry.field(description="How much is sent at most.")
    state: Annotated[EndpointState, StateEnum]
    position: str = strawberry.field(description="In the merchant's sealed history: what lies before it was made.")
    failing_since: DateTime | None
    failures: int = strawberry.field(description="In a row.")
    old_secret_until: DateTime | None = strawberry.field(description="Until then it is signed with both secrets.")
    last_sent_at: DateTime | None = strawberry.field(description="To the minute.")
    set_by: str
    created_at: DateTime
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "Endpoint":
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.kind,
            name=row.name,
            address=row.shown,
            store_id=strawberry.ID(str(row.store_id)) if row.store_id else None,
            types=list(row.types),
            left_kinds=list(row.left_kinds or ()),
            thin=row.thin,
            per_minute=row.per_minute,
            state=row.state,
            position=str(row.position),
            failing_since=DateTime(row.failing_since) if row.failing_since else None,
            failures=row.failures,
            old_secret_until=DateTime(row.old_valid_until) if row.old_valid_until else None,
            last_sent_at=DateTime(row.sent_at) if row.sent_at else None,
            set_by=row.set_by,
            created_at=DateTime(row.created_at),
            row=row,
        )

    @strawberry.field(description="Why it is not active, in words.")
    def why(self, locale: str | None = None) -> str | None:
        return _reason(self.row.why, locale)

    @strawberry.field(description="How many deliveries are pending; 1,000: so many or more.")
    async def pending(self, info: Info) -> int:
        return await info.context.loaders.one(find.counts_of, self.row.id) or 0


@strawberry.type(description="One try, written down before it left.")
class DeliveryTry:
    number: int
    sent_at: DateTime
    outcome: str | None = strawberry.field(description="SENT, LATER, BROKEN or REFUSED; null: under way, or lost.")
    status: int | None = strawberry.field(description="The HTTP status; null: there was no answer, see `said`.")
    body: str | None = strawberry.field(description="Of the answer: its beginning, redacted.")
    duration_ms: int | None
    answered_at: DateTime | None
    row: strawberry.Private[TryRow]

    @strawberry.field(description="What came of it, in words.")
    def said(self, locale: str | None = None) -> str | None:
        return _reason(self.row.said, locale)

    @classmethod
    def of(cls, row: TryRow) -> "DeliveryTry":
        return cls(
            number=row.number,
            sent_at=DateTime(row.sent_at),
            outcome=row.outcome,
            status=row.status,
            body=row.body,
            duration_ms=row.duration_ms,
            answered_at=DateTime(row.answered_at) if row.answered_at else None,
            row=row,
        )


@strawberry.type(description="One message for one endpoint, however often it was tried or sent again.")
class Delivery:
    endpoint_id: strawberry.ID
    message_id: str = strawberry.field(description="`webhook-id`: the same at each try, and on each endpoint.")
    type: str
    state: Annotated[DeliveryState, DeliveryStateEnum]
    position: str | None = strawberry.field(description="In the merchant's sealed history; null: an alert or a test.")
    ordering_key: str | None = strawberry.field(description="What is sent in order, such as `refund/ID`.")
    sequence: int | None = strawberry.field(description="Of a refund's event, in its refund.")
    due_at: DateTime | None = strawberry.field(description="Null of what is pending: it waits for the one before.")
    tries: int = strawberry.field(description="In this round.")
    round: int = strawberry.field(description="How often it was sent again.")
    made_at: DateTime
    ended_at: DateTime | None
    row: strawberry.Private[DeliveryRow]

    @classmethod
    def of(cls, row: DeliveryRow) -> "Delivery":
        return cls(
            endpoint_id=strawberry.ID(str(row.endpoint_id)),
            message_id=row.message_id,
            type=row.type,
            state=row.state,
            position=str(row.position) if row.position is not None else None,
            ordering_key=row.ordering_key,
            sequence=row.sequence,
            due_at=DateTime(row.due_at) if row.due_at else None,
            tries=row.tries,
            round=row.round,
            made_at=DateTime(row.made_at),
            ended_at=DateTime(row.ended_at) if row.ended_at else None,
            row=row,
        )

    @strawberry.field(description="What came of the last try, in words.")
    def said(self, locale: str | None = None) -> str | None:
        return _reason(self.row.said, locale)

    @strawberry.field(description="What is sent: a webhook's whole body, else the text. Null: retention took it away.")
    def body(self) -> str | None:
        if self.row.body is None or self.row.retired_at is not None:
            return None
        message = unpacked(bytes(self.row.body))
        return body_of(message.data).decode() if message.data else message.text or message.markdown

    @strawberry.field(description="Its tries, the newest first. `first` is 1-100.")
    async def log(self, info: Info, first: int = 20) -> list[DeliveryTry]:
        found = await info.context.loaders.children(find.tries_of, self.row.id, bounded(first))
        return [DeliveryTry.of(row) for row in found]


@strawberry.type(description="A type of event: when it is told, and what it looks like.")
class EventType:
    name: str
    object: str
    description: str = told()

    @classmethod
    def of(cls, one: Known) -> "EventType":
        return cls(name=one.name, object=one.object, description=one.said)


def _reason(said: str | None, locale: str | None) -> str | None:
    """What is kept in English, in the reader's language. Raises InvalidInput for a locale that is none."""
    return said if said is None else reasons.in_words(said, locale_of(locale))
