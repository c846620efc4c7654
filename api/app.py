"""The application: routes, middleware and lifespan, as data. `python -m api.server` serves it."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, WebSocketRoute

from api import files, health
from api.crowd import CrowdMiddleware
from api.customer import pages
from api.customer.refusals import PageMiddleware
from api.doors import GRAPHQL_PATH, Gate, RateMiddleware, rates_of
from api.graphql.access.remembered import Remembered, Uses
from api.graphql.context import Context
from api.graphql.schema import make
from api.graphql.transport.bounds import WAITING_MAX, OperationBounds
from api.graphql.transport.endpoint import GraphQLView
from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from api.graphql.transport.turns import Part, Turns
from api.http import Door, middleware
from api.sign_in import pages as sign_in
from api.sign_in.provider import Directory
from api.webhooks import endpoint
from domain.access import giver
from domain.access.tokens import Principal
from domain.addresses import names
from domain.files.kinds import SIZE_MAX
from domain.platform import bell
from domain.platform.database import Patience, close_pool, open_pool, stand_for
from domain.platform.log import configure
from domain.platform.settings import Settings


def create(settings: Settings) -> Starlette:
    """The whole API with these settings."""
    names.open_places(settings.private_hosts)
    waker = Waker(settings.redis_url)
    feeds, uses = Feeds(waker), Uses()
    gate = Gate.of(settings, rates_of(settings))
    remembered = Remembered(waker, uses=uses, second_factor=bool(settings.mfa_values))

    async def authenticate(token: str | None) -> Principal | None:
        giver.hold(token)  # what is given in this request is given with it
        return await remembered(token)

    def make_context(principal: Principal, request_id: str) -> Context:
        stand_for(principal.merchant_id)  # whatever this operation asks from now on, it sees nobody else's
        return Context(principal, request_id, settings, waker, feeds)

    view = GraphQLView[Context, Principal](
        make(introspection=settings.introspection),
        authenticate=authenticate,
        make_context=make_context,
        allowed_origins=settings.allowed_origins,
        gate=gate,
        bounds=OperationBounds(Turns(_at_once(settings), WAITING_MAX), settings.operation_seconds),
        share_of=_share_of,
    )
    patience = Patience(settings.operation_seconds, settings.lock_seconds)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await open_pool(settings.database_url, pool_max=settings.database_pool, patience=patience)
        await bell.connect(settings.redis_url)
        writing = asyncio.create_task(uses.run(), name="uses")
        async with waker:
            yield
        writing.cancel()
        await uses.flush()
        await gate.rates.close()
        await bell.close()
        await close_pool()

    application = Starlette(
        routes=[
            Route(GRAPHQL_PATH, view),
            WebSocketRoute(GRAPHQL_PATH, view),
            *(Route(path, endpoint.receive, methods=["POST"]) for path in endpoint.PATHS),
            Route(pages.PATH, pages.show, methods=["GET"]),
            Route(pages.PATH, pages.receive, methods=["POST"]),
            Route(files.UPLOAD_PATH, files.take_in, methods=["PUT"]),
            Route(files.PATH, files.giving(authenticate), methods=["GET"]),
            *sign_in.ROUTES,
            Route("/healthz", health.alive),
            Route("/readyz", health.Readiness().answer),
        ],
        middleware=[
            Middleware(Door),
            Middleware(PageMiddleware),
            *middleware(
                _foreign_pages(settings),  # around the rates, so that a page can read how long it must wait
                Middleware(RateMiddleware, rates=gate.rates),
                body_bytes_max=settings.body_limit_bytes,
                larger={files.UPLOAD_PREFIX: SIZE_MAX},
            ),
            Middleware(
                CrowdMiddleware,
                arriving=gate.arriving,
                requests=gate.strangers,
                known_at=GRAPHQL_PATH,
                streamed=files.UPLOAD_PREFIX,
            ),
        ],
        lifespan=lifespan,
    )
    # A redirect to the same path without its slash would lead to whatever host the client named.
    application.router.redirect_slashes = False
    application.state.settings = settings
    application.state.directory = Directory(settings)
    application.state.rates = gate.rates
    return application


def _share_of(principal: Principal) -> Hashable:
    """A merchant's customers share a part of its places: browsers leave some to the merchant's own programs."""
    return Part(principal.merchant_id) if principal.is_customer else principal.merchant_id


def _at_once(settings: Settings) -> int:
    """Of one merchant: never so many that they hold every connection of the pool."""
    return max(1, min(settings.operations_per_merchant, settings.database_pool - 1))


def _foreign_pages(settings: Settings) -> Middleware:
    """Pages of the allowed origins may ask over HTTP too. The token is a header, never a cookie: no credentials."""
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
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
