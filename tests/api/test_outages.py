"""While PostgreSQL is away: a clear error and never a part of an answer, health that says so, streams that go on."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
import websockets

from api.app import create
from api.customer.texts import TEXTS
from domain.access.tokens import Role, create_token
from domain.platform import migrate
from domain.pse.vocabulary import Succeeded
from jobs.machine.servers import APPLICATION, OWNER
from tests.api.conftest import Asker, global_id
from tests.kit.factories import a_payment, a_refund, a_shop, an_answer
from tests.kit.family import Machine, end, machine, until
from tests.kit.world import quick_settings, served
from tests.sandbox.server import TLS

CREATE = """mutation ($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id status } replayed errors { ... on Error { code } } } }"""
EVENTS = """subscription ($refundId: ID!) { refundEvents(refundId: $refundId) { __typename
  ... on RefundEventMessage { event { sequence kind } } } }"""


class Outage:
    """An API of the test's own on a PostgreSQL of the test's own, which can be taken away and given back."""

    def __init__(self, asker: Asker, machine: Machine) -> None:
        self.asker = asker
        self.owner_url = machine.postgres.url(OWNER)
        self._server = machine.postgres_child

    async def begin(self) -> None:
        await end(self._server, signal.SIGQUIT)

    async def end(self) -> None:
        self._server.start()


@pytest.fixture
async def outage(home: Path) -> AsyncIterator[Outage]:
    async with machine(home) as servers:
        await migrate.run(servers.postgres.url(OWNER), APPLICATION)
        settings = quick_settings(database_url=servers.postgres.url(APPLICATION), redis_url=servers.valkey.url)
        async with served(create(settings)) as url, httpx.AsyncClient(timeout=20, verify=TLS) as http:
            shop = await a_shop()
            token = await create_token(shop.id, Role.ADMINISTRATOR, "tester", timedelta(hours=1))
            yield Outage(Asker(http, url, token, shop), servers)


async def test_the_customers_page_asks_to_come_again(outage: Outage) -> None:
    await outage.begin()
    url = f"{outage.asker.url}/refund-destination/some-token"
    answer = await outage.asker.http.get(url, headers={"accept-language": "es"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert TEXTS["away"]["es"] in answer.text


async def test_every_question_is_answered_with_503_and_none_with_a_part(outage: Outage) -> None:
    asker = outage.asker
    payment = await a_payment(asker.shop)
    wanted = {"paymentId": global_id(payment), "reason": "OTHER", "idempotencyKey": "a-key-of-this-test"}
    await outage.begin()
    for query, variables in (("{ payments(first: 1) { edges { node { id } } } }", {}), (CREATE, {"input": wanted})):
        for accept in ("application/json", "application/graphql-response+json"):
            answer = await asker.post({"query": query, "variables": variables}, Accept=accept)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert "data" not in answer.json()
            assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["UNAVAILABLE"]
    hook = f"{asker.url}/webhooks/{asker.shop.connection.id}/hook-secret-of-the-test/pix"
    assert (await asker.http.post(hook, content=b'{"pix": []}')).status_code == 503
    assert (await asker.http.get(f"{asker.url}/readyz")).status_code == 503
    assert (await asker.http.get(f"{asker.url}/healthz")).status_code == 200
    await outage.end()
    async with asyncio.timeout(10):  # one answer of this serves those who ask soon after
        while (await asker.http.get(f"{asker.url}/readyz")).status_code != 200:  # noqa: ASYNC110 - it is asked, not told
            await asyncio.sleep(0.1)
    made = (await asker.ask(CREATE, input=wanted))["refund"]
    assert (await asker.ask(CREATE, input=wanted)) == {"refund": made, "replayed": True, "errors": []}


async def test_a_database_lost_in_the_middle_of_an_operation_takes_the_whole_answer_along(outage: Outage) -> None:
    payment = global_id(await a_payment(outage.asker.shop))
    holder = await asyncpg.connect(outage.owner_url)
    await holder.execute("BEGIN; LOCK TABLE payments")
    query = "{ ledgerBalances { account } payments(first: 1) { edges { node { id } } } }"
    wanted = {"paymentId": payment, "reason": "OTHER", "idempotencyKey": "another-key-of-this-test"}
    asking = [asyncio.create_task(outage.asker.post({"query": query}))]
    asking += [asyncio.create_task(outage.asker.post({"query": CREATE, "variables": {"input": wanted}}))]

    async def both_wait() -> bool:
        return len(await holder.fetch("SELECT 1 FROM pg_locks WHERE NOT granted")) == len(asking)

    await until(both_wait, "both wait for the lock")
    await outage.begin()
    for answer in await asyncio.gather(*asking):
        assert answer.status_code == 503
        assert "data" not in answer.json()
        assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"UNAVAILABLE"}
    await outage.end()
    assert (await outage.asker.ask(CREATE, input=wanted))["replayed"] is False


@asynccontextmanager
async def _following(asker: Asker, refund_id: str) -> AsyncIterator[websockets.ClientConnection]:
    address = asker.url.replace("http", "ws") + "/graphql"
    async with websockets.connect(address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(
            json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {asker.token}"}})
        )
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        wanted = {"query": EVENTS, "variables": {"refundId": refund_id}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": wanted}))
        yield socket


async def _next(socket: websockets.ClientConnection) -> str:
    told = json.loads(await socket.recv())
    while told["type"] == "ping":
        told = json.loads(await socket.recv())
    if told["type"] != "next":
        return str(told["type"])
    message = told["payload"]["data"]["refundEvents"]
    return str(message["event"]["kind"] if "event" in message else message["__typename"])


async def test_a_stream_outlives_an_outage_and_misses_nothing(outage: Outage) -> None:
    refund = await a_refund(outage.asker.shop, await a_payment(outage.asker.shop))
    async with _following(outage.asker, global_id(refund)) as socket:
        assert [await _next(socket), await _next(socket)] == ["REQUESTED", "CaughtUpMessage"]
        await outage.begin()
        await asyncio.sleep(1.5)  # some polls fail meanwhile
        await outage.end()
        await an_answer(refund, Succeeded("D1"))
        assert [await _next(socket) for _ in range(3)] == ["SUBMITTED", "SUCCEEDED", "complete"]


async def test_a_socket_that_opens_during_an_outage_is_told_to_come_back(outage: Outage) -> None:
    refund = await a_refund(outage.asker.shop, await a_payment(outage.asker.shop))
    await outage.begin()
    with pytest.raises(websockets.ConnectionClosed) as closed:
        async with _following(outage.asker, str(uuid4())):
            pass
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    await outage.end()
    async with _following(outage.asker, global_id(refund)) as socket:
        assert await _next(socket) == "REQUESTED"
