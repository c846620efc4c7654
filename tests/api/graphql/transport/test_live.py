"""Live subscriptions that share, by counting: who sees the same is executed once, and nobody is shown another's."""

import asyncio
import contextlib
import gc
import json
import socket as sockets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from graphql.execution.collect_fields import FieldDetails
from websockets.exceptions import ConnectionClosed

from api.doors import Gate, open_gate
from api.graphql.access.remembered import REMEMBERED_SECONDS
from api.graphql.transport.endpoint import RECHECK_SECONDS
from api.graphql.transport.live import WAITING_BYTES_MAX
from api.places import Places
from api.socket_protocol import TOO_SLOW, UNREAD_BYTES_MAX
from tests.api.graphql.transport.conftest import Server, Socket, eventually, serving, socket_to
from tests.api.graphql.transport.live_shop import LiveDesk, live_app
from tests.api.graphql.transport.shop import SECRET, TOKEN

QUERY = """subscription S($after: Int! = 0, $size: Int! = 0, $name: String! = "clock") {
  ticks(after: $after, name: $name) { kind number replayed shown(size: $size) } }"""
OTHER = "another-good-token"


@asynccontextmanager
async def the_shop(desk: LiveDesk, **more: Any) -> AsyncIterator[Server]:
    desk.tokens[OTHER] = replace(desk.tokens[TOKEN], name="bia", merchant="another shop")
    async with serving(live_app(desk, **more), desk) as server:
        yield server


async def _joined(
    stack: AsyncExitStack, server: Server, token: str = TOKEN, query: str = QUERY, **given: Any
) -> Socket:
    """A follower who has caught up."""
    socket = await stack.enter_async_context(socket_to(server))
    await socket.init(token)
    await socket.subscribe(query, variables=given)
    while (await socket.receive())["payload"]["data"]["ticks"]["kind"] != "CaughtUp":
        pass
    return socket


async def _raw(socket: Socket) -> str:
    async with asyncio.timeout(10):
        return str(await socket.connection.recv())


async def _until_closed(socket: Socket, between: Callable[[], Any] = int) -> tuple[list[Any], int, str]:
    """What still comes, and the code and reason of the close."""
    seen: list[Any] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            between()
            seen.append((await socket.receive())["payload"]["data"]["ticks"])
    return seen, socket.connection.close_code or 0, socket.connection.close_reason or ""


async def _narrow(server: Server) -> sockets.socket:
    """A connection on whose way little fits."""
    server.uvicorn.servers[0].sockets[0].setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 4096)
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", server.port))
    return narrow


def _data(message: str) -> str:
    """The bytes of a message that belong to no handshake."""
    return message.partition('"payload":')[2].partition(',"extensions"')[0]


async def test_fifty_who_see_the_same_cost_one_read_and_one_execution_and_are_told_the_same_bytes() -> None:
    desk = LiveDesk()
    desk.tick()
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        # Where each began is no part of what it sees from now on.
        followers = [await _joined(stack, server, after=number % 2) for number in range(50)]
        reads, executions = desk.ticks.reads, desk.executions
        desk.tick()
        told = [await _raw(one) for one in followers]
        assert (desk.ticks.reads, desk.executions) == (reads + 1, executions + 1)
        assert {_data(one) for one in told} == {
            '{"data":{"ticks":{"kind":"Change","number":2,"replayed":false,"shown":"the shop/"}}'
        }
        assert len({json.loads(one)["payload"]["extensions"]["requestId"] for one in told}) == 50


async def test_two_scopes_of_access_are_two_executions_and_each_sees_its_own() -> None:
    desk = LiveDesk()
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        followers = [await _joined(stack, server, token) for token in (TOKEN, OTHER) * 3]
        desk.tick()
        told = [(await one.receive())["payload"]["data"]["ticks"]["shown"] for one in followers]
        assert told == ["the shop/", "another shop/"] * 3
        assert (desk.executions, desk.ticks.asked - desk.ticks.reads) == (2, 0)


