"""A merchant's own server that is told news: it keeps what it took, and answers as the test wants it to.

Its moods are those of real ones: slow, silent, endless, redirecting, gone, in trouble. It speaks HTTP/1.1 by hand, so
that it can break off anywhere.
"""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

_CRLF: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class Taken:
    """One request. `path` tells the endpoint."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """`moods` by path; what is not named answers 204. `took`: whatever arrived whole, in order."""

    port: int = 0
    moods: dict[str, str] = field(default_factory=dict)
    took: list[Taken] = field(default_factory=list)
    accepted: list[Taken] = field(default_factory=list)  # of flaky moods: what was answered with 204
    under_way: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_under_way: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    known: set[str] = field(default_factory=set)
    open: "dict[asyncio.StreamWriter, asyncio.Task[None]]" = field(default_factory=dict)

    def url(self, path: str = "/hooks") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def of(self, path: str) -> list[Taken]:
        return [one for one in self.took if one.path == path]

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open[writer] = asyncio.create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (taken := await _request(reader)) is not None:
                self.took.append(taken)
                await self._counted(taken, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _counted(self, taken: Taken, writer: asyncio.StreamWriter) -> None:
        self.under_way[taken.path] += 1
        self.most_under_way[taken.path] = max(self.most_under_way[taken.path], self.under_way[taken.path])
        try:
            await self._answer(taken, writer)
        finally:
            self.under_way[taken.path] -= 1

    async def _answer(self, taken: Taken, writer: asyncio.StreamWriter) -> None:
        mood = self.moods.get(taken.path, "204")
        if mood == "flaky":
            self._now_and_then(taken, writer)
        elif mood == "silent":
            await asyncio.sleep(3600)
        elif mood == "slow":
            await asyncio.sleep(0.3)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif mood == "closes":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            raise ConnectionError
        elif mood == "hangs up":
            raise ConnectionError
        elif mood == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + _CRLF)
                await writer.drain()
        elif mood == "trickles":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(0.2)
        elif mood == "bomb":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nzzzz")
        elif mood == "echo":
            said = " ".join(f"{name}={value}" for name, value in taken.headers.items()).encode() + taken.body
            writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
        elif mood.startswith("302"):
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {mood[4:]}\r\nContent-Length: 0\r\n\r\n".encode())
        elif mood.startswith("429"):
            writer.write(b"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")
        else:
            length = b"" if mood == "204" else b"Content-Length: 0\r\n"
            writer.write(f"HTTP/1.1 {mood} Said\r\n".encode() + length + _CRLF)

    def _now_and_then(self, taken: Taken, writer: asyncio.StreamWriter) -> None:
        """Of every eight messages about one fails the first time, and one gets no answer though it was taken."""
        name = taken.headers["webhook-id"]
        luck, is_new = zlib.crc32(name.encode()) % 8, name not in self.known
        self.known.add(name)
        if is_new and luck == 0:
            writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
            return
        self.accepted.append(taken)
        if is_new and luck == 1:
            raise ConnectionError
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def _request(reader: asyncio.StreamReader) -> Taken | None:
    head = await reader.readuntil(_CRLF * 2) if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Taken(first.split(" ")[1], headers, body)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver for the life of a test."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in made.open.values():
            task.cancel()
        await asyncio.gather(*made.open.values(), return_exceptions=True)
