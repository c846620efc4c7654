"""Raw connections to a server, and a server of the shop with the bounds of its settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.doors import Gate, rates_of
from tests.api.graphql.transport.conftest import Server, serving
from tests.api.graphql.transport.shop import TOKEN, Desk, shop_app
from tests.kit.world import quick_settings

GET = b"GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"
POST = b"POST /swallow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n0123456789"
HURRIED = {"head_seconds": 0.2, "body_seconds": 0.2}


class Wire:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def heard(self) -> bytes:
        """All until the server closes."""
        async with asyncio.timeout(20):
            return await self.reader.read()

    async def flood(self, turn: bytes, size: int) -> int:
        """Send until so much is sent or the server has answered; how much was sent."""
        sent = 0
        while sent < size and not self.reader.at_eof() and not self.reader._buffer:  # type: ignore[attr-defined]
            self.writer.write(turn)
            sent += len(turn)
            await self.writer.drain()
        return sent


@asynccontextmanager
async def wire_to(server: Server) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**26)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def a_server(**settings: float) -> AsyncIterator[Server]:
    desk = Desk()
    chosen = quick_settings(**settings)
    rates = rates_of(chosen)
    async with serving(shop_app(desk, gate=Gate.of(chosen, rates)), desk, chosen) as server:
        yield server
    await rates.close()