async def test_other_variables_are_another_execution() -> None:
    desk = LiveDesk()
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        followers = [await _joined(stack, server, size=size) for size in (0, 1, 0)]
        desk.tick()
        told = [(await one.receive())["payload"]["data"]["ticks"]["shown"] for one in followers]
        assert told == ["the shop/", "the shop/.", "the shop/"]
        assert desk.executions == 2


async def test_all_keys_that_are_woken_together_are_read_in_one_statement() -> None:
    desk = LiveDesk()
    desk.ticks.rows |= {str(number): [] for number in range(20)}
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        followers = [await _joined(stack, server, name=str(number)) for number in range(20)]
        reads = desk.ticks.reads
        for number in range(20):
            desk.tick(str(number))
        assert [(await one.receive())["payload"]["data"]["ticks"]["number"] for one in followers] == [1] * 20
        assert desk.ticks.reads == reads + 1


async def test_who_follows_by_server_sent_events_shares_with_who_follows_on_a_socket() -> None:
    desk = LiveDesk()
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        follower = await _joined(stack, server)
        asked = {"query": QUERY}
        events = await stack.enter_async_context(
            server.client.stream("POST", "/graphql", json=asked, headers={"accept": "text/event-stream"})
        )
        lines = (line async for line in events.aiter_lines() if line.startswith("data: {"))
        assert "CaughtUp" in await anext(lines)
        desk.tick()
        event, message = (await anext(lines)).removeprefix("data: "), await _raw(follower)
        assert event.partition(',"extensions"')[0] == _data(message)
        assert json.loads(event)["extensions"]["requestId"] == events.headers["x-request-id"]
        assert desk.executions == 1


async def test_an_error_that_nobody_foresaw_is_executed_masked_and_numbered_for_each() -> None:
    desk = LiveDesk()
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        followers = [await _joined(stack, server) for _ in range(3)]
        desk.broken = True
        desk.tick()
        told = [json.loads(await _raw(one))["payload"] for one in followers]
        assert SECRET not in str(told)
        assert desk.executions == 1 + 3
        numbers = [one["errors"][0]["extensions"]["requestId"] for one in told]
        assert numbers == [one["extensions"]["requestId"] for one in told]
        assert len(set(numbers)) == 3
        desk.broken = False
        desk.tick()
        assert {_data(await _raw(one)) for one in followers} == {
            '{"data":{"ticks":{"kind":"Change","number":2,"replayed":false,"shown":"the shop/"}}'
        }
        assert desk.executions == 1 + 3 + 1


async def test_an_error_that_was_written_for_clients_is_shared() -> None:
    desk = LiveDesk()
    query = "subscription { ticks { kind shown spoken } }"
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        followers = [await _joined(stack, server, query=query) for _ in range(3)]
        desk.tick()
        told = [await _raw(one) for one in followers]
        assert {json.loads(one)["payload"]["errors"][0]["message"] for one in told} == {"Said on purpose."}
        assert (len({_data(one) for one in told}), desk.executions) == (1, 1)


@pytest.mark.parametrize("root", ["ticks { kind shown }", "... on Subscription { ticks { kind shown } }"])
async def test_events_that_were_told_leave_nothing_in_memory(root: str) -> None:
    desk = LiveDesk()
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        follower = await _joined(stack, server, query=f"subscription {{ {root} }}")  # shared, and alone
        collected = []
        for _ in range(2):
            for _ in range(10):
                desk.tick()
                await follower.receive()
            gc.collect()
            collected.append(sum(isinstance(one, FieldDetails) for one in gc.get_objects()))
        assert collected[0] == collected[1]


