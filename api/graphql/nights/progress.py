"""How far a run is, and following it: the last word when it changes. It ends when the run has ended."""

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.refunds.events import CaughtUpMessage, HeartbeatMessage
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.feeds import FeedKind
from api.graphql.transport.follow import CaughtUp, Heartbeat, Item
from api.graphql.transport.live import Followed
from api.graphql.transport.scalars import BigInt, DateTime
from domain.access.permissions import Permission
from domain.platform import bell
from domain.problems import NotFound
from domain.reconciliation import find as runs
from domain.reconciliation import progress
from domain.reconciliation.progress import RunTold

RUNS: FeedKind[UUID, RunTold] = FeedKind(
    "runs",
    progress.after_each,
    position=lambda told: told.changes,
    is_terminal=lambda told: told.ended,
    channel=bell.run_channel,
)


@strawberry.type(description="How far a run is. Rows are those of the phase; in FETCHING they are files.")
class RunProgress:
    run_id: strawberry.ID
    state: str
    phase: str | None = strawberry.field(
        description="LISTING, FETCHING, READING, MATCHING, ENTERING, STORING or COMPARING; null: it has ended."
    )
    rows_done: BigInt | None
    rows_total: BigInt | None
    rows_per_second: float | None = strawberry.field(description="By itself, else by the last night that had rows.")
    seconds_left: int | None = strawberry.field(description="About; null: nothing is known of it.")
    begun_at: DateTime | None
    error: str | None = told()

    @classmethod
    def of(cls, told: RunTold) -> "RunProgress":
        return cls(
            run_id=strawberry.ID(to_base64("ReconciliationRun", str(told.run_id))),
            state=told.state,
            phase=told.phase,
            rows_done=BigInt(told.rows_done) if told.rows_done is not None else None,
            rows_total=BigInt(told.rows_total) if told.rows_total is not None else None,
            rows_per_second=told.rate,
            seconds_left=told.seconds_left,
            begun_at=DateTime(told.begun_at) if told.begun_at else None,
            error=told.error,
        )


@strawberry.type(description="The last word of a run; words that were said before it was read are left out.")
class RunProgressMessage:
    progress: RunProgress
    replayed: bool


RunStreamMessage = Annotated[
    RunProgressMessage | CaughtUpMessage | HeartbeatMessage, strawberry.union(name="RunStreamMessage")
]


async def follow_run(info: Info, run_id: str) -> AsyncGenerator[RunStreamMessage, None]:
    """The stream of `reconciliationRunProgress`. Raises Forbidden, InvalidInput, NotFound."""
    principal = info.context.principal
    scope = principal.scope(Permission.READ_LEDGER)
    key = ids.decode(run_id, "ReconciliationRun", ["runId"])
    if not await runs.readable(principal).filter(id=key).exists():
        raise NotFound("There is no such run.", path=["runId"])
    shared = info.context.without_person()
    return Followed(
        info.context.feeds.of(RUNS),
        key,
        -1,
        shown=_message,
        scope=(shared.principal, locale_of(None, shared.spoken)),
        shared=shared,
        owner=scope.merchant_id if scope.is_whole else None,
    )


def _message(item: Item[RunTold]) -> RunStreamMessage:
    if isinstance(item, CaughtUp):
        return CaughtUpMessage(cursor=str(item.position))
    if isinstance(item, Heartbeat):
        return HeartbeatMessage(cursor=str(item.position))
    return RunProgressMessage(progress=RunProgress.of(item.row), replayed=item.replayed)
