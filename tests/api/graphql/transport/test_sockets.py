"""graphql-transport-ws against a real server: who gets in, what is refused, and with which code a socket closes."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.api.graphql.transport.conftest import AUTHORIZED, Server, eventually, serving, socket_to
from tests.api.graphql.transport.shop import SECRET, TOKEN, Desk, shop_app

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_subscription_is_followed_to_its_end(shop: Server) -> None:
    async with socket_to(shop) as socket:
        assert (await socket.init())["type"] == "connection_ack"
        await socket.subscribe("subscription { count(to: 2) }")
        messages = [await socket.receive() for _ in range(3)]
    assert [message["type"] for message in messages] == ["next", "next", "complete"]
    assert [message["payload"]["data"]["count"] for message in messages[:2]] == [0, 1]


async def test_every_message_carries_the_request_id_of_the_handshake(shop: Server) -> None:
    async with socket_to(shop, additional_headers={"x-request-id": "my-socket-1"}) as socket:
        response = socket.connection.response
        assert response is not None
        assert response.headers["x-correlation-id"] == "my-socket-1"
        own = response.headers["x-request-id"]
        await socket.init()
        await socket.subscribe("subscription { count(to: 1) }")
        assert (await socket.receive())["payload"]["extensions"] == {"requestId": own}


@pytest.mark.parametrize(
    "payload",
    [{"authorization": f"Bearer {TOKEN}"}, {"Authorization": f"bearer {TOKEN}"}, {"token": TOKEN}],
)
async def test_the_token_may_come_in_the_payload_as_clients_write_it(shop: Server, payload: dict[str, str]) -> None:
    async with socket_to(shop) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        assert (await socket.receive())["type"] == "connection_ack"


async def test_the_token_may_come_as_the_handshakes_header(shop: Server) -> None:
    async with socket_to(shop, additional_headers=AUTHORIZED) as socket:
        assert (await socket.init(token=None))["type"] == "connection_ack"


@pytest.mark.parametrize("payload", [{}, None, {"authorization": "Bearer wrong"}, {"authorization": 1}, {"token": ""}])
async def test_without_a_valid_token_the_socket_closes_with_4401(shop: Server, payload: Any) -> None:
    async with socket_to(shop) as socket:
        await socket.send({"type": "connection_init", **({"payload": payload} if payload is not None else {})})
        assert await socket.close_code() == 4401


async def test_subscribing_before_the_init_closes_with_4401(shop: Server) -> None:
    async with socket_to(shop, additional_headers=AUTHORIZED) as socket:
        await socket.subscribe("subscription { count(to: 1) }")
        assert await socket.close_code() == 4401


async def test_a_second_init_closes_with_4429(shop: Server) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.send({"type": "connection_init", "payload": {"token": "wrong"}})
        assert await socket.close_code() == 4429


async def test_a_second_operation_with_the_same_id_closes_with_4409(shop: Server) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.subscribe("subscription { forever }")
        await socket.receive()
        await socket.subscribe("subscription { forever }")
        assert await socket.close_code() == 4409


async def test_a_socket_that_never_speaks_closes_with_4408() -> None:
    desk = Desk()
    async with serving(shop_app(desk, init_seconds=0.05), desk) as server, socket_to(server) as socket:
        assert await socket.close_code() == 4408


@pytest.mark.parametrize(
    "message",
    [
        "{",
        b"\x00\x01",
        "[]",
        "null",
        "1",
        '"text"',
        "[" * 20_000,
        {},
        {"type": None},
        {"type": "unknown"},
        {"type": "connection_init", "payload": []},
        {"type": "subscribe"},
        {"type": "subscribe", "id": 1, "payload": {"query": "subscription { forever }"}},
        {"type": "subscribe", "id": "1", "payload": "text"},
        {"type": "subscribe", "id": "1", "payload": {"query": None}},
        {"type": "subscribe", "id": "1", "payload": {"query": "subscription { forever }", "variables": []}},
        {"type": "subscribe", "id": "1", "payload": {"query": "subscription { forever }", "operationName": {}}},
        {"type": "complete", "id": []},
    ],
)
async def test_an_ill_formed_message_closes_with_4400(shop: Server, message: Any) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.send(message)
        assert await socket.close_code() == 4400


async def test_a_ping_is_answered(shop: Server) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_the_legacy_protocol_is_refused_with_4406(shop: Server) -> None:
    async with socket_to(shop, subprotocols=["graphql-ws"]) as socket:
        assert await socket.close_code() == 4406


async def test_a_foreign_page_cannot_open_a_socket(shop: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket_to(shop, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["https://friend.example", None])
async def test_an_allowed_page_or_a_program_can_open_a_socket(shop: Server, origin: str | None) -> None:
    async with socket_to(shop, origin=origin) as socket:
        assert (await socket.init())["type"] == "connection_ack"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("mutation { sell }", "Mutations are not taken here; send them by HTTP POST."),
        ("{ hello }", "Queries are not taken here; send them by HTTP POST."),
        ("subscription { nothing }", "Cannot query field 'nothing' on type 'Subscription'."),
        ("subscription A { __typename ...B } fragment B on Subscription { count(to: 1) }", None),
    ],
)
async def test_only_a_valid_subscription_runs_on_a_socket(shop: Server, query: str, said: str | None) -> None:
    before = list(shop.desk.done)
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.subscribe(query)
        message = await socket.receive()
        assert message["type"] == "error"
        assert said is None or message["payload"][0]["message"] == said
        await socket.subscribe("subscription { count(to: 1) }")
        assert (await socket.receive())["type"] == "next"
    assert shop.desk.done == before


@pytest.mark.parametrize("query", ["{", "", "fragment A on Subscription { count(to: 1) }"])
async def test_a_document_that_cannot_be_read_ends_its_operation_and_not_the_socket(shop: Server, query: str) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.subscribe(query)
        message = await socket.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_a_socket_has_at_most_20_operations(shop: Server) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        for number in range(21):
            await socket.subscribe("subscription { forever }", str(number))
        messages = [await socket.receive() for _ in range(21)]
    refused = [message for message in messages if message["type"] == "error"]
    assert [message["payload"][0]["message"] for message in refused] == ["Subscription limit reached"]


async def test_each_operation_has_a_context_of_its_own(shop: Server) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        before = shop.desk.contexts
        for number in range(2):
            await socket.subscribe("subscription { count(to: 1) }", str(number))
            await socket.receive()
            await socket.receive()
    assert shop.desk.contexts == before + 2


async def test_an_exception_in_the_middle_is_masked_and_the_operation_completes(shop: Server) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.subscribe("subscription { breaks }")
        messages = [await socket.receive() for _ in range(3)]
    assert [message["type"] for message in messages] == ["next", "next", "complete"]
    assert SECRET not in str(messages)
    assert messages[1]["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"


async def test_a_socket_closes_with_4401_when_its_token_is_revoked() -> None:
    desk = Desk()
    async with serving(shop_app(desk, recheck_seconds=0.05), desk) as server, socket_to(server) as socket:
        await socket.init()
        await socket.subscribe("subscription { forever }")
        await socket.receive()
        desk.tokens.clear()
        assert await socket.close_code() == 4401
        await eventually(lambda: desk.following == 0)


async def test_a_socket_closes_with_4401_when_its_token_expires() -> None:
    desk = Desk()
    desk.tokens[TOKEN] = replace(desk.tokens[TOKEN], expires_at=datetime.now(UTC) + timedelta(seconds=0.5))
    async with serving(shop_app(desk), desk) as server, socket_to(server) as socket:
        await socket.init()
        await socket.subscribe("subscription { forever }")
        assert (await socket.receive())["type"] == "next"
        assert await socket.close_code() == 4401
        await eventually(lambda: desk.following == 0)


async def test_a_socket_is_asked_to_come_back_when_its_holder_changed() -> None:
    desk = Desk()
    async with serving(shop_app(desk, recheck_seconds=0.05), desk) as server, socket_to(server) as socket:
        await socket.init()
        desk.tokens[TOKEN] = replace(desk.tokens[TOKEN], name="ana, now in another role")
        assert await socket.close_code() == 1012


async def test_a_token_store_that_fails_ends_no_socket() -> None:
    desk = Desk()
    failing = asyncio.Event()
    failures = 0

    async def authenticate(token: str | None) -> Any:
        nonlocal failures
        if failing.is_set():
            failures += 1
            raise ConnectionError("the database restarts")
        return await Desk.authenticate(desk, token)

    desk.authenticate = authenticate  # type: ignore[method-assign] # the desk whose drawer is stuck
    async with serving(shop_app(desk, recheck_seconds=0.02), desk) as server, socket_to(server) as socket:
        await socket.init()
        failing.set()
        await eventually(lambda: failures >= 3)
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_a_server_that_stops_closes_with_1012_so_that_clients_come_back() -> None:
    desk = Desk()
    async with serving(shop_app(desk), desk) as server, socket_to(server) as socket:
        await socket.init()
        await socket.subscribe("subscription { forever }")
        await socket.receive()
        server.uvicorn.should_exit = True
        assert await socket.close_code() == 1012
        await eventually(lambda: desk.following == 0)


async def test_subscriptions_are_let_go_when_their_client_leaves(shop: Server) -> None:
    async with socket_to(shop) as socket:
        await socket.init()
        await socket.subscribe("subscription { forever }")
        await socket.receive()
    await eventually(lambda: shop.desk.following == 0)
