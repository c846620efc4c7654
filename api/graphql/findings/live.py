"""Following findings live: what has changed behind a position, then CaughtUp, then live; at least once, in order."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.findings.inputs import FindingFilter, wanted_by
from api.graphql.findings.types import Finding
from api.graphql.refunds.events import CaughtUpMessage, HeartbeatMessage, after_of
from api.graphql.transport.feeds import FeedKind
from api.graphql.transport.follow import CaughtUp, Heartbeat, Item
from api.graphql.transport.live import LIVE, Followed
from api.http import languages
from domain.access.permissions import Permission
from domain.findings import changes
from domain.findings.changes import Change, Chosen
from domain.platform import bell
from domain.problems import InvalidInput

FINDINGS: FeedKind[Chosen, Change] = FeedKind(
    "findings",
    changes.after_each,
    position=lambda change: change[0],
    is_terminal=lambda change: False,
    channel=lambda chosen: bell.findings_channel(chosen.scope.merchant_id),
    sparse=True,
)


@strawberry.type(description="A finding as it is after a change; changes that were overtaken are left out.")
class FindingChangedMessage:
    finding: Finding
    cursor: str = strawberry.field(description="Pass it as `after` of the same stream to go on behind this change.")
    replayed: bool


FindingStreamMessage = Annotated[
    FindingChangedMessage | CaughtUpMessage | HeartbeatMessage, strawberry.union(name="FindingStreamMessage")
]


@strawberry.type
class FindingSubscription:
    @strawberry.subscription(
        metadata=LIVE,
        description="Each finding that was opened, changed, worked on or resolved behind `after`, as it is then; "
        "CaughtUpMessage; then live, a few seconds behind. At least once, in order, without a gap; it does not "
        "complete. `filter` is of what it is after the change: name no states to hear of endings. Needs READ_LEDGER.",
    )
    async def findings_changed(
        self, info: Info, after: str | None = None, filter: FindingFilter | None = None
    ) -> AsyncGenerator[FindingStreamMessage, None]:
        return await _follow(info, after, filter)


async def _follow(
    info: Info, after: str | None, given: FindingFilter | None
) -> AsyncGenerator[FindingStreamMessage, None]:
    """Raises Forbidden, InvalidInput."""
    principal = info.context.principal
    scope = principal.scope(Permission.READ_LEDGER)
    start, end = after_of(after), await changes.head(scope.merchant_id)
    if start > end:
        raise InvalidInput(
            f"`after` lies ahead of the feed, which ends at {end}; it is a cursor of another merchant or server.",
            path=["after"],
        )
    shared = info.context.without_person()
    wanted = wanted_by(given, principal)
    if wanted.second_person is not None:
        raise InvalidInput("secondPerson is looked up (findings), and not followed.", path=["filter", "secondPerson"])
    chosen = Chosen.of(scope, wanted)
    feed = info.context.feeds.of(FINDINGS)
    # What is told is in its reader's language: those who share it share that, too.
    spoken = languages()
    shown = partial(_message, spoken)
    return Followed(feed, chosen, start, shown=shown, scope=(shared.principal, spoken), shared=shared)


def _message(spoken: str | None, item: Item[Change]) -> FindingStreamMessage:
    if isinstance(item, CaughtUp):
        return CaughtUpMessage(cursor=str(item.position))
    if isinstance(item, Heartbeat):
        return HeartbeatMessage(cursor=str(item.position))
    position, finding = item.row
    if finding is None:
        return HeartbeatMessage(cursor=str(position))
    told = Finding.of(finding)
    told.spoken = spoken
    return FindingChangedMessage(finding=told, cursor=str(position), replayed=item.replayed)
