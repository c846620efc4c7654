"""Sockets whose client sends what costs nothing and reads nothing: control frames, and answers that wait for it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.api.graphql.transport.conftest import Server, eventually, socket_to
from tests.api.graphql.transport.shop import TOKEN
from tests.api.graphql.transport.test_stuck import UPGRADE
from tests.api.graphql.transport.wires import Wire, a_server, wire_to

PING = b"\x89\xfd\0\0\0\0" + b"p" * 125  # masked with zeros
PONG = b"\x8a" + PING[1:]
MANY = 10_000
FRAMES_MAX = 120
INIT = b'{"type": "connection_init", "payload": {"token": "%b"}}' % TOKEN.encode()
COUNT = b'{"type": "subscribe", "id": "1", "payload": {"query": "subscription { count(to: 10000000) }"}}'
HANDSHAKE = UPGRADE + b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"


@asynccontextmanager
async def upgraded(server: Server) -> AsyncIterator[Wire]:
    async with wire_to(server) as wire:
        wire.send(HANDSHAKE)
        assert b" 101 " in await wire.reader.readuntil(b"\r\n\r\n")
        yield wire


@asynccontextmanager
async def narrow(**settings: float) -> AsyncIterator[tuple[Server, socket.socket]]:
    """A server and an upgraded client between which little fits, so that what is not read soon waits."""
    loop, client = asyncio.get_running_loop(), socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    async with a_server(**settings) as server:
        server.uvicorn.servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with client:
            await loop.sock_connect(client, ("127.0.0.1", server.port))
            await loop.sock_sendall(client, HANDSHAKE)
            assert b" 101 " in await loop.sock_recv(client, 1024)
            yield server, client


def masked_frame(text: bytes) -> bytes:
    """A text frame, masked with zeros."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + text


def _waiting(server: Server) -> int:
    """Bytes that were written and not taken by their clients."""
    return sum(one.transport.get_write_buffer_size() for one in server.uvicorn.server_state.connections)


async def test_pings_whose_answers_nobody_reads_take_no_memory() -> None:
    most = 0
    async with narrow() as (server, client):
        for _ in range(MANY // 100):
            try:
                await asyncio.get_running_loop().sock_sendall(client, PING * 100)
            except ConnectionError:
                break
            await asyncio.sleep(0)
            most = max(most, _waiting(server))
    assert most < 2 * FRAMES_MAX * len(PING)


async def test_a_socket_that_sends_control_frames_without_end_is_closed() -> None:
    async with a_server() as server:
        for frame in (PING, PONG):
            async with upgraded(server) as wire:
                wire.send(frame * 3 * FRAMES_MAX)
                heard = await wire.heard()
            assert heard.count(b"p" * 125) <= 2 * FRAMES_MAX
            assert (1008).to_bytes(2, "big") in heard[-125:]


async def test_ordinary_pings_are_answered_each() -> None:
    async with a_server() as server, socket_to(server) as client:
        await client.init()
        for _ in range(FRAMES_MAX // 2):
            await (await client.connection.ping())
        await client.subscribe("subscription { count(to: 1) }")
        assert (await client.receive())["type"] == "next"


async def test_a_socket_that_does_not_read_what_it_followed_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    async with narrow(body_seconds=0.2) as (server, client):
        await asyncio.get_running_loop().sock_sendall(client, masked_frame(INIT) + masked_frame(COUNT))
        await eventually(lambda: _waiting(server) > 0)
        await eventually(lambda: not server.uvicorn.server_state.connections)
        await eventually(lambda: not server.uvicorn.server_state.tasks)
    assert not [record for record in caplog.records if record.exc_info]  # it is no error of ours


async def _most_unread(server: Server) -> int:
    """The messages that wait for the application at most, until a while has passed or the socket has gone."""
    most = 0
    for _ in range(5_000):
        await asyncio.sleep(0)
        waiting = [one.queue.qsize() for one in server.uvicorn.server_state.connections if hasattr(one, "queue")]
        most = max([most, *waiting])
        if not waiting:
            break
    return most


async def test_of_messages_that_come_in_one_read_few_wait_for_the_application() -> None:
    async with a_server() as server, upgraded(server) as wire:
        wire.send(masked_frame(b"") * 40_000)
        assert 0 < await _most_unread(server) < 100


async def test_after_the_init_too_and_none_is_lost() -> None:
    async with a_server() as server, upgraded(server) as wire:
        wire.send(masked_frame(INIT))
        await wire.reader.readuntil(b"}")
        wire.send(masked_frame(b'{"type": "ping"}') * 1_000)
        assert await _most_unread(server) < 100
        for _ in range(1_000):
            async with asyncio.timeout(10):
                await wire.reader.readuntil(b'"pong"}')


@pytest.mark.parametrize("frame", [masked_frame(b""), PING])
async def test_what_a_socket_that_was_told_to_close_still_sends_is_not_read_without_end(frame: bytes) -> None:
    async with a_server() as server, upgraded(server) as wire:
        wire.send(masked_frame(b"{}"))
        await wire.reader.readuntil(b"message")
        wire.send(frame * 500)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                await wire.heard()
        await eventually(lambda: not server.uvicorn.server_state.connections)
