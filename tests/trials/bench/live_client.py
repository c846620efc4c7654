"""A crowd of subscribers that costs little: raw WebSockets, in a process of its own.

`python -m tests.trials.bench.live_client` reads a Crowd as JSON from the first line of standard input, subscribes, and
prints how long that took. For each line that follows it waits for one event on every socket and prints when they came.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final, cast

_AT_ONCE: Final = 32  # sockets that are being opened
_EVENT: Final = b'"sequence"'
_CAUGHT_UP: Final = b"CaughtUpMessage"
_SECONDS_MAX: Final = 60.0
_PING: Final = b"\x89\x04"
_PONG: Final = b"\x8a\x84\0\0\0\0"
_HANDSHAKE: Final = (
    b"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """`size` subscribers of the subjects in turn; `query` has the variables `id` and `after`, which a subject gives."""

    port: int
    token: str
    query: str
    subjects: list[tuple[str, str]]
    size: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When an event was there, by the machine's monotonic clock in seconds: each subscriber's, sorted."""

    at: list[float]


def _frame(text: str) -> bytes:
    """A masked text frame; the mask is nought, which the standard allows and costs nothing."""
    data = text.encode()
    size = len(data)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + data


class _Subscriber(asyncio.Protocol):
    def __init__(self, crowd: Crowd, number: int) -> None:
        loop = asyncio.get_running_loop()
        self._init = _frame(
            json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {crowd.token}"}})
        )
        subject, after = crowd.subjects[number % len(crowd.subjects)]
        payload = {"query": crowd.query, "variables": {"id": subject, "after": after}}
        self._subscribe = _frame(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        self._got = b""
        self.caught_up: asyncio.Future[None] = loop.create_future()
        self.arrived: asyncio.Future[float] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._transport.write(_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        ping = data.find(_PING)
        if ping >= 0:  # No text has this byte. Who does not answer is gone after 40 seconds.
            self._transport.write(_PONG + data[ping + 2 : ping + 6])
        if self.caught_up.done():
            if _EVENT in data and not self.arrived.done():
                self.arrived.set_result(time.monotonic())
            return
        self._got += data
        if b" 101 " in self._got and self._got.endswith(b"\r\n\r\n"):
            self._got = b""
            self._transport.write(self._init)
        elif b"connection_ack" in self._got:
            self._got = b""
            self._transport.write(self._subscribe)
        elif _CAUGHT_UP in self._got:
            self._got = b""
            self.caught_up.set_result(None)
        elif b'"errors"' in self._got or b'"error"' in self._got:
            self.caught_up.set_exception(RuntimeError(self._got.decode(errors="replace")))

    def connection_lost(self, error: Exception | None) -> None:
        for waiting in (self.caught_up, self.arrived):
            if not waiting.done():
                waiting.set_exception(RuntimeError(f"The server closed the connection: {error} {self._got!r}"))


def _same(one: _Subscriber) -> _Subscriber:
    return one


async def _all_subscribed(crowd: Crowd) -> list[_Subscriber]:
    loop, open_at_once = asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE)
    subscribers = [_Subscriber(crowd, number) for number in range(crowd.size)]

    async def join(one: _Subscriber) -> None:
        async with open_at_once:
            await loop.create_connection(partial(_same, one), "127.0.0.1", crowd.port)
            await one.caught_up

    await asyncio.gather(*(join(one) for one in subscribers))
    return subscribers


async def _run() -> None:
    loop = asyncio.get_running_loop()
    crowd = Crowd(**json.loads(sys.stdin.readline()))
    began = time.monotonic()
    subscribers = await _all_subscribed(crowd)
    print(time.monotonic() - began, flush=True)
    loop.set_exception_handler(lambda *_: None)  # One failure is enough to read of.
    while await loop.run_in_executor(None, sys.stdin.readline):
        for one in subscribers:
            if one.arrived.done():
                one.arrived.result()  # or why it is gone
            one.arrived = loop.create_future()
        print("ready", flush=True)
        async with asyncio.timeout(_SECONDS_MAX):
            at = await asyncio.gather(*(one.arrived for one in subscribers))
        print(json.dumps(asdict(Arrivals(sorted(at)))), flush=True)


class Watching:
    """The crowd in its process: `async with Watching(crowd) as crowd`."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.connect_seconds = 0.0

    async def __aenter__(self) -> "Watching":
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24
        )
        self._tell(json.dumps(asdict(self._crowd)))
        self.connect_seconds = float(await self._line())
        return self

    async def get_ready(self) -> None:
        """From now on the next event counts."""
        self._tell("again")
        await self._line()

    async def arrivals(self) -> Sequence[float]:
        """When the event came to each, sorted, once all have it."""
        return Arrivals(**json.loads(await self._line())).at

    def _tell(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line.encode() + b"\n")

    async def _line(self) -> bytes:
        assert self._child.stdout is not None
        line = await self._child.stdout.readline()
        if not line:
            raise RuntimeError("The subscribers failed; they say above why.")
        return line

    async def __aexit__(self, *_: object) -> None:
        self._child.kill()
        await self._child.wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_run())
