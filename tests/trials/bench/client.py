"""A load generator that costs little: raw sockets, one request after the other on each, in a process of its own.

`python -m tests.trials.bench.client` reads a Load as JSON from standard input and prints a Taken as JSON.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final, cast

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """`clients` connections send for `seconds`. `body` has %KEY% and %PAYMENT%, which change with each request."""

    ports: list[int]  # of the API's processes, in turn
    token: str
    body: str
    payments: list[str]
    clients: int
    seconds: float
    warm_up_seconds: float = 1.0
    requests_each: int = 0  # how many a client sends at most; 0: until its time is over


@dataclass(frozen=True, slots=True)
class Taken:
    """Requests a second, and how long one took: the median and the 99th percentile in milliseconds."""

    per_second: float
    p50: float
    p99: float


class _Client(asyncio.Protocol):
    def __init__(self, load: Load, number: int, took: list[tuple[float, float]]) -> None:
        self._load = load
        self._turn = number
        self._took = took
        self._got = b""
        self._sent = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.until = 0.0
        body = load.body.encode()
        self._head = (
            f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {load.token}\r\n"
            "content-type: application/json\r\ncontent-length: "
        ).encode()
        self._body = body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._next()

    def _next(self) -> None:
        each = self._load.requests_each
        if time.perf_counter() >= self.until or (each and self._turn >= each * self._load.clients):
            self._transport.close()
            self.ended.set_result(None)
            return
        self._turn += self._load.clients
        key = f"bench-{self._turn:012}-{time.monotonic_ns()}".encode()
        payment = self._load.payments[self._turn % len(self._load.payments)].encode()
        body = self._body.replace(b"%KEY%", key).replace(b"%PAYMENT%", payment)
        self._sent = time.perf_counter()
        self._transport.write(b"".join((self._head, str(len(body)).encode(), _HEAD_END, body)))

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(_HEAD_END)
        if end < 0:
            return
        at = self._got.lower().index(_LENGTH, 0, end) + len(_LENGTH)
        length = int(self._got[at : self._got.index(b"\r", at)])
        if len(self._got) < end + 4 + length:
            return
        now = time.perf_counter()
        if b" 200 " not in self._got[:16] or b'"errors":[]' not in self._got.replace(b" ", b""):
            self.ended.set_exception(RuntimeError(self._got.decode(errors="replace")))
            return
        self._took.append((now, now - self._sent))
        self._got = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(f"The server closed the connection: {error}"))


def _same(client: _Client) -> _Client:
    return client


async def _run(load: Load) -> Taken:
    took: list[tuple[float, float]] = []
    clients = [_Client(load, number, took) for number in range(load.clients)]
    began = time.perf_counter()
    for number, client in enumerate(clients):
        client.until = began + load.warm_up_seconds + load.seconds
        port = load.ports[number % len(load.ports)]
        await asyncio.get_running_loop().create_connection(partial(_same, client), "127.0.0.1", port)
    await asyncio.gather(*(client.ended for client in clients))
    seconds = sorted(each for at, each in took if at >= began + load.warm_up_seconds)
    return Taken(
        len(seconds) / load.seconds, seconds[len(seconds) // 2] * 1000, seconds[len(seconds) * 99 // 100] * 1000
    )


async def measured(load: Load) -> Taken:
    """The load, made by another process."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await child.communicate(json.dumps(asdict(load)).encode())
    if child.returncode:
        raise RuntimeError("The load generator failed; it says above why.")
    return Taken(**json.loads(told))


if __name__ == "__main__":
    import uvloop

    print(json.dumps(asdict(uvloop.run(_run(Load(**json.load(sys.stdin)))))))
