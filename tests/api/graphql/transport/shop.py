"""A small schema of a shop, not the product's, that shows each behaviour of the plumbing once."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from strawberry.relay import PageInfo
from strawberry.types import Info as StrawberryInfo

from api.doors import Gate
from api.graphql.transport.documents import DocumentCache
from api.graphql.transport.endpoint import GraphQLView
from api.graphql.transport.errors import InvalidInputError, RefundCreateError
from api.graphql.transport.extensions import Schema, build_schema
from api.graphql.transport.limits import Limits
from api.graphql.transport.paging import Connection, Counting, Edge
from api.graphql.transport.problems import errors_of
from api.graphql.transport.scalars import BigInt, CurrencyCode, Date, DateTime, Money, MoneyInput
from api.http import middleware, request_id
from domain.money import Money as Amount
from domain.problems import Forbidden, Problem

TOKEN = "a-good-token"
SECRET = "the password is hunter2"


@dataclass(frozen=True)
class Clerk:
    """Whoever holds a token of the shop."""

    name: str
    expires_at: datetime | None
    merchant: str = "the shop"


@dataclass
class Desk:
    """The shop's tokens, and what was done: tests read and change both."""

    tokens: dict[str, Clerk] = field(default_factory=lambda: {TOKEN: Clerk("ana", _tomorrow())})
    contexts: int = 0
    done: list[str] = field(default_factory=list)
    following: int = 0

    async def authenticate(self, token: str | None) -> Clerk | None:
        clerk = self.tokens.get(token or "")
        if clerk is None or (clerk.expires_at is not None and clerk.expires_at <= datetime.now(UTC)):
            return None
        return clerk


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


@dataclass
class Context:
    clerk: Clerk
    request_id: str
    desk: Desk


Info = StrawberryInfo[Context, None]


@strawberry.enum
class Colour(Enum):
    RED = "RED"
    BLUE = "BLUE"


@strawberry.type
class Item:
    name: str
    price: Money

    @strawberry.field
    def similar(self, first: int) -> Connection["Item"]:
        return _connection(first)

    @strawberry.field
    def same(self) -> "Item":
        return self


def _connection(first: int) -> Connection[Item]:
    item = Item(name="pen", price=Money.of(Amount(1050, "BRL")))
    page_info = PageInfo(has_next_page=False, has_previous_page=False, start_cursor=None, end_cursor=None)
    return Connection(edges=[Edge(node=item, cursor="c")] * min(first, 3), page_info=page_info, total=Counting(_three))


async def _three() -> int:
    return 3


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def items(self, first: int, after: str | None = None) -> Connection[Item]:
        return _connection(first)

    @strawberry.field
    def item(self) -> Item:
        return Item(name="pen", price=Money.of(Amount(1050, "BRL")))

    @strawberry.field
    def who(self, info: Info) -> str:
        return f"{info.context.clerk.name} {info.context.request_id == request_id()}"

    @strawberry.field
    def paint(self, colour: Colour) -> str:
        return colour.value

    @strawberry.field
    def paint_all(self, colours: list[Colour]) -> int:
        return len(colours)

    @strawberry.field
    def echo_integer(self, value: BigInt) -> BigInt:
        return value

    @strawberry.field
    def echo_moment(self, value: DateTime) -> DateTime:
        return value

    @strawberry.field
    def echo_day(self, value: Date) -> Date:
        return value

    @strawberry.field
    def echo_currency(self, value: CurrencyCode) -> CurrencyCode:
        return value

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def required_but_broken(self) -> str:
        raise RuntimeError(SECRET)

    @strawberry.field
    def forbidden(self) -> str | None:
        raise Forbidden("Ask an administrator.")

    @strawberry.field
    def spoken(self) -> str | None:
        raise GraphQLError("Said on purpose.", extensions={"code": "SPOKEN"})


@strawberry.type
class BuyPayload:
    bought: Money | None
    errors: list[RefundCreateError]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def buy(self, info: Info, amount: MoneyInput) -> BuyPayload:
        try:
            parsed = amount.parsed(["amount"])
        except Problem as problem:
            return BuyPayload(bought=None, errors=errors_of(problem))
        info.context.desk.done.append(str(parsed))
        return BuyPayload(bought=Money.of(parsed), errors=[])

    @strawberry.mutation
    def sell(self, info: Info) -> bool:
        info.context.desk.done.append("sold")
        return True

    @strawberry.mutation
    def tidy(self) -> bool:
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: Info, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            await asyncio.sleep(0)
            yield number

    @strawberry.subscription
    async def forever(self, info: Info) -> AsyncGenerator[str, None]:
        desk = info.context.desk
        desk.following += 1
        try:
            yield info.context.clerk.name
            await asyncio.Event().wait()
        finally:
            desk.following -= 1

    @strawberry.subscription
    async def breaks(self, info: Info) -> AsyncGenerator[int, None]:
        yield 1
        raise RuntimeError(SECRET)


def shop_schema(documents: DocumentCache | None = None) -> Schema:
    limits = Limits(moving_money=frozenset({"buy", "sell"}))
    return build_schema(
        Query, Mutation, Subscription, types=[InvalidInputError], documents=documents or DocumentCache(limits)
    )


async def _explode(request: Request) -> Response:
    raise RuntimeError(SECRET)


async def _swallow(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


def shop_app(
    desk: Desk, *, init_seconds: float = 10.0, recheck_seconds: float = 4.0, gate: Gate | None = None
) -> Starlette:
    """The shop, assembled as the product assembles itself."""

    def make_context(clerk: Clerk, given_request_id: str) -> Context:
        desk.contexts += 1
        return Context(clerk, given_request_id, desk)

    view = GraphQLView(
        shop_schema(),
        authenticate=desk.authenticate,
        make_context=make_context,
        allowed_origins=["https://friend.example"],
        init_seconds=init_seconds,
        recheck_seconds=recheck_seconds,
        gate=gate,
        share_of=lambda clerk: clerk.merchant,
    )
    return Starlette(
        routes=[
            Route("/graphql", view),
            WebSocketRoute("/graphql", view),
            Route("/explode", _explode),
            Route("/swallow", _swallow, methods=["POST"]),
        ],
        middleware=middleware(),
    )
