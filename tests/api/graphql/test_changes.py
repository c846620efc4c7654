"""The merchant-wide feed: every sealed event in order, from any position, without a gap, and nobody else's."""

import asyncio
import json
from typing import Any

import pytest

from domain.history import seals
from domain.models import Event, EventSeal
from domain.pse.vocabulary import Succeeded
from tests.api.conftest import Asker, Enter, global_id
from tests.api.graphql.test_events import _socket
from tests.kit.factories import Shop, a_payment, a_refund, an_answer

QUERY = """subscription S($after: String) { refundsChanged(after: $after) { __typename
  ... on RefundEventMessage { replayed event { id status cursor } } ... on CaughtUpMessage { cursor } } }"""


async def _subscribe(socket: Any, after: str | None = None) -> None:
    payload = {"query": QUERY, "variables": {"after": after}}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))


async def _next(socket: Any) -> tuple[str, str, bool]:
    """Cursor, refund's event (or "caught up"), replayed."""
    message: dict[str, Any] = {"__typename": "HeartbeatMessage"}
    async with asyncio.timeout(60):
        while message["__typename"] == "HeartbeatMessage":  # nothing happened for a while
            message = json.loads(await socket.recv())["payload"]["data"]["refundsChanged"]
    if message["__typename"] == "CaughtUpMessage":
        return message["cursor"], "caught up", False
    return message["event"]["cursor"], message["event"]["id"], message["replayed"]


async def _seal_all() -> None:
    for _ in range(600):  # a transaction of another test, in the same cluster, may hold the sealer up for long
        await seals.seal()
        if await EventSeal.filter(deed_id=None).count() == await Event.all().count():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("Not everything could be sealed.")


async def _one(shop: Shop) -> None:
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await an_answer(refund, Succeeded(f"D-{refund.reference}"))


async def test_what_was_sealed_is_replayed_then_news_come_live_and_a_cursor_resumes(enter: Enter) -> None:
    asker, stranger = await enter(), await enter()
    await _one(asker.shop)
    await _one(stranger.shop)
    await _seal_all()
    async with _socket(asker) as socket:
        await _subscribe(socket)
        replayed = [await _next(socket) for _ in range(4)]
        assert [cursor for cursor, _, _ in replayed] == ["1", "2", "3", "3"]
        assert replayed[-1][1] == "caught up"
        await _one(asker.shop)
        await _seal_all()
        live = [await _next(socket) for _ in range(3)]
        assert [(cursor, again) for cursor, _, again in live] == [("4", False), ("5", False), ("6", False)]
    async with _socket(asker) as socket:
        await _subscribe(socket, "4")
        assert [(await _next(socket))[0] for _ in range(3)] == ["5", "6", "6"]


async def test_a_reader_that_comes_and_goes_under_busy_writers_misses_nothing(enter: Enter) -> None:
    asker = await enter()
    done = asyncio.Event()

    async def write() -> None:
        for _ in range(6):
            await asyncio.gather(*(_one(asker.shop) for _ in range(3)))
        done.set()

    async def keep_sealing() -> None:
        # To the end: what was written last would else stay unsealed while the reader waits for it.
        while not done.is_set() or await EventSeal.filter(deed_id=None).count() < await Event.all().count():
            await seals.seal(5)
            await asyncio.sleep(0.01)

    working = asyncio.gather(write(), keep_sealing())
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < 54:
        async with _socket(asker) as socket:
            await _subscribe(socket, cursor)
            for _ in range(7):
                cursor, event, _ = await _next(socket)
                seen += [event] if event != "caught up" else []
                if len(seen) == 54:
                    break
    await working
    assert len(set(seen)) == 54 == await Event.filter(merchant_id=asker.shop.id).count()


async def test_an_event_names_its_refund_and_the_feed_comes_as_server_sent_events(enter: Enter) -> None:
    asker = await enter()
    refund = await a_refund(asker.shop, await a_payment(asker.shop), 1_000)
    await _seal_all()
    query = QUERY.replace("id status", "refundId sequence")
    headers = {"Authorization": f"Bearer {asker.token}", "Accept": "text/event-stream"}
    async with asker.http.stream("POST", f"{asker.url}/graphql", json={"query": query}, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                break
    message = json.loads(line.removeprefix("data: "))["data"]["refundsChanged"]
    assert message["event"] == {"refundId": global_id(refund), "sequence": 1, "cursor": "1"}


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "7"])
async def test_a_cursor_that_is_none_or_lies_ahead_is_refused(enter: Enter, after: str) -> None:
    asker: Asker = await enter()
    async with _socket(asker) as socket:
        await _subscribe(socket, after)
        async with asyncio.timeout(20):
            told = json.loads(await socket.recv())
    assert "INVALID_INPUT" in json.dumps(told)
