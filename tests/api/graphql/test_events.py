"""Following a refund live: replay, caught up, live; in order; from any cursor; by WebSocket and server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets

from domain.models import Refund
from domain.platform import bell
from domain.pse.vocabulary import Accepted, Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.api.conftest import Asker, Enter, global_id
from tests.kit.factories import CAUSE, a_payment, a_refund, an_answer

QUERY = """subscription S($refundId: ID!, $after: String) {
  refundEvents(refundId: $refundId, after: $after) { __typename
  ... on RefundEventMessage { replayed event { sequence status cursor } } ... on CaughtUpMessage { cursor } } }"""


@asynccontextmanager
async def _socket(asker: Asker) -> AsyncIterator[Any]:
    url = asker.url.replace("http", "ws") + "/graphql"
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(
            json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {asker.token}"}})
        )
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        yield socket


async def _subscribe(socket: Any, refund: str, after: str | None = None) -> None:
    payload = {"query": QUERY, "variables": {"refundId": refund, "after": after}}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))


async def _next(socket: Any) -> Any:
    """What comes next: a sequence, "caught up", "complete", or the error's code."""
    async with asyncio.timeout(15):
        told = json.loads(await socket.recv())
    if told["type"] == "complete":
        return "complete"
    if told["type"] == "error" or told["payload"].get("errors"):
        errors = told["payload"] if told["type"] == "error" else told["payload"]["errors"]
        return errors[0]["extensions"]["code"]
    message = told["payload"]["data"]["refundEvents"]
    if message["__typename"] == "CaughtUpMessage":
        return "caught up"
    return message["event"]["sequence"], message["event"]["status"], message["replayed"]


async def _pending(asker: Asker) -> Refund:
    refund = await a_refund(asker.shop, await a_payment(asker.shop))
    await an_answer(refund, Accepted("D1"))
    return refund


async def test_what_happened_is_replayed_then_news_come_live_and_the_end_completes(enter: Enter) -> None:
    asker = await enter()
    refund = await _pending(asker)
    async with _socket(asker) as socket:
        await _subscribe(socket, global_id(refund))
        seen = [await _next(socket) for _ in range(4)]
        assert seen == [(1, "REQUESTED", True), (2, "SUBMITTED", True), (3, "PENDING", True), "caught up"]
        await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
        assert [await _next(socket), await _next(socket)] == [(4, "SUCCEEDED", False), "complete"]


async def test_a_client_that_comes_back_goes_on_behind_its_cursor(enter: Enter) -> None:
    asker = await enter()
    refund = await _pending(asker)
    async with _socket(asker) as socket:
        await _subscribe(socket, global_id(refund), "2")
        assert [await _next(socket), await _next(socket)] == [(3, "PENDING", True), "caught up"]


async def test_a_lost_wake_costs_time_and_no_event(enter: Enter) -> None:
    asker = await enter()
    refund = await _pending(asker)
    async with _socket(asker) as socket:
        await _subscribe(socket, global_id(refund), "3")
        assert await _next(socket) == "caught up"
        await bell.close()  # nobody is woken now
        await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
        assert await _next(socket) == (4, "SUCCEEDED", False)


async def test_the_stream_of_a_refund_that_came_back_has_the_return_too(enter: Enter) -> None:
    asker = await enter()
    refund = await _pending(asker)
    await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
    await record(refund.id, Returned("X", "x"), Source(Door.NOTICE), CAUSE)
    async with _socket(asker) as socket:
        await _subscribe(socket, global_id(refund), "3")
        seen = [await _next(socket) for _ in range(4)]
        assert seen == [(4, "SUCCEEDED", True), (5, "RETURNED", True), "caught up", "complete"]


@pytest.mark.parametrize(
    ("after", "code"), [("x", "INVALID_INPUT"), ("-1", "INVALID_INPUT"), ("9" * 30, "INVALID_INPUT")]
)
async def test_a_cursor_that_is_none_is_refused(enter: Enter, after: str, code: str) -> None:
    asker = await enter()
    refund = await _pending(asker)
    async with _socket(asker) as socket:
        await _subscribe(socket, global_id(refund), after)
        assert await _next(socket) == code


async def test_another_merchants_refund_can_not_be_followed(enter: Enter) -> None:
    mine, theirs = await enter(), await enter()
    refund = await _pending(theirs)
    async with _socket(mine) as socket:
        await _subscribe(socket, global_id(refund))
        assert await _next(socket) == "NOT_FOUND"


async def test_the_same_stream_comes_as_server_sent_events(enter: Enter) -> None:
    asker = await enter()
    refund = await _pending(asker)
    await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
    answer = await asker.post(
        {"query": QUERY, "variables": {"refundId": global_id(refund)}}, Accept="text/event-stream"
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count('"sequence":') == 4
    assert "CaughtUpMessage" in answer.text
    assert "event: complete" in answer.text


async def test_a_cursor_that_lies_ahead_of_the_refund_is_refused_and_spoils_nothing_for_others(enter: Enter) -> None:
    asker = await enter()
    refund = await _pending(asker)
    async with _socket(asker) as ahead, _socket(asker) as follower:
        for after in ("4", "9" * 18):
            await _subscribe(ahead, global_id(refund), after)
            assert await _next(ahead) == "INVALID_INPUT"
        await _subscribe(follower, global_id(refund), "3")
        assert await _next(follower) == "caught up"
        await _subscribe(ahead, global_id(refund), "4")
        assert await _next(ahead) == "INVALID_INPUT"
        await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
        assert (await _next(follower))[0] == 4


async def test_who_resumes_behind_the_last_event_is_told_that_nothing_more_comes(enter: Enter) -> None:
    asker = await enter()
    refund = await _pending(asker)
    await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
    async with _socket(asker) as socket:
        await _subscribe(socket, global_id(refund), "4")
        assert [await _next(socket), await _next(socket)] == ["caught up", "complete"]
