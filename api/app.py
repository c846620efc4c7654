"""The application: routes, middleware and lifespan, as data. `python -m api.server` serves it."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Scope

from api import files, health, watching
from api.console import admission
from api.console import app as console
from api.console.asking import Asking
from api.console.refusals import ConsoleMiddleware
from api.crowd import CrowdMiddleware
from api.customer import pages
from api.customer.refusals import PageMiddleware
from api.doors import GRAPHQL_PATH, Gate, RateMiddleware, rates_of
from api.graphql.access.remembered import Remembered, Uses
from api.graphql.context import Context
from api.graphql.schema import make
from api.graphql.transport.bounds import WAITING_MAX, OperationBounds
from api.graphql.transport.endpoint import GraphQLView
from api.graphql.transport.extensions import Schema
from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from api.graphql.transport.trusted import plan
from api.graphql.transport.trusted import read as read_trusted
from api.graphql.transport.turns import Part, Turns
from api.http import SaidAnew, middleware
from api.links import hooks, unsubscribe
from api.metering import Metering
from api.sign_in import pages as sign_in
from api.sign_in.provider import Directory
from api.webhooks import pses, shops
from domain.access import giver
from domain.access.tokens import Principal
from domain.addresses import names
from domain.files.kinds import SIZE_MAX
from domain.platform import bell, traces
from domain.platform.database import Patience, close_pool, open_pool, stand_for
from domain.platform.log import configure
from domain.platform.settings import Settings

# What clients send by themselves: urql, Apollo and its studio, graphql-sse, tracing in browsers.
_HEADERS_OF_CLIENTS: Final = (
    "Authorization",
    "Content-Type",
    "X-Request-ID",
    "Apollo-Require-Preflight",
    "Apollographql-Client-Name",
    "Apollographql-Client-Version",
    "X-Apollo-Operation-Id",
    "X-Apollo-Operation-Name",
    "GraphQL-Require-Preflight",
    "GraphQL-Preflight",
    "X-Requested-With",
    "Cache-Control",
    "Pragma",
    "Last-Event-ID",
    "Baggage",
    "Sentry-Trace",
    "Traceparent",
    "Tracestate",
)


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What all requests of the process share."""

    settings: Settings
    waker: Waker
    feeds: Feeds
    uses: Uses
    metering: Metering
    gate: Gate
    remembered: Remembered

    @classmethod
    def of(cls, settings: Settings) -> "_Rooms":
        waker, uses, gate = Waker(settings.redis_url), Uses(), Gate.of(settings, rates_of(settings))
        remembered = Remembered(waker, uses=uses, second_factor=bool(settings.mfa_values))
        return cls(settings, waker, Feeds(waker), uses, Metering(), gate, remembered)

    async def authenticate(self, token: str | None) -> Principal | None:
        giver.hold(token)  # what is given in this request is given with it
        return await self.remembered(token)

    def context(self, principal: Principal, request_id: str) -> Context:
        stand_for(principal.merchant_id)  # whatever this operation asks from now on, it sees nobody else's
        return Context(principal, request_id, self.settings, self.waker, self.feeds)

    def counted_context(self, principal: Principal, request_id: str) -> Context:
        self.metering.calls.note(principal.merchant_id)
        return self.context(principal, request_id)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        settings = self.settings
        patience = Patience(settings.operation_seconds, settings.lock_seconds)
        await open_pool(settings.database_url, pool_max=settings.database_pool, patience=patience)
        await bell.connect(settings.redis_url)
        traces.configure(settings.otlp_url, "api")
        loops = {"uses": self.uses.run(), "metering": self.metering.run()}
        writing = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
        async with self.waker:
            yield
        for one in writing:
            one.cancel()
        await self.uses.flush()
        await self.metering.beat()
        await self.gate.rates.close()
        await bell.close()
        await close_pool()
        await asyncio.to_thread(traces.close)


def create(settings: Settings) -> Starlette:
    """The whole API with these settings."""
    names.open_places(settings.private_hosts)
    rooms = _Rooms.of(settings)
    routes = _routes(rooms)
    application = Starlette(routes=routes, middleware=_middleware(rooms, routes), lifespan=rooms.lifespan)
    # A redirect to the same path without its slash would lead to whatever host the client named.
    application.router.redirect_slashes = False
    application.state.settings = settings
    application.state.directory = Directory(settings)
    application.state.rates = rooms.gate.rates
    return application


