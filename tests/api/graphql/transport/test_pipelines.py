"""What one connection may queue, and what of a request may not speak for it."""

import asyncio
import logging

import pytest
import uvloop
import websockets
from websockets.asyncio.client import connect

from tests.api.graphql.transport.conftest import eventually
from tests.api.graphql.transport.shop import TOKEN
from tests.api.graphql.transport.wires import GET, a_server, wire_to


async def test_a_few_requests_may_wait_on_one_connection_and_a_thousand_may_not() -> None:
    async with a_server() as server:
        async with wire_to(server) as wire:
            wire.send((GET + b"\r\n") * 5 + GET + b"Connection: close\r\n\r\n")
            assert (await wire.heard()).count(b"HTTP/1.1 200") == 6
        async with wire_to(server) as wire:
            wire.send((GET + b"\r\n") * 1_000)
            heard = await wire.heard()
        assert b"HTTP/1.1 400" in heard
        assert heard.count(b"HTTP/1.1 200") <= 11


def test_a_client_that_leaves_its_pipeline_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async def leave() -> None:
        async with a_server() as server:
            for requests in range(1, 9):
                async with wire_to(server) as wire:
                    wire.send((GET + b"\r\n") * requests)
                    await asyncio.sleep(0)
                    await eventually(lambda: bool(server.uvicorn.server_state.tasks))
                await eventually(lambda: not server.uvicorn.server_state.tasks)
            async with wire_to(server) as wire:
                wire.send((GET + b"\r\n") * 3 + b"no request\r\n\r\n")
                assert b"HTTP/1.1 400" in await wire.heard()
            await eventually(lambda: not server.uvicorn.server_state.tasks)

    uvloop.run(leave())  # as the product runs: its transports refuse what is written to a closed one
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


async def test_a_trailer_names_no_token() -> None:
    head = b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    body = b'{"query": "{ hello }"}'
    chunked = b"Connection: close\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body)
    token = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
    async with a_server() as server:
        async with wire_to(server) as wire:
            wire.send(head + token + chunked + b"\r\n")
            assert (await wire.heard()).startswith(b"HTTP/1.1 200")
        async with wire_to(server) as wire:
            wire.send(head + chunked + token + b"\r\n")
            assert (await wire.heard()).startswith(b"HTTP/1.1 401")


async def test_the_address_of_a_handshake_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with a_server() as server:
        address = f"ws://127.0.0.1:{server.port}/graphql?t=%65st_not_for_the_log"
        async with connect(address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]):
            pass
    assert "not_for_the_log" not in caplog.text
