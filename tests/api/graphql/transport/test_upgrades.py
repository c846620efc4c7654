"""A client that offers another protocol is served in the one that it speaks (RFC 9110, section 7.8)."""

import json

import pytest

from tests.api.graphql.transport.shop import TOKEN
from tests.api.graphql.transport.wires import Wire, a_server, wire_to

BODY = json.dumps({"query": "{ hello }"}).encode()
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
SOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
SOCKET += b"AAAAAAAAAAAAAAAAAAAAAA==\r\n"


def head(upgrade: bytes, method: bytes = b"POST", path: bytes = b"/graphql") -> bytes:
    line = b"%b %b HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" % (method, path)
    return line + b"Authorization: Bearer " + TOKEN.encode() + b"\r\n" + upgrade


async def served(wire: Wire) -> None:
    assert await wire.reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
    assert b'"hello world"' in await wire.reader.readuntil(b'"}}')


@pytest.mark.parametrize(
    "pieces",
    [
        [head(H2C) + LENGTH + BODY],
        [head(H2C) + LENGTH, BODY],
        [head(H2C)[:90], head(H2C)[90:] + LENGTH + BODY[:5], BODY[5:]],
        [head(H2C) + CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)],
        [head(H2C, b"GET", b"/graphql?query=%7Bhello%7D") + b"\r\n"],
        [head(H2C.replace(b"h2c", b"websocket, h2c")) + LENGTH + BODY],
    ],
    ids=["at once", "head first", "in pieces", "chunked", "GET", "two protocols"],
)
async def test_one_who_offers_h2c_is_served_as_http_1(pieces: list[bytes]) -> None:
    async with a_server() as server, wire_to(server) as wire:
        for _ in range(2):
            for piece in pieces:
                wire.send(piece)
                await wire.writer.drain()
            await served(wire)


async def test_what_follows_an_offer_on_the_same_connection_is_served_too() -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send((head(H2C) + LENGTH + BODY) * 3 + head(b"Connection: close\r\n") + LENGTH + BODY)
        assert (await wire.heard()).count(b'"hello world"') == 4


async def test_an_offer_that_ends_the_connection_ends_it() -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head(H2C.replace(b"Upgrade, ", b"close, Upgrade, ")) + LENGTH + BODY)
        heard = await wire.heard()
    assert b'"hello world"' in heard
    assert b"connection: close" in heard


@pytest.mark.parametrize("head_of", ["GET", "CONNECT"])
async def test_an_offer_cannot_make_two_requests_of_one(head_of: str) -> None:
    both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head(H2C, head_of.encode()) + both)
        assert (await wire.heard()).startswith(b"HTTP/1.1 400 ")


async def test_a_handshake_with_a_body_is_refused() -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head(SOCKET, b"GET") + LENGTH + BODY)
        assert (await wire.heard()).startswith(b"HTTP/1.1 400 ")


async def test_an_upgrade_elsewhere_is_an_ordinary_request() -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n")
        assert (await wire.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404 ")


async def test_a_body_that_comes_with_an_upgrade_elsewhere_is_read() -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head(SOCKET, path=b"/swallow") + LENGTH + BODY)
        await wire.reader.readuntil(b"\r\n\r\n")
        assert json.loads(await wire.reader.readuntil(b"}")) == {"bytes": len(BODY)}


MANY = [
    SOCKET + b"Sec-WebSocket-Protocol: " + b"a," * 3_900 + b"a\r\n",
    SOCKET + (b"Sec-WebSocket-Protocol: " + b"a" * 600 + b"\r\n") * 2,
    SOCKET + b"Sec-WebSocket-Protocol: " + b"," * 500 + b"a\r\n",
    SOCKET + b"Sec-WebSocket-Extensions: " + b"a;b," * 50 + b"a\r\n",
    SOCKET.replace(b"Connection: ", b"Connection: " + b"a, " * 50),
    SOCKET.replace(b"Upgrade: websocket", b"Upgrade: " + b"a, " * 50 + b"a\r\nUpgrade: websocket"),
]


@pytest.mark.parametrize("upgrade", MANY, ids=["values", "bytes", "empties", "extensions", "connection", "upgrade"])
async def test_a_handshake_that_offers_too_much_is_refused_before_it_is_read(upgrade: bytes) -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head(upgrade, b"GET") + b"\r\n")
        heard = await wire.heard()
    assert heard.startswith(b"HTTP/1.1 431 ")
    assert b"1024 bytes and 20 values" in heard


async def test_a_handshake_that_offers_as_much_as_browsers_do_is_taken() -> None:
    browser = b"Sec-WebSocket-Protocol: graphql-transport-ws, graphql-ws\r\n"
    browser += b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head(SOCKET.replace(b"Upgrade\r\n", b"keep-alive, Upgrade\r\n", 1) + browser, b"GET") + b"\r\n")
        assert (await wire.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 101 ")
