"""The sandbox as one ASGI application."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.kit.accounts import ACCOUNTS
from tests.sandbox import admin
from tests.sandbox.adyen.server import AdyenServer
from tests.sandbox.books import Books
from tests.sandbox.clock import Clock
from tests.sandbox.conekta.server import ConektaServer
from tests.sandbox.dlocal.server import DLocalServer
from tests.sandbox.ebanx.server import EbanxServer
from tests.sandbox.lab.server import LabServer
from tests.sandbox.mercadopago.server import WINDOW_DAYS as MERCADOPAGO_DAYS
from tests.sandbox.mercadopago.server import MercadoPagoServer
from tests.sandbox.pix.server import WINDOW_DAYS as PIX_DAYS
from tests.sandbox.pix.server import PixServer
from tests.sandbox.server import PseServer
from tests.sandbox.stripe.server import StripeServer

# Each PSE's server, and how long after its capture it lets a payment be refunded (None: no limit is published).
PSES: list[tuple[Callable[[Books], PseServer], str, int | None]] = [
    (AdyenServer, "adyen", None),
    (PixServer, "pix", PIX_DAYS),
    (DLocalServer, "dlocal", None),
    (EbanxServer, "ebanx", None),
    (StripeServer, "stripe", None),
    (ConektaServer, "conekta", None),
    (LabServer, "lab", None),
    (MercadoPagoServer, "mercadopago", MERCADOPAGO_DAYS),
]


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def _accounts(request: Request) -> Response:
    return JSONResponse({name: asdict(account) for name, account in ACCOUNTS.items()})


def create(log_file: Path | None = None, around: Sequence[BaseRoute] = ()) -> Starlette:
    """Fresh PSEs, each with books that open with money in them and no payments.

    `log_file` gets a line for every movement of money; `around`: what is there beside PSEs.
    """
    servers = [make(Books(name, log_file, window_days=days)) for make, name, days in PSES]
    # The merchant's account at each PSE, for whoever wants to connect: path, client_id, secrets, method, currency ...
    routes: list[BaseRoute] = [Route("/healthz", _alive), Route("/_admin/accounts", _accounts)]
    for server in servers:
        routes += [*server.routes(), *admin.routes(server)]
    routes += around
    return Starlette(routes=routes, middleware=[Middleware(Clock, servers=servers)])