async def test_a_slow_reader_is_dropped_with_a_reason_and_the_others_get_everything() -> None:
    desk, size = LiveDesk(), 50_000
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        narrow = stack.enter_context(await _narrow(server))
        slow = await stack.enter_async_context(socket_to(server, sock=narrow, max_queue=1))
        await slow.init()
        await slow.subscribe(QUERY, variables={"size": size})
        assert (await slow.receive())["payload"]["data"]["ticks"]["kind"] == "CaughtUp"
        follower = await _joined(stack, server, size=size)
        for number in range(1, 3 * UNREAD_BYTES_MAX // size):
            desk.tick()
            assert (await follower.receive())["payload"]["data"]["ticks"]["number"] == number
        seen, code, reason = await _until_closed(slow)
        assert (code, reason.partition(";")[0]) == (TOO_SLOW, "You read too slowly")
        numbers = [one["number"] for one in seen]
        assert numbers == list(range(1, len(numbers) + 1))  # and it can go on behind the last one
        assert len(numbers) < len(desk.ticks.rows["clock"])


async def test_a_stream_over_http_that_is_not_read_ends_with_a_reason() -> None:
    desk, size = LiveDesk(), 50_000
    async with the_shop(desk) as server, AsyncExitStack() as stack:
        reader, writer = await asyncio.open_connection(sock=await _narrow(server), limit=1_024)
        stack.callback(writer.close)
        body = json.dumps({"query": QUERY, "variables": {"size": size}})
        head = f"POST /graphql HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\naccept: text/event-stream\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        follower = await _joined(stack, server, size=size)
        await eventually(lambda: desk.feeds.of(desk.kind).rooms["clock"].inside == 2)
        for number in range(1, 3 * WAITING_BYTES_MAX // size):
            desk.tick()
            assert (await follower.receive())["payload"]["data"]["ticks"]["number"] == number
        told = b""
        async with asyncio.timeout(10):
            while b"event: complete" not in told:
                told += await reader.read(65_536)
        assert b'"code":"TOO_SLOW"' in told


async def test_who_changes_is_shown_nothing_of_another_scope_and_comes_back_to_its_new_one() -> None:
    desk = LiveDesk()
    async with the_shop(desk, recheck_seconds=0.02) as server, AsyncExitStack() as stack:
        stays, leaves = await _joined(stack, server), await _joined(stack, server, OTHER)
        desk.tokens[OTHER] = replace(desk.tokens[OTHER], merchant="the shop")
        seen, code, _ = await _until_closed(leaves, desk.tick)
        assert code == 1012
        assert {one["shown"] for one in seen} <= {"another shop/"}
        back = await _joined(stack, server, OTHER, after=len(desk.ticks.rows["clock"]))
        desk.tick()
        assert (await back.receive())["payload"]["data"]["ticks"]["shown"] == "the shop/"
        assert (await stays.receive())["payload"]["data"]["ticks"]["shown"] == "the shop/"


def test_a_token_that_was_revoked_or_changed_is_noticed_within_five_seconds() -> None:
    assert RECHECK_SECONDS + REMEMBERED_SECONDS <= 5


async def test_different_live_documents_of_a_token_are_bounded_and_equal_ones_count_once() -> None:
    desk = LiveDesk()
    gate: Gate = replace(open_gate(), executions=Places({"token": 2, "process": 3}))
    async with the_shop(desk, gate=gate) as server, AsyncExitStack() as stack:
        for size in (1, 2, 1, 2):
            await _joined(stack, server, size=size)
        refused = await stack.enter_async_context(socket_to(server))
        await refused.init()
        await refused.subscribe(QUERY, variables={"size": 3})
        told = await refused.receive()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
        assert told["payload"][0]["message"].startswith("Too many different live documents are executed;")
        await stack.aclose()
        await eventually(lambda: not gate.executions._taken)


async def test_nothing_is_left_of_those_who_have_gone() -> None:
    desk = LiveDesk()
    async with the_shop(desk) as server:
        async with AsyncExitStack() as stack:
            await asyncio.gather(*(_joined(stack, server) for _ in range(5)))
            feed = desk.feeds.of(desk.kind)
            assert (list(feed.rooms), feed.rooms["clock"].inside, desk.waker.channels) == (["clock"], 5, 1)
        await eventually(lambda: not feed.rooms and desk.waker.channels == 0 and feed._task is None)
