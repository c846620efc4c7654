"""The sandbox as one ASGI application."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sandbox.admin import Admin
from tests.sandbox.books import Books
from tests.sandbox.lab import LabServer
from tests.sandbox.pix import PixServer


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def create(log_file: Path | None = None) -> Starlette:
    """Fresh PSEs over the same books, which open with money in them and no payments.

    `log_file` gets a line for every movement of money.
    """
    books = Books(log_file)
    server = PixServer(books)
    routes = [*server.routes(), *LabServer(books).routes(), *Admin(server).routes(), Route("/healthz", _alive)]
    return Starlette(routes=routes)
