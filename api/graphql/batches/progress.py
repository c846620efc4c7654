"""Following a sheet: the last word whenever it is further. It ends when the sheet has come to its end."""

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

import strawberry

from api.graphql.batches.types import BatchState
from api.graphql.context import Info
from api.graphql.refunds.events import CaughtUpMessage, HeartbeatMessage
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.feeds import FeedKind
from api.graphql.transport.follow import CaughtUp, Heartbeat, Item
from api.graphql.transport.live import Followed
from domain.batches import batches, progress
from domain.batches.batches import SheetState
from domain.batches.progress import BatchTold
from domain.platform import bell
from domain.problems import InvalidInput, NotFound

SHEETS: FeedKind[UUID, BatchTold] = FeedKind(
    "batches",
    progress.after_each,
    position=lambda told: told.changes,
    is_terminal=lambda told: told.ended,
    channel=bell.batch_channel,
)


@strawberry.type(description="How far a sheet is.")
class BatchProgress:
    batch_id: strawberry.ID
    state: Annotated[SheetState, BatchState]
    rows_done: int
    rows_total: int | None = strawberry.field(description="Null: it is being read.")
    problem: str | None = told()

    @classmethod
    def of(cls, told: BatchTold) -> "BatchProgress":
        return cls(
            batch_id=strawberry.ID(str(told.batch_id)),
            state=told.state,
            rows_done=told.rows_done,
            rows_total=told.rows_total,
            problem=told.problem,
        )


@strawberry.type(description="The last word of a sheet; words that were said before it was read are left out.")
class BatchProgressMessage:
    progress: BatchProgress
    replayed: bool
    cursor: str


BatchStreamMessage = Annotated[
    BatchProgressMessage | CaughtUpMessage | HeartbeatMessage, strawberry.union(name="BatchStreamMessage")
]


async def follow(info: Info, batch_id: str, after: str | None) -> AsyncGenerator[BatchStreamMessage, None]:
    """The stream of `batchProgress`. Raises Forbidden, InvalidInput, NotFound."""
    principal = info.context.principal
    key = ids.uuid_of(batch_id, ["batchId"])
    if not await batches.readable(principal).filter(id=key).exists():
        raise NotFound("There is no such sheet.", path=["batchId"])
    shared = info.context.without_person()
    return Followed(
        info.context.feeds.of(SHEETS),
        key,
        _position(after),
        shown=_message,
        scope=(shared.principal, locale_of(None, shared.spoken)),
        shared=shared,
        owner=principal.merchant_id,
    )


def _position(after: str | None) -> int:
    if after is None:
        return -1
    if not (after.isascii() and after.isdecimal() and len(after) <= 9):
        raise InvalidInput("after is the `cursor` of a sheet or a message.", path=["after"])
    return int(after)


def _message(item: Item[BatchTold]) -> BatchStreamMessage:
    if isinstance(item, CaughtUp):
        return CaughtUpMessage(cursor=str(item.position))
    if isinstance(item, Heartbeat):
        return HeartbeatMessage(cursor=str(item.position))
    told = item.row
    return BatchProgressMessage(progress=BatchProgress.of(told), replayed=item.replayed, cursor=str(told.changes))
