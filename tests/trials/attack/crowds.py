"""Attacks by number: connections and sockets of several addresses that say nothing, and pieces that cost no bytes."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import httpx
import websockets

from tests.trials.attack.attacks import MEGABYTE, Answer, Attack, bindable, foul
from tests.trials.attack.stage import Target
from tests.trials.attack.transport import UPGRADE, get, init, raw, socket_of

_HANDSHAKE: Final = get("/graphql", *UPGRADE, "Sec-WebSocket-Protocol: graphql-transport-ws")
_PING: Final = b"\x89\xfd\0\0\0\0" + b"p" * 125  # masked with zeros
_CHUNKS: Final = 10_000  # in one write


def _addresses() -> Sequence[str]:
    """Where strangers come from: three of them where the system has so many, else one."""
    return [one for number in range(2, 5) if bindable(one := f"127.0.0.{number}")] or ["127.0.0.1"]


async def _pings(target: Target, size: int) -> Answer:
    """So many bytes of pings, whose answers nobody reads."""
    _, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1024)
    writer.write(_HANDSHAKE)
    await asyncio.sleep(0.2)  # until it is a socket: what comes with the handshake is not read
    sent = 0
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(30):
            while sent < size:
                writer.write(_PING * 100)
                await writer.drain()
                sent += len(_PING) * 100
    writer.transport.abort()
    return Answer("all was taken" if sent >= size else "let go", sent)


async def _one_byte_chunks(target: Target, size: int) -> Answer:
    head = f"POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {target.token}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = [b"1\r\n \r\n" * _CHUNKS] * (size // _CHUNKS)
    return await raw(target, head.encode(), *pieces, b"0\r\n\r\n")


async def _silent_sockets(target: Target, size: int) -> Answer:
    """So many sockets that never say who they are; three merchants come after them."""
    opened, places = [], _addresses()
    for number in range(size):
        place = (places[number % len(places)], 0)
        connected = await asyncio.open_connection("127.0.0.1", target.port, local_addr=place)
        connected[1].write(_HANDSHAKE)
        opened.append(connected)
    await asyncio.sleep(0.5)
    let_in = sum([await _is_let_in(target) for _ in range(3)])
    for _, writer in opened:
        writer.transport.abort()
    return Answer(f"{let_in} of 3 let in", size * len(_HANDSHAKE))


async def _is_let_in(target: Target) -> bool:
    with suppress(OSError, TimeoutError, websockets.WebSocketException):
        async with socket_of(target) as client:
            await init(client, target)
            return True
    return False


async def _silent_connections(target: Target, size: int) -> Answer:
    """So many connections, faster than it can be seen that they say nothing; somebody else asks at once."""
    places = _addresses()
    opened = []
    for number in range(size):
        place = (places[number % len(places)], 0)
        opened.append(socket.create_connection(("127.0.0.1", target.port), source_address=place))
    probed = (await target.http.get(f"{target.url}/healthz")).status_code
    served = probed == 200 and await target.bystander_served()
    for one in opened:
        one.close()
    return Answer(f"{size} open", 0, "" if served else "others are not served")


async def _probes(target: Target, size: int) -> Answer:
    async def probe() -> httpx.Response:
        return await target.http.get(f"{target.url}/readyz")

    answers = [one for _ in range(size // 50) for one in await asyncio.gather(*(probe() for _ in range(50)))]
    worst = max(answers, key=lambda answer: answer.status_code)
    return Answer(str(worst.status_code), size * 100, foul(worst.status_code, worst.text))


CROWDS = [
    Attack("WebSocket: pings, never a pong read", 32 * MEGABYTE, _pings, "let go"),
    Attack("WebSocket: 300 that never say who", 300, _silent_sockets, "3 of 3 let in", worth=1000),
    Attack("a body in chunks of one byte", 600_000, _one_byte_chunks, "400"),
    Attack("connections that say nothing", 600, _silent_connections, "600 open", worth=400),
    Attack("probes of readiness", 200, _probes, "200", worth=400),
]
