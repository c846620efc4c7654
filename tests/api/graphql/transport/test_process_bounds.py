"""What a whole process holds open, whoever it is for, and how long it goes on reading what it has refused."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from api import http_protocol
from api.idle import YOUNG_SECONDS
from tests.api.graphql.transport.conftest import Server, eventually, socket_to
from tests.api.graphql.transport.shop import TOKEN
from tests.api.graphql.transport.wires import GET, Wire, a_server, wire_to

MEGABYTE = 1024 * 1024
FOREVER = "subscription { forever }"
EVENTS = {"accept": "text/event-stream", "content-type": "application/json"}


async def test_one_socket_more_than_a_process_holds_is_503() -> None:
    async with a_server(sockets_max=1) as server:
        async with socket_to(server) as socket:
            await socket.init()
            with pytest.raises(InvalidStatus) as refused:
                async with socket_to(server):
                    pass
            assert refused.value.response.status_code == 503
            assert (await server.post({"query": FOREVER}, **EVENTS)).status_code == 503
        await eventually(lambda: not server.uvicorn.server_state.tasks)
        async with socket_to(server) as again:
            assert (await again.init())["type"] == "connection_ack"


async def test_one_subscription_more_than_a_process_holds_is_refused() -> None:
    async with a_server(subscriptions_max=1) as server, socket_to(server) as socket:
        await socket.init()
        await socket.subscribe(FOREVER, "1")
        assert (await socket.receive())["type"] == "next"
        await socket.subscribe(FOREVER, "2")
        assert (await socket.receive())["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert (await server.post({"query": FOREVER}, **EVENTS)).status_code == 503
        await socket.send({"type": "complete", "id": "1"})
        await eventually(lambda: server.desk.following == 0)
        await socket.subscribe(FOREVER, "3")
        assert (await socket.receive())["type"] == "next"


@pytest.mark.parametrize("bound", ["sockets_per_token", "sockets_per_address", "subscriptions_per_token"])
async def test_a_stream_takes_the_place_of_a_socket_and_of_a_subscription(bound: str) -> None:
    async with a_server(**{bound: 1}) as server:
        request = server.client.build_request("POST", "/graphql", json={"query": FOREVER}, headers=EVENTS)
        first = await server.client.send(request, stream=True)
        assert first.status_code == 200
        assert (await server.post({"query": FOREVER}, **EVENTS)).status_code == 503
        await first.aclose()
        await eventually(lambda: server.desk.following == 0 and not server.uvicorn.server_state.tasks)
        again = await server.client.send(request, stream=True)
        assert again.status_code == 200
        await again.aclose()


async def test_a_message_without_end_closes_its_socket() -> None:
    async def pieces() -> AsyncIterator[str]:
        for _ in range(4):
            yield "x" * 40_000
        await asyncio.Event().wait()

    async with a_server() as server, socket_to(server) as socket:
        await socket.init()
        sending = asyncio.create_task(socket.connection.send(pieces()))
        assert await asyncio.wait_for(socket.close_code(), 5) == 1009
        sending.cancel()
        await asyncio.wait([sending])


async def test_a_message_of_endlessly_many_empty_pieces_closes_its_socket() -> None:
    async def pieces() -> AsyncIterator[str]:
        for _ in range(100):
            yield ""
        await asyncio.Event().wait()

    async with a_server() as server, socket_to(server) as socket:
        await socket.init()
        sending = asyncio.create_task(socket.connection.send(pieces()))
        assert await asyncio.wait_for(socket.close_code(), 5) == 1009
        sending.cancel()
        await asyncio.wait([sending])


async def test_a_body_without_end_is_413_after_a_while() -> None:
    head = b"POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + TOKEN.encode()
    head += b"\r\nContent-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n"
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head)
        assert await wire.flood(b" " * 65_536, 200 * MEGABYTE) < 100 * MEGABYTE
        assert (await wire.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_is_too_large_is_413_before_it_comes_and_its_connection_makes_room() -> None:
    async with a_server(connections_max=1, body_seconds=600) as server, wire_to(server) as wire:
        wire.send(b"POST /swallow HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
        assert (await wire.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413 ")
        await asyncio.sleep(2 * YOUNG_SECONDS)
        async with wire_to(server) as other:
            other.send(GET + b"\r\n")
            assert (await other.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_what_was_answered_before_its_body_came_has_one_answer() -> None:
    async with a_server(body_seconds=0.2) as server, wire_to(server) as wire:
        wire.send(b"POST /swallow HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
        assert (await wire.heard()).count(b"HTTP/1.1 ") == 1


async def test_what_comes_after_a_413_is_not_read_without_end() -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(b"POST /swallow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n")
        await wire.reader.readuntil(b'"requestId": "')
        await wire.reader.readuntil(b'"}}')  # all of the answer
        with pytest.raises(ConnectionError):
            await wire.flood(b" " * 65_536, 200 * MEGABYTE)


async def _refused(wire: Wire) -> None:
    wire.send(GET + b"x: " + b"y" * 9_000 + b"\r\n\r\n")
    assert (await wire.heard()).startswith(b"HTTP/1.1 431 ")


async def _send_on(wire: Wire) -> None:
    for _ in range(200):
        wire.send(b"y" * MEGABYTE)
        await wire.writer.drain()
        await asyncio.sleep(0)


def _connections(server: Server) -> int:
    return len(server.uvicorn.server_state.connections)


async def test_one_that_was_refused_and_stays_is_let_go() -> None:
    async with a_server(head_seconds=600) as server, wire_to(server) as wire:
        await _refused(wire)
        await eventually(lambda: _connections(server) == 0)


async def test_one_that_was_refused_and_goes_on_sending_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", 600.0)
    async with a_server() as server, wire_to(server) as wire:
        await _refused(wire)
        with pytest.raises(ConnectionError):
            await _send_on(wire)
        assert _connections(server) == 0


async def test_far_more_connections_than_are_held_are_not_even_answered() -> None:
    async with a_server(connections_max=2) as server:
        wires = [Wire(*await asyncio.open_connection("127.0.0.1", server.port)) for _ in range(10)]
        heard = [await wire.heard() for wire in wires[2:]]
        for wire in wires:
            wire.writer.transport.abort()
    assert heard.count(b"") >= 4
