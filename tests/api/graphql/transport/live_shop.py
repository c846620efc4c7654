"""A shop whose ticks are followed live, which counts what is read and what is executed."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.types import Info as StrawberryInfo

from api.doors import Gate
from api.graphql.transport.endpoint import GraphQLView
from api.graphql.transport.extensions import build_schema
from api.graphql.transport.feeds import FeedKind, Feeds
from api.graphql.transport.follow import Change, Heartbeat, Item, Waker
from api.graphql.transport.live import LIVE, Followed
from api.http import middleware
from tests.api.graphql.transport.shop import SECRET, Clerk, Desk

CHANNEL = "ticks"


@dataclass
class Ticks:
    """Numbers by the name of what is followed; `last` is terminal."""

    rows: dict[str, list[int]] = field(default_factory=lambda: {"clock": []})
    reads: int = 0
    asked: int = 0
    last: int = 1_000_000
    failure: Exception | None = None
    begun: asyncio.Event | None = None  # is set where a read has seen what there is
    go_on: asyncio.Event | None = None  # and it waits for this

    async def read(self, pairs: Sequence[tuple[str, int]], limit: int) -> list[list[int]]:
        if self.failure:
            raise self.failure
        self.reads += 1
        self.asked += len(pairs)
        seen = [[row for row in self.rows[name] if row > after][:limit] for name, after in pairs]
        if self.begun and self.go_on:
            self.begun.set()
            await self.go_on.wait()
        return seen

    def kind(self, *, poll: float = 60.0, heartbeat: float = 60.0) -> FeedKind[str, int]:
        return FeedKind(
            "ticks",
            self.read,
            position=lambda row: row,
            is_terminal=lambda row: row >= self.last,
            channel=lambda name: f"{CHANNEL}:{name}",
            poll_seconds=poll,
            heartbeat_seconds=heartbeat,
        )


@dataclass
class LiveDesk(Desk):
    """A desk with a table of ticks. `broken`: each execution fails with what nobody foresaw."""

    ticks: Ticks = field(default_factory=Ticks)
    waker: Waker = field(default_factory=lambda: Waker("redis://127.0.0.1:1"))
    executions: int = 0
    broken: bool = False

    def __post_init__(self) -> None:
        self.feeds = Feeds(self.waker)
        self.kind = self.ticks.kind()

    def tick(self, name: str = "clock") -> int:
        """One row more, and a wake."""
        rows = self.ticks.rows[name]
        rows.append(len(rows) + 1)
        self.waker._wake(f"{CHANNEL}:{name}")
        return rows[-1]


@dataclass
class LiveContext:
    clerk: Clerk
    desk: LiveDesk


Info = StrawberryInfo[LiveContext, None]


@strawberry.type
class Tick:
    kind: str
    number: int
    replayed: bool

    @strawberry.field
    def shown(self, info: Info, size: int = 0) -> str | None:
        """Whom it is shown to, in so many more characters."""
        desk = info.context.desk
        desk.executions += self.kind == "Change"
        if desk.broken:
            raise RuntimeError(SECRET)
        return f"{info.context.clerk.merchant}/{info.context.clerk.name}{'.' * size}"

    @strawberry.field
    def spoken(self) -> str | None:
        raise GraphQLError("Said on purpose.")


def _tick(item: Item[int]) -> Tick:
    if isinstance(item, Change):
        return Tick(kind="Change", number=item.row, replayed=item.replayed)
    return Tick(kind="Heartbeat" if isinstance(item, Heartbeat) else "CaughtUp", number=item.position, replayed=False)


@strawberry.type
class _Query:
    hello: str = "world"


@strawberry.type
class _Subscription:
    @strawberry.subscription(metadata=LIVE)
    async def ticks(self, info: Info, name: str = "clock", after: int = 0) -> AsyncGenerator[Tick, None]:
        desk, scope = info.context.desk, replace(info.context.clerk, name="", expires_at=None)
        shared = LiveContext(scope, desk)
        return Followed(desk.feeds.of(desk.kind), name, after, shown=_tick, scope=scope, shared=shared)


def live_app(desk: LiveDesk, *, recheck_seconds: float = 4.0, gate: Gate | None = None) -> Starlette:
    """The shop, assembled as the product assembles itself."""
    view = GraphQLView[LiveContext, Any](
        build_schema(_Query, subscription=_Subscription),
        authenticate=desk.authenticate,
        make_context=lambda clerk, request_id: LiveContext(clerk, desk),
        recheck_seconds=recheck_seconds,
        gate=gate,
        share_of=lambda clerk: clerk.merchant,
    )
    return Starlette(routes=[Route("/graphql", view), WebSocketRoute("/graphql", view)], middleware=middleware())
