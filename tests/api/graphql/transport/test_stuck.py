"""Clients that would hold what others need: a place that never ends, or all of the places."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import HTTPConnection

from api.doors import address_of
from api.http_protocol import UNREAD_SECONDS
from api.idle import YOUNG_SECONDS
from tests.api.graphql.transport.conftest import Server, eventually
from tests.api.graphql.transport.shop import TOKEN
from tests.api.graphql.transport.wires import GET, a_server, wire_to

UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
ASKED = json.dumps(
    {
        "query": "query($n: String!) { " + " ".join(f"a{n}: hello(name: $n)" for n in range(30)) + " }",
        "variables": {"n": "x" * 4_000},
    }
).encode()
LARGE = (
    b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer "
    + TOKEN.encode()
    + b"\r\nContent-Length: %d\r\n\r\n%b" % (len(ASKED), ASKED)
)


@pytest.mark.parametrize("body", [b"Content-Length: 5\r\n\r\nabcde", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
async def test_a_handshake_that_announces_a_body_is_refused_and_closed(body: bytes) -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(UPGRADE + body)
        assert (await wire.heard()).startswith(b"HTTP/1.1 400 ")


@asynccontextmanager
async def _unread(server: Server) -> AsyncIterator[socket.socket]:
    """A client that has a large answer and does not read it. Little lies on the way."""
    server.uvicorn.servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    narrow, loop = socket.socket(), asyncio.get_running_loop()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    with narrow:
        await loop.sock_connect(narrow, ("127.0.0.1", server.port))
        await loop.sock_sendall(narrow, LARGE)
        await eventually(lambda: server.uvicorn.server_state.total_requests == 1)  # it was answered
        assert server.uvicorn.server_state.connections
        yield narrow


async def test_a_client_that_does_not_read_one_large_answer_is_let_go() -> None:
    async with a_server(body_seconds=0.2) as server, _unread(server) as narrow:
        await eventually(lambda: not server.uvicorn.server_state.connections)
        assert b"HTTP/1.1 200 " in await asyncio.get_running_loop().sock_recv(narrow, 100)


@pytest.mark.parametrize("then", [b"", LARGE])
async def test_a_client_that_does_not_read_makes_room_for_another(then: bytes) -> None:
    async with a_server(connections_max=1) as server, _unread(server) as narrow:
        await asyncio.get_running_loop().sock_sendall(narrow, then)
        await asyncio.sleep(UNREAD_SECONDS + 2 * YOUNG_SECONDS)
        async with wire_to(server) as other:
            other.send(GET + b"\r\n")
            assert (await other.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_who_reads_slowly_has_the_whole_answer() -> None:
    async with a_server(body_seconds=0.2) as server, wire_to(server) as wire:
        wire.send((GET + b"\r\n") * 3)
        await asyncio.sleep(0.5)
        for _ in range(3):
            assert b'"hello world"' in await wire.reader.readuntil(b'"}}')


async def test_one_merchant_does_not_take_every_place() -> None:
    half = (
        b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n{"
    )
    async with a_server(requests_max=2) as server, wire_to(server) as first, wire_to(server) as second:
        first.send(half)
        await asyncio.sleep(0.1)
        second.send(half)
        assert (await second.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503 ")
        async with wire_to(server) as other:  # nobody's; but worked on, which it would not be were all places taken
            other.send(b"GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await other.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 401 ")
        first.writer.transport.abort()
        await eventually(lambda: len(server.uvicorn.server_state.tasks) == 0)
        assert (await server.client.get("/graphql?query={hello}")).status_code == 200


def test_ipv4_addresses_in_the_dress_of_ipv6_are_as_many_as_before() -> None:
    told = [
        address_of(HTTPConnection({"type": "http", "client": (host, 1)}))
        for host in ("::ffff:192.0.2.1", "::ffff:192.0.2.2")
    ]
    assert told == ["192.0.2.1", "192.0.2.2"]
