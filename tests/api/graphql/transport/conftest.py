"""A real uvicorn on a free port, in the event loop of the test module."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio
import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect

from api.server import configuration
from domain.platform.settings import Settings
from tests.api.graphql.transport.shop import TOKEN, Desk, shop_app
from tests.kit.world import quick_settings
from tests.sandbox.server import TLS

AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await asyncio.sleep(0.01)


@dataclass
class Server:
    """A running server, and what its shop did."""

    port: int
    desk: Desk
    client: httpx.AsyncClient
    uvicorn: uvicorn.Server

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    async def post(self, body: Any, *, accept: str | None = None, **headers: str) -> httpx.Response:
        """POST as JSON; `accept=None` sends `*/*` as httpx does."""
        given = {"content-type": "application/json", **headers, **({"accept": accept} if accept else {})}
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return await self.client.post("/graphql", content=content, headers=given)


@asynccontextmanager
async def serving(app: ASGIApp, desk: Desk, settings: Settings | None = None) -> AsyncIterator[Server]:
    """Serve an app as the product is served, until the block is left."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = settings or quick_settings()
    config = configuration(app, settings, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await eventually(lambda: server.started)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=AUTHORIZED, verify=TLS) as client:
            yield Server(port, desk, client, server)
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Server]:
    desk = Desk()
    async with serving(shop_app(desk), desk) as server:
        yield server


class Socket:
    """A graphql-transport-ws client of a few lines."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: Any) -> None:
        await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            message: dict[str, Any] = json.loads(await self.connection.recv())
            return message

    async def subscribe(self, query: str, operation: str = "1", **more: Any) -> None:
        await self.send({"type": "subscribe", "id": operation, "payload": {"query": query, **more}})

    async def init(self, token: str | None = TOKEN) -> dict[str, Any]:
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await self.send({"type": "connection_init", "payload": payload})
        return await self.receive()

    async def close_code(self) -> int | None:
        """The code that the server closes with."""
        async with asyncio.timeout(10):
            await self.connection.wait_closed()
        return self.connection.close_code


@asynccontextmanager
async def socket_to(server: Server, **options: Any) -> AsyncIterator[Socket]:
    """An open WebSocket, not yet initialised."""
    options.setdefault("subprotocols", ["graphql-transport-ws"])
    async with connect(server.socket_url, proxy=None, **options) as connection:
        yield Socket(connection)
