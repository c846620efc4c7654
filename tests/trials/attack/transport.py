"""Attacks by what surrounds a request: headers, sockets, connections that never end. No token is needed for most."""

import asyncio
import gzip
import json
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.trials.attack.attacks import MEGABYTE, Answer, Attack, foul
from tests.trials.attack.stage import Target

_PIECE: Final = 64 * 1024
_SECONDS: Final = 5.0
_PROTOCOL: Final = websockets.Subprotocol("graphql-transport-ws")


async def raw(target: Target, *pieces: bytes, then_wait: bool = True) -> Answer:
    """Send these bytes as they are; what was said before the connection ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    sent = 0
    heard = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(60):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
            heard = await reader.read(4096) if then_wait else b""
    writer.close()
    status = heard.split(b" ", 2)[1:2]
    said = status[0].decode("ascii", "replace") if status else "closed"
    return Answer(said, sent, foul(int(said), heard.decode("utf-8", "replace")) if said.isdigit() else "")


def get(path: str = "/graphql?query=%7B__typename%7D", *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


async def _commas(target: Target, size: int) -> Answer:
    return await raw(target, get("/graphql", 'Accept: "' + "," * size))


async def _headers(target: Target, size: int) -> Answer:
    first = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    lines = (f"X-{number}: {'a' * 8000}\r\n".encode() for number in range(size // 8000))
    return await raw(target, first, *lines, b"\r\n")


async def _half_sent(target: Target, size: int) -> Answer:
    """Requests that are never finished; whether others are served is looked at while they are open."""
    opened = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(size)]
    for _, writer in opened:
        writer.write(b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    served = await target.bystander_served()
    for _, writer in opened:
        writer.close()
    return Answer(f"{size} open", size * 70, "" if served else "others are not served")


async def _half_heads(target: Target, size: int) -> Answer:
    """Connections of which nothing but half a head comes."""
    opened = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(size)]
    for _, writer in opened:
        writer.write(b"GET /graphql HTTP/1.1\r\nHost: a\r\n")
    await asyncio.sleep(0.5)
    probed = (await target.http.get(f"{target.url}/healthz")).status_code
    served = probed == 200 and await target.bystander_served()
    for _, writer in opened:
        writer.close()
    return Answer(f"{size} open", size * 33, "" if served else "others are not served")


async def _packed(target: Target, size: int) -> Answer:
    answer = await target.post(gzip.compress(b" " * size), **{"content-encoding": "gzip"})
    return Answer(str(answer.status_code), size // 1000, foul(answer.status_code, answer.text))


async def _foreign_host(target: Target, size: int) -> Answer:
    answer = await target.http.get(f"{target.url}/graphql/", headers={"host": "evil.example"}, follow_redirects=False)
    away = "sends clients to a foreign host" if "evil" in answer.headers.get("location", "") else ""
    return Answer(str(answer.status_code), 100, away)


def socket_of(target: Target, path: str = "/graphql", **more: Any) -> Any:
    # Nobody here reads what streams say, so a server's goodbye is not read either: it is not waited for.
    more.setdefault("close_timeout", 0.2)
    address = f"ws://127.0.0.1:{target.port}{path}"
    return connect(address, subprotocols=[_PROTOCOL], max_size=None, open_timeout=60, **more)


async def _handshake(target: Target, size: int) -> Answer:
    try:
        async with socket_of(target, "/graphql?q=" + "a@" * (size // 2), compression=None):
            return Answer("accepted", size)
    except websockets.InvalidStatus as error:
        return Answer(f"refused {error.response.status_code}", size)
    except (OSError, websockets.WebSocketException) as error:
        return Answer(type(error).__name__, size)


async def _before_init(target: Target, size: int) -> Answer:
    """One message of so many bytes from nobody, packed: it costs the sender little."""
    async with socket_of(target) as socket:
        return await _ended(socket, "x" * size, size)


async def _long_id(target: Target, size: int) -> Answer:
    async with socket_of(target) as socket:
        await init(socket, target)
        subscribe = {"id": "i" * size, "type": "subscribe", "payload": {"query": "subscription { nothing }"}}
        return await _ended(socket, json.dumps(subscribe), size)


async def init(socket: ClientConnection, target: Target) -> None:
    payload = {"authorization": f"Bearer {target.token}", "Authorization": f"Bearer {target.token}"}
    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    async with asyncio.timeout(30):
        await socket.recv()


async def _ended(socket: ClientConnection, message: str, size: int) -> Answer:
    """Send it; what is heard, or the code that the socket is closed with."""
    try:
        await socket.send(message)
        async with asyncio.timeout(_SECONDS):
            heard = await socket.recv()
        echoed = "echoed" if len(heard) > MEGABYTE else ""
        return Answer(f"said {len(heard)} bytes", size, echoed)
    except websockets.ConnectionClosed as closed:
        return Answer(f"closed {closed.rcvd.code if closed.rcvd else ''}", size)
    except TimeoutError:
        return Answer("silence", size)


async def _subscriptions(target: Target, size: int) -> Answer:
    """So many sockets with twenty subscriptions each; refused ones are as good as none."""
    refused = 0
    query = f'subscription {{ refundEvents(refundId: "{target.refund}") {{ __typename }} }}'
    async with AsyncExitStack() as stack:
        for _ in range(size):
            try:
                socket = await stack.enter_async_context(socket_of(target))
                await init(socket, target)
                for number in range(20):
                    message = {"id": str(number), "type": "subscribe", "payload": {"query": query}}
                    await socket.send(json.dumps(message))
            except (OSError, TimeoutError, websockets.WebSocketException):
                refused += 1
        served = await target.bystander_served()
    return Answer(f"{size - refused} of {size} let in", size * 3000, "" if served else "others are not served")


async def _half_sent_by(target: Target, size: int, *whose: str) -> Answer:
    """As `_half_sent`, by some who are known: the application works on each and waits for its body."""
    rest = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    requests = [f"{one}\r\nHost: a\r\n{rest}".encode() for one in whose]
    opened = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(size)]
    for number, (_, writer) in enumerate(opened):
        writer.write(requests[number % len(requests)])
    await asyncio.sleep(1)  # all of them are known by now
    refused = [said for _ in range(5) if (said := await target.bystander_refused())]
    for _, writer in opened:
        writer.close()
    said = f"others are not served: {' | '.join(refused)}" if refused else ""
    return Answer(f"{size} open", size * len(requests[0]), said)


async def _half_sent_by_one(target: Target, size: int) -> Answer:
    return await _half_sent_by(target, size, _POSTED + target.token)


async def _half_sent_by_two(target: Target, size: int) -> Answer:
    return await _half_sent_by(target, size, _POSTED + target.token, _POSTED + target.third)


async def _half_webhooks(target: Target, size: int) -> Answer:
    return await _half_sent_by(target, size, f"POST /webhooks/{target.shop.connection.id}/pix HTTP/1.1")


async def _other_protocol(target: Target, size: int) -> Answer:
    """Many requests at once on one connection, each offering h2c: each head is read twice."""
    one = get("/healthz", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAA")
    return await raw(target, one * size + get("/healthz", "Connection: close"))


async def _no_handshake(target: Target, size: int) -> Answer:
    return await raw(target, get("/graphql", *UPGRADE, f"Content-Length: {size}"))


_POSTED: Final = "POST /graphql HTTP/1.1\r\nAuthorization: Bearer "
UPGRADE: Final = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
TRANSPORT = [
    Attack("commas in Accept", 32_000, _commas, "431"),
    Attack("headers", 30 * MEGABYTE, _headers, "431"),
    Attack("half-sent heads", 600, _half_heads, "600 open", worth=400),
    Attack("half-sent requests", 200, _half_sent, "200 open", worth=200),
    Attack("half-sent requests, one token", 200, _half_sent_by_one, "200 open", worth=1000),
    Attack("half-sent requests, two tokens", 500, _half_sent_by_two, "500 open", worth=2000),
    Attack("half-sent webhooks", 300, _half_webhooks, "300 open", worth=1000),
    Attack("offers of h2c on one connection", 400, _other_protocol, "200|400", worth=400),
    Attack("a packed body", 16 * MEGABYTE, _packed, "400"),
    Attack("a foreign Host", 2, _foreign_host, "404"),
    Attack("WebSocket: a long address", 8_000, _handshake, "refused 431"),
    Attack("WebSocket: a body in the handshake", 10, _no_handshake, "400"),
    Attack("WebSocket: a message before init", 16 * MEGABYTE, _before_init, "closed 1009"),
    Attack("WebSocket: a long subscription id", 3 * MEGABYTE, _long_id, "closed 1009"),
    Attack("WebSocket: sockets x 20 streams", 60, _subscriptions, "20 of 60 let in", worth=1500),
]
