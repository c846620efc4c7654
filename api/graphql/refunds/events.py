"""A refund's history, and following it live: replay from the table, CaughtUp, then live; in order, at least once."""

from collections.abc import AsyncGenerator, Callable, Hashable
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.feeds import FeedKind
from api.graphql.transport.follow import CaughtUp, Heartbeat, Item
from api.graphql.transport.live import Followed
from api.graphql.transport.scalars import DateTime
from domain.access.permissions import Permission
from domain.access.principal import Scope
from domain.history import events, portions, seals
from domain.history.events import Happened
from domain.models import Event as Row
from domain.models.refunds import State
from domain.platform import bell
from domain.problems import InvalidInput
from domain.refunds import find
from domain.refunds.states import SETTLED_FOR_NOW

RefundStatus = strawberry.enum(State, name="RefundStatus", description="Where a refund is. Members may be added.")
K = TypeVar("K", bound=Hashable)
E = TypeVar("E")
# By the refund's id, and by the merchant's.
REFUNDS: FeedKind[UUID, Happened] = FeedKind(
    "refunds",
    events.after_each,
    position=lambda event: event.sequence,
    is_terminal=lambda event: event.state in SETTLED_FOR_NOW,
    channel=bell.refund_channel,
)
MERCHANTS: FeedKind[UUID, tuple[int, Happened]] = FeedKind(
    "merchants",
    seals.after_each,
    position=lambda sealed: sealed[0],
    is_terminal=lambda sealed: False,
    channel=bell.merchant_channel,
)

# For who may see some of a merchant's: by that scope.
PORTIONS: FeedKind[Scope, portions.Portion] = FeedKind(
    "portions",
    portions.after_each,
    position=lambda portion: portion[0],
    is_terminal=lambda portion: False,
    channel=lambda scope: bell.merchant_channel(scope.merchant_id),
    sparse=True,
)


@strawberry.type(description="Something that happened to a refund. `sequence` is gapless per refund.")
class RefundEvent:
    id: strawberry.ID
    refund_id: strawberry.ID
    sequence: int
    kind: str
    status: State
    previous_status: State | None
    occurred_at: DateTime
    request_id: str
    actor: str
    code: str | None = strawberry.field(description="The PSE's or our code, verbatim.")
    message: str | None = told()
    cursor: str = strawberry.field(description="Pass it as `after` of the same stream to go on behind this event.")

    @classmethod
    def of(cls, row: Row | Happened) -> "RefundEvent":
        return cls(
            id=strawberry.ID(f"{row.refund_id}/{row.sequence}"),
            refund_id=strawberry.ID(to_base64("Refund", str(row.refund_id))),
            sequence=row.sequence,
            kind=row.kind,
            status=row.state,
            previous_status=row.previous_state,
            occurred_at=DateTime(row.occurred_at),
            request_id=row.request_id,
            actor=row.actor,
            code=row.code,
            message=row.message,
            cursor=str(row.sequence),
        )


@strawberry.type(description="An event of a refund; `replayed`: it happened before the subscription caught up.")
class RefundEventMessage:
    event: RefundEvent
    replayed: bool


@strawberry.type(description="Everything that had happened was sent; what follows is live.")
class CaughtUpMessage:
    cursor: str


@strawberry.type(description="Nothing happened that one may see; the stream is alive.")
class HeartbeatMessage:
    cursor: str


RefundStreamMessage = Annotated[
    RefundEventMessage | CaughtUpMessage | HeartbeatMessage, strawberry.union(name="RefundStreamMessage")
]
Messages = AsyncGenerator[RefundStreamMessage, None]


def after_of(cursor: str | None) -> int:
    """The position that a cursor of a stream stands for. Raises InvalidInput."""
    if cursor is None or cursor == "":
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidInput("`after` is a cursor of this very stream, sent exactly as it was given.", path=["after"])
    return int(cursor)


async def follow_refund(info: Info, refund_id: str, after: str | None) -> Messages:
    """The stream of `refundEvents`. It ends when nothing more is expected of the refund."""
    scope = info.context.principal.scope(Permission.READ, Permission.SEE)
    key = ids.decode(refund_id, "Refund", ["refundId"])
    start = after_of(after)
    feed = info.context.feeds.of(REFUNDS)
    ended = False
    if not (scope.is_whole and feed.belongs_to(key, scope.merchant_id)) or start > feed.reached(key):
        refund = await find.find(scope, key)
        if start > refund.sequence:
            raise InvalidInput(
                f"`after` lies ahead of the refund, which is at {refund.sequence}; it is a cursor of another stream.",
                path=["after"],
            )
        ended = start == refund.sequence and refund.state in SETTLED_FOR_NOW
    # Whose it is was proven; a part of the merchant's is looked up each time.
    owner = scope.merchant_id if scope.is_whole else None
    return _followed(info, REFUNDS, key, start, _message, owner=owner, ended=ended)


async def follow_merchant(info: Info, after: str | None) -> Messages:
    """The stream of `refundsChanged`: every sealed event that one may see, in order. It never ends by itself."""
    scope = info.context.principal.scope(Permission.READ)
    start = after_of(after)
    end = (await seals.head(scope.merchant_id)).position
    if start > end:
        # It would wait in silence until other events had got those positions, and leave them out.
        raise InvalidInput(
            f"`after` lies ahead of the feed, which ends at {end}; it is a cursor of another merchant or server.",
            path=["after"],
        )
    if scope.is_whole:
        return _followed(info, MERCHANTS, scope.merchant_id, start, _sealed_message)
    return _followed(info, PORTIONS, scope, start, _portion_message)


def _followed(
    info: Info,
    kind: FeedKind[K, E],
    key: K,
    after: int,
    shown: Callable[[Item[E]], Any],
    *,
    owner: UUID | None = None,
    ended: bool = False,
) -> Messages:
    shared = info.context.without_person()
    feed = info.context.feeds.of(kind)
    return Followed(
        feed,
        key,
        after,
        shown=shown,
        scope=(shared.principal, locale_of(None, shared.spoken)),
        shared=shared,
        owner=owner,
        ended=ended,
    )


def _message(item: Item[Happened]) -> RefundStreamMessage:
    if isinstance(item, CaughtUp):
        return CaughtUpMessage(cursor=str(item.position))
    if isinstance(item, Heartbeat):
        return HeartbeatMessage(cursor=str(item.position))
    return RefundEventMessage(event=RefundEvent.of(item.row), replayed=item.replayed)


def _sealed_message(item: Item[tuple[int, Happened]]) -> RefundStreamMessage:
    if isinstance(item, CaughtUp | Heartbeat):
        return _message(item)
    position, happened = item.row
    return _at(position, happened, replayed=item.replayed)


def _portion_message(item: Item[portions.Portion]) -> RefundStreamMessage:
    if isinstance(item, CaughtUp | Heartbeat):
        return _message(item)
    position, happened = item.row
    return _at(position, happened, replayed=item.replayed) if happened else HeartbeatMessage(cursor=str(position))


def _at(position: int, happened: Happened, *, replayed: bool) -> RefundStreamMessage:
    event = RefundEvent.of(happened)
    event.cursor = str(position)
    return RefundEventMessage(event=event, replayed=replayed)
