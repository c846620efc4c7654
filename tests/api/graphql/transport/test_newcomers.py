"""Sockets of which nobody knows yet whose they are: they take no place of those that are known."""

import time
from contextlib import AsyncExitStack
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import places
from api.places import Newcomers
from tests.api.graphql.transport.conftest import eventually, socket_to
from tests.api.graphql.transport.shop import Clerk
from tests.api.graphql.transport.test_frames import upgraded
from tests.api.graphql.transport.wires import GET, a_server, wire_to


async def test_who_has_a_token_is_let_in_however_many_sockets_say_nothing() -> None:
    async with a_server(sockets_max=3) as server, AsyncExitStack() as stack:
        for number in range(3):
            server.desk.tokens[f"token-{number}"] = Clerk("ana", None, f"merchant {number}")
            silent = [await stack.enter_async_context(socket_to(server)) for _ in range(3)]
            socket = await stack.enter_async_context(socket_to(server))
            assert (await socket.init(f"token-{number}"))["type"] == "connection_ack"
            for one in silent:
                with pytest.raises(ConnectionClosed):
                    await one.receive()
        with pytest.raises(InvalidStatus) as refused:  # by now the places are taken by those that are known
            await stack.enter_async_context(socket_to(server))
        assert refused.value.response.status_code == 503


async def test_one_that_was_there_before_the_last_place_was_taken_is_asked_to_come_again() -> None:
    async with a_server(sockets_max=6) as server, AsyncExitStack() as stack:
        waiting = await stack.enter_async_context(socket_to(server))
        for number in range(6):
            server.desk.tokens[f"token-{number}"] = Clerk("ana", None, f"merchant {number}")
            await (await stack.enter_async_context(socket_to(server))).init(f"token-{number}")
        await waiting.send({"type": "connection_init", "payload": {"token": "a-good-token"}})
        assert await waiting.close_code() == 1012


def test_the_oldest_of_the_address_that_has_the_most_makes_room() -> None:
    newcomers, gone = Newcomers(3), list[str]()
    held = [newcomers.enter(name[0], partial(gone.append, name)) for name in ("b1", "a1", "a2")]
    newcomers.enter("c", lambda: gone.append("c"))
    assert gone == ["a1"]
    newcomers.enter("a", lambda: gone.append("a3"))
    assert gone == ["a1", "a2"]
    for place in held:
        place.leave()
        place.leave()
    newcomers.enter("d", lambda: gone.append("d"))
    assert gone == ["a1", "a2"]


def test_those_that_had_time_go_before_those_that_come_just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    newcomers, gone = Newcomers(5), list[str]()
    monkeypatch.setattr(places, "_SECONDS_ENOUGH", 0.05)
    for name in ("a", "b", "c"):
        newcomers.enter(name, partial(gone.append, name))
    time.sleep(0.1)
    for number in range(5):  # the most of one address
        newcomers.enter("pse", partial(gone.append, f"pse{number}"))
    assert gone == ["a", "b", "c"]


WRONG = b"\x81\xa8\0\0\0\0" + b'{"type": "connection_init","payload":{}}'


async def test_a_socket_that_was_told_to_close_makes_room_and_keeps_its_addresss_place_until_it_has_gone() -> None:
    async with a_server(connections_max=1) as server, upgraded(server) as told:
        told.send(WRONG)
        await told.reader.readuntil(b"Unauthorized")
        async with wire_to(server) as other:
            other.send(GET + b"\r\n")
            assert (await other.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    async with a_server(sockets_per_address=1) as server, upgraded(server) as told:
        told.send(WRONG)
        await told.reader.readuntil(b"Unauthorized")
        await eventually(lambda: not server.uvicorn.server_state.tasks)
        with pytest.raises(InvalidStatus):
            async with socket_to(server):
                pass
        told.writer.transport.abort()
        await eventually(lambda: not server.uvicorn.server_state.connections)
        async with socket_to(server) as again:
            assert (await again.init())["type"] == "connection_ack"


async def test_a_closing_socket_is_waited_for_a_second_and_a_known_one_two() -> None:
    async with a_server() as server, socket_to(server) as socket:
        (protocol,) = server.uvicorn.server_state.connections
        assert getattr(protocol, "close_timeout", None) == 1.0
        await socket.init()
        assert getattr(protocol, "close_timeout", None) == 2.0