def _view(rooms: _Rooms, schema: Schema) -> GraphQLView[Context, Principal]:
    settings = rooms.settings
    trusted = read_trusted(settings.trusted_documents)
    plan(schema.documents, schema._schema, trusted)
    return GraphQLView[Context, Principal](
        schema,
        authenticate=rooms.authenticate,
        make_context=rooms.counted_context,
        allowed_origins=settings.allowed_origins,
        gate=rooms.gate,
        bounds=OperationBounds(Turns(_at_once(settings), WAITING_MAX), settings.operation_seconds),
        share_of=_share_of,
        trusted=trusted,
    )


def _routes(rooms: _Rooms) -> list[BaseRoute]:
    settings = rooms.settings
    schema = make(introspection=settings.introspection)
    view = _view(rooms, schema)
    metrics = [Route(watching.PATH, watching.telling(settings.metrics_token))] if settings.metrics_token else []
    return [
        *metrics,
        Route(GRAPHQL_PATH, view),
        WebSocketRoute(GRAPHQL_PATH, view),
        *(Route(path, pses.receive, methods=["POST"]) for path in pses.PATHS),
        *(Route(path, shops.receive, methods=["POST", "GET"]) for path in shops.PATHS),
        Route(pages.PATH, pages.show, methods=["GET"]),
        Route(pages.PATH, pages.receive, methods=["POST"]),
        Route(unsubscribe.PATH, unsubscribe.show, methods=["GET"]),
        Route(unsubscribe.PATH, unsubscribe.receive, methods=["POST"]),
        Route(files.UPLOAD_PATH, files.take_in, methods=["PUT"]),
        Route(files.PATH, files.giving(rooms.authenticate), methods=["GET"]),
        *hooks.routes(rooms.authenticate, rooms.gate),
        *sign_in.ROUTES,
        *console.routes(Asking(schema, rooms.gate, view.bounds, rooms.context, _share_of)),
        Route("/healthz", health.alive),
        Route("/readyz", health.Readiness().answer),
    ]


def _middleware(rooms: _Rooms, routes: list[BaseRoute]) -> list[Middleware]:
    """The outermost first."""
    gate = rooms.gate
    return [
        Middleware(watching.CountingMiddleware, templates=watching.templates_of(routes)),
        Middleware(SaidAnew),
        Middleware(PageMiddleware),
        Middleware(ConsoleMiddleware),
        *middleware(
            _foreign_pages(rooms.settings),  # around the rates, so that a page can read how long it must wait
            Middleware(RateMiddleware, rates=gate.rates),
            body_bytes_max=rooms.settings.body_limit_bytes,
            own_max=_bytes_max,
        ),
        Middleware(
            CrowdMiddleware,
            arriving=gate.arriving,
            requests=gate.strangers,
            known_at=GRAPHQL_PATH,
            streamed=_is_streamed,
        ),
    ]


def _share_of(principal: Principal) -> Hashable:
    """A merchant's customers share a part of its places: browsers leave some to the merchant's own programs."""
    return Part(principal.merchant_id) if principal.is_customer else principal.merchant_id


def _at_once(settings: Settings) -> int:
    """Of one merchant: never so many that they hold every connection of the pool."""
    return max(1, min(settings.operations_per_merchant, settings.database_pool - 1))


def _bytes_max(scope: Scope) -> int | None:
    """Of a request's body, where it is not as everywhere."""
    return SIZE_MAX if scope["path"].startswith(files.UPLOAD_PREFIX) else admission.bytes_max(scope)


def _is_streamed(scope: Scope) -> bool:
    return scope["path"].startswith(files.UPLOAD_PREFIX) or admission.is_streamed(scope)


def _foreign_pages(settings: Settings) -> Middleware:
    """Pages of the allowed origins may ask over HTTP too. The token is a header, never a cookie: no credentials."""
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST"],
        allow_headers=_HEADERS_OF_CLIENTS,
        expose_headers=["X-Request-ID", "X-Correlation-ID", "Retry-After"],
        max_age=600,
    )


def __getattr__(name: str) -> Starlette:
    # The server asks for `app`; tests and tools that only want a part read no settings.
    if name != "app":
        raise AttributeError(name)
    settings = Settings.read()
    configure(settings)
    application = globals()[name] = create(settings)
    return application
