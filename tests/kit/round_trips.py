"""How often our programs ask PostgreSQL and wait for it, counted on the wire between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_LENGTH_BYTES = 4


@dataclass(slots=True)
class RoundTrips:
    """`count`: how often the server has said that it is ready for the next question (ReadyForQuery).

    `lose`: the count of the round trip whose answer does not arrive: the server has done it, and the connection ends.
    """

    url: str
    count: int = 0
    lose: int = 0


@asynccontextmanager
async def counted(database_url: str) -> AsyncIterator[RoundTrips]:
    """An address of the database behind which the round trips are counted."""
    parts = urlsplit(database_url)
    made = RoundTrips("")
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())  # type: ignore[arg-type]  # it runs as a task
        there, out = await asyncio.open_connection(parts.hostname, parts.port)
        passing = [asyncio.create_task(_as_it_is(reader, out)), asyncio.create_task(_counting(there, writer, made))]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in passing:
                task.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
            for each in (writer, out):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made.url = parts._replace(netloc=parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{port}").geturl()
    try:
        yield made
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _as_it_is(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def _counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, made: RoundTrips) -> None:
    """Pass the server's messages on: each is a letter, and its length, which counts itself."""
    if not await _answered_plainly(reader, writer):
        return
    while True:
        kind = await reader.readexactly(1)
        length = await reader.readexactly(_LENGTH_BYTES)
        body = await reader.readexactly(int.from_bytes(length) - _LENGTH_BYTES)
        made.count += kind == b"Z"
        if made.lose and made.count >= made.lose:
            made.lose = 0
            return
        writer.write(kind + length + body)


async def _answered_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether messages follow: a client that asks for TLS first is told with one letter that there is none."""
    first = await reader.read(1)
    writer.write(first)
    if first == b"R":  # no TLS was asked for: this is the first message's letter
        length = await reader.readexactly(_LENGTH_BYTES)
        writer.write(length + await reader.readexactly(int.from_bytes(length) - _LENGTH_BYTES))
    return first in (b"N", b"R")
