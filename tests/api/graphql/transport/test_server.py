"""What the server takes of a client before anybody knows who it is: over raw sockets."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from tests.api.graphql.transport.conftest import Server, Socket, eventually, socket_to
from tests.api.graphql.transport.shop import TOKEN
from tests.api.graphql.transport.test_frames import INIT, masked_frame, upgraded
from tests.api.graphql.transport.wires import GET, HURRIED, POST, Wire, a_server, wire_to


@pytest.mark.parametrize(
    "head",
    [
        GET + b"".join(b"x%d: 1\r\n" % number for number in range(200)) + b"\r\n",
        GET + b"x: " + b"y" * 9_000 + b"\r\n\r\n",
        GET + b"".join(b"x%d: %s\r\n" % (number, b"y" * 7_000) for number in range(6)) + b"\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["many", "one", "sum", "address"],
)
async def test_a_large_head_is_431_and_the_connection_is_closed(head: bytes) -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(head)
        assert (await wire.heard()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("turn", [b"x: " + b"y" * 65_536, b"x: y\r\n" * 10_000])
async def test_thirty_megabytes_of_headers_are_refused_early(turn: bytes) -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(GET)
        sent = await wire.flood(turn, 30 * 1024 * 1024)
        assert (await wire.heard()).startswith(b"HTTP/1.1 431 ")
    assert sent < 16 * 1024 * 1024


async def test_ordinary_headers_and_one_connection_for_many_requests_are_served() -> None:
    async with a_server(**HURRIED) as server, wire_to(server) as wire:
        for _ in range(3):
            wire.send(GET + b"".join(b"x%d: %s\r\n" % (number, b"y" * 300) for number in range(90)) + b"\r\n")
            assert (await wire.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
            assert b'"hello world"' in await wire.reader.readuntil(b'"}}')


@pytest.mark.parametrize(
    ("half", "hurried"),
    [
        *((half, "head_seconds") for half in (b"", b"GET /gra", GET, b"\r\n\r\n")),
        *((half, "body_seconds") for half in (POST, GET + b"\r\n" + POST)),
    ],
)
async def test_half_a_request_is_not_kept(half: bytes, hurried: str) -> None:
    seconds = {**dict.fromkeys(HURRIED, 600.0), hurried: 0.2}
    async with a_server(**seconds) as server, wire_to(server) as wire:
        wire.send(half)
        assert b"HTTP/1.1 408 " in await wire.heard()
        await eventually(lambda: not server.uvicorn.server_state.tasks)


async def test_one_connection_more_than_can_be_worked_on_is_503_with_retry_after() -> None:
    async with a_server(connections_max=3) as server:
        async with wire_to(server) as one, wire_to(server) as two, wire_to(server) as three:
            for working in (one, two, three):
                working.send(POST)
            await eventually(lambda: len(server.uvicorn.server_state.tasks) == 3)
            async with wire_to(server) as wire:
                heard = await wire.heard()
        assert heard.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 2\r\n" in heard
        assert b'"UNAVAILABLE"' in heard


async def test_no_socket_is_offered_compression(shop_server: Server) -> None:
    async with socket_to(shop_server) as socket:
        assert socket.connection.protocol.extensions == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"type": "' + "é" * 200 + '"}', 4400),
        ('{"type": "complete", "id": "' + "x" * 65 + '"}', 4400),
        ('{"type": "connection_init", "payload": {"token": "est_\\ud800"}}', 4401),
        ('{"type": "connection_init", "payload": {"token": "' + "x" * 5_000 + '"}}', 1009),
        ("x" * 70_000, 1009),
        (b"\xff", 4400),
        ("[" * 3_000, 4400),
    ],
    ids=["type", "id", "surrogate", "before init", "size", "bytes", "nesting"],
)
async def test_a_bad_message_closes_the_socket_without_a_traceback(
    shop_server: Server, caplog: pytest.LogCaptureFixture, message: str | bytes, code: int
) -> None:
    with caplog.at_level(logging.INFO):
        async with socket_to(shop_server) as socket:
            await socket.send(message)
            assert await socket.close_code() == code
        await eventually(lambda: not server_tasks(shop_server))
    assert not [record for record in caplog.records if record.exc_info]


def _subscribe(name: str, query: str = "subscription { forever }") -> str:
    return json.dumps({"type": "subscribe", "id": name, "payload": {"query": query}})


@pytest.mark.parametrize("last", [_subscribe("1"), "x", "[]"])
async def test_what_ends_a_socket_on_which_subscriptions_begin_is_no_error_of_ours(
    redis_url: str, caplog: pytest.LogCaptureFixture, last: str
) -> None:
    async with a_server(redis_url=redis_url, rate_per_token=3000) as server, upgraded(server) as wire:  # type: ignore[arg-type]
        wire.send(masked_frame(INIT))
        await wire.reader.readuntil(b"}")
        wire.send(
            b"".join(masked_frame(one.encode()) for one in [*(_subscribe(str(name)) for name in range(10)), last])
        )
        await wire.reader.readuntil(b"\x88")  # a close frame
        await eventually(lambda: not server_tasks(server))
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


async def test_a_subscription_without_a_document_is_told_so(shop_server: Server) -> None:
    async with socket_to(shop_server) as socket:
        await socket.init()
        await socket.send(_subscribe("1", ""))
        heard = await socket.receive()
    assert (heard["type"], heard["payload"][0]["message"]) == ("error", "The request has no `query`.")


async def test_a_frame_that_ends_a_socket_which_is_still_answered_is_no_error_of_ours(
    shop_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    for message in (b"x", b"{}", b'{"type": "ping"}', b'{"type": "connection_init"}'):
        async with upgraded(shop_server) as wire:
            wire.send(masked_frame(message) + b"\xff\x80\0\0\0\0")
            await wire.heard()
    await eventually(lambda: not server_tasks(shop_server))
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


async def test_a_denied_handshake_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async with a_server(sockets_max=0) as server:
        with pytest.raises(InvalidStatus):
            async with socket_to(server):
                pass
        await eventually(lambda: not server_tasks(server))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_nobody_unknown_sends_more_than_ten_messages(shop_server: Server) -> None:
    async with socket_to(shop_server) as socket:
        for _ in range(11):
            await socket.send('{"type": "ping"}')
        assert await socket.close_code() == 4429
    async with socket_to(shop_server) as socket:
        await socket.init()
        for _ in range(20):
            await socket.send('{"type": "ping"}')
        await socket.subscribe("subscription { count(to: 1) }", "one")


async def test_an_id_of_64_characters_is_taken(shop_server: Server) -> None:
    async with socket_to(shop_server) as socket:
        await socket.init()
        await socket.subscribe("subscription { count(to: 1) }", "x" * 64)
        assert (await socket.receive())["id"] == "x" * 64


def server_tasks(server: Server) -> set[asyncio.Task[None]]:
    return server.uvicorn.server_state.tasks


@pytest.fixture
async def shop_server() -> AsyncIterator[Server]:
    async with a_server() as server:
        yield server


async def test_sockets_of_an_address_and_of_a_token_are_bounded_and_given_back() -> None:
    async with a_server(sockets_per_address=3, sockets_per_token=2) as server:
        async with socket_to(server) as first, socket_to(server) as second, socket_to(server) as third:
            for socket in (first, second):
                assert (await socket.init())["type"] == "connection_ack"
            await third.send({"type": "connection_init", "payload": {"token": TOKEN}})
            assert await third.close_code() == 4429
            async with socket_to(server) as fourth:
                with pytest.raises(InvalidStatus) as refused:
                    async with socket_to(server):
                        pass
                assert refused.value.response.status_code == 503
                assert refused.value.response.headers["retry-after"] == "2"
                assert isinstance(fourth, Socket)
        await eventually(lambda: not server_tasks(server))
        async with socket_to(server) as again:
            assert (await again.init())["type"] == "connection_ack"


async def test_subscriptions_of_a_token_are_bounded_over_all_its_sockets_and_given_back() -> None:
    async with a_server(subscriptions_per_token=2) as server, socket_to(server) as one, socket_to(server) as other:
        await one.init()
        await other.init()
        for socket, name in ((one, "1"), (other, "2")):
            await socket.subscribe("subscription { forever }", name)
            assert (await socket.receive())["type"] == "next"
        await other.subscribe("subscription { forever }", "3")
        refused = await other.receive()
        assert (refused["type"], refused["id"]) == ("error", "3")
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        headers = {"accept": "text/event-stream", "content-type": "application/json"}
        streamed = await server.client.post("/graphql", json={"query": "subscription { forever }"}, headers=headers)
        assert (streamed.status_code, streamed.headers["retry-after"]) == (503, "2")
        await one.send({"type": "complete", "id": "1"})
        await eventually(lambda: server.desk.following == 1)
        await other.subscribe("subscription { forever }", "4")
        assert (await other.receive())["type"] == "next"


async def test_a_token_that_asks_too_often_is_told_how_long_to_wait() -> None:
    async with a_server(rate_per_token=3) as server:
        answers = [await server.post({"query": "{ hello }"}) for _ in range(4)]
        async with socket_to(server) as socket:
            await socket.init()
            await socket.subscribe("subscription { count(to: 1) }")
            refused = await socket.receive()
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[3].headers["retry-after"]) <= 20
    assert answers[3].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.parametrize("head", [b"Transfer-Encoding: chunked", b"Content-Length: 20000"], ids=["chunks", "reads"])
async def test_a_body_in_endlessly_many_small_pieces_is_refused(head: bytes) -> None:
    async with a_server() as server, wire_to(server) as wire:
        wire.send(b"POST /swallow HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
        # Who is refused while still sending has the answer before the end of the connection, or not at all.
        answer = asyncio.create_task(wire.reader.readuntil(b"}"))
        for _ in range(20):
            if answer.done():
                break
            if head.startswith(b"Transfer"):
                wire.send(b"1\r\na\r\n" * 1_000)
            else:
                await _one_by_one(wire, b"a" * 1_000)
        wire.send(b"0\r\n\r\n" if head.startswith(b"Transfer") else b"")
        heard = await answer
        assert heard.startswith(b"HTTP/1.1 400 ")
        assert b"small pieces" in heard


async def _one_by_one(wire: Wire, data: bytes) -> None:
    for number in range(len(data)):
        wire.send(data[number : number + 1])
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.mark.parametrize(("piece", "count"), [(b"1\r\na\r\n", 1_000), (b"40\r\n" + b"a" * 64 + b"\r\n", 10_000)])
async def test_a_body_in_a_thousand_small_pieces_or_many_larger_ones_is_read(piece: bytes, count: int) -> None:
    async with a_server() as server, wire_to(server) as wire:
        for _ in range(2):  # each request has its own
            wire.send(b"POST /swallow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            wire.send(piece * count + b"0\r\n\r\n")
            assert (await wire.reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
