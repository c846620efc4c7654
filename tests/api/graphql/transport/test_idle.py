"""Connections that say nothing, or half of it: they make room for those that ask."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from api.app import create
from api.idle import YOUNG_SECONDS, Idle, Waiter
from api.server import configuration
from domain.access.tokens import Role, create_token
from domain.platform import database
from jobs.machine.ports import free_port
from tests.api.graphql.transport.conftest import Server, eventually
from tests.api.graphql.transport.wires import GET, POST, Wire, a_server, wire_to
from tests.conftest import Database
from tests.kit.factories import a_shop
from tests.kit.world import quick_settings, running

MANY = 600
HALF = b"GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nHost: a\r\n"


@asynccontextmanager
async def half_open(server: Server, count: int = MANY) -> AsyncIterator[list[Wire]]:
    async with AsyncExitStack() as stack:
        wires = []
        for _ in range(count):
            wires.append(await stack.enter_async_context(wire_to(server)))
            wires[-1].send(HALF)
        await asyncio.sleep(2 * YOUNG_SECONDS)
        yield wires


def connections(server: Server) -> int:
    return len(server.uvicorn.server_state.connections)


async def test_others_are_served_beside_as_many_half_open_connections_as_there_may_be() -> None:
    async with a_server(idle_per_address=0, head_seconds=600) as server, half_open(server):
        # A busy machine may let go of more than had to make room.
        await eventually(lambda: 300 <= connections(server) <= 500)
        for _ in range(3):
            async with wire_to(server) as wire:
                wire.send(GET + b"Connection: close\r\n\r\n")
                assert (await wire.heard()).startswith(b"HTTP/1.1 200 ")


async def test_one_address_holds_a_hundred_half_open_connections() -> None:
    async with a_server(head_seconds=600) as server, half_open(server, 300) as wires:
        await eventually(lambda: connections(server) == 100)
        assert all(not wire.reader.at_eof() for wire in wires[200:])
        assert (await server.post({"query": "{ hello }"})).status_code == 200


async def test_the_connection_that_waited_longest_goes_first() -> None:
    async with a_server(connections_max=3) as server, wire_to(server) as busy, wire_to(server) as first:
        busy.send(POST)
        await asyncio.sleep(2 * YOUNG_SECONDS)
        async with wire_to(server) as second:
            await asyncio.sleep(2 * YOUNG_SECONDS)
            async with wire_to(server) as third:
                third.send(GET + b"\r\n")
                assert (await third.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
                assert await first.heard() == b""
                second.send(GET + b"\r\n")
                assert (await second.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
                busy.send(b"x" * 90)
                assert (await busy.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


def _silent(server: Server) -> socket.socket:
    """A connection of another address, on which nothing is said."""
    return socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.2", 0))


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has all of 127.0.0.0/8.")
async def test_an_address_that_connects_faster_than_it_can_be_judged_shuts_nobody_out() -> None:
    async with a_server(connections_max=20) as server, AsyncExitStack() as stack:
        for _ in range(5):
            for _ in range(30):  # of which none is old enough to be called idle
                stack.enter_context(_silent(server))
            async with wire_to(server) as wire:
                wire.send(GET + b"Connection: close\r\n\r\n")
                assert (await wire.heard()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has all of 127.0.0.0/8.")
async def test_the_one_who_keeps_a_connection_keeps_it_while_another_opens_many() -> None:
    async with a_server(connections_max=10) as server, wire_to(server) as kept, AsyncExitStack() as stack:
        await asyncio.sleep(YOUNG_SECONDS)
        for count in (9, 3):  # three more than there may be
            for _ in range(count):
                stack.enter_context(_silent(server))
            await asyncio.sleep(2 * YOUNG_SECONDS)
        kept.send(GET + b"\r\n")
        assert (await kept.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_one_that_was_answered_waits_again() -> None:
    async with a_server(connections_max=1) as server, wire_to(server) as kept:
        kept.send(GET + b"\r\n")
        await kept.reader.readuntil(b'"}}')
        await asyncio.sleep(2 * YOUNG_SECONDS)
        async with wire_to(server) as other:
            other.send(GET + b"\r\n")
            assert (await other.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_nothing_is_remembered_of_those_that_have_gone() -> None:
    idle = Idle(2)
    transport = _Line()
    waiters = [Waiter(idle, transport, "a") for _ in range(3)]
    for waiter in waiters:
        waiter.waits()
    await asyncio.sleep(2 * YOUNG_SECONDS)
    assert transport.aborted == 1
    assert waiters[0] not in idle._waiting["a"]
    for waiter in waiters:
        waiter.works()
    assert not idle._waiting
    assert not idle._young
    assert not idle.drop_one("b")


class _Line(asyncio.Transport):
    aborted = 0

    def abort(self) -> None:
        self.aborted += 1


async def test_the_product_answers_a_probe_and_a_query_beside_them(own_database: Database, redis_url: str) -> None:
    async with database.connected(own_database.application_url):
        token = await create_token((await a_shop()).id, Role.SUPPORT, "ana", timedelta(hours=1))
    place = {"database_url": own_database.application_url, "redis_url": redis_url, "port": free_port()}
    chosen = quick_settings(**place, idle_per_address=0)
    config = configuration(create(chosen), chosen)
    async with running(config), httpx.AsyncClient(timeout=20) as http:
        wires = [Wire(*await asyncio.open_connection("127.0.0.1", chosen.port)) for _ in range(MANY)]
        for wire in wires:
            wire.send(HALF)
        await asyncio.sleep(2 * YOUNG_SECONDS)
        url, authorized = f"http://127.0.0.1:{chosen.port}", {"authorization": f"Bearer {token}"}
        assert (await http.get(f"{url}/healthz")).status_code == 200
        asked = await http.post(f"{url}/graphql", json={"query": "{ viewer { holder } }"}, headers=authorized)
        assert asked.json()["data"] == {"viewer": {"holder": "ana"}}
        for wire in wires:
            wire.writer.transport.abort()
