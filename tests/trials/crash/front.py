"""One address in front of several API processes, as a load balancer is: whoever dies cuts its own connections only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK_BYTES = 65_536


class Front:
    """Passes each connection to the first of `ports` where somebody listens; with nobody there it is closed."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.ports: list[int] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self.ports:
            try:
                from_api, to_api = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            ways = {asyncio.create_task(_copy(reader, to_api)), asyncio.create_task(_copy(from_api, writer))}
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            to_api.close()
            break
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        return  # the other end is gone, which is what this is for


@asynccontextmanager
async def front(port: int) -> AsyncIterator[Front]:
    """The front door, open."""
    door = Front(port)
    server = await asyncio.start_server(door.take, "127.0.0.1", port)
    try:
        yield door
    finally:
        server.close()
