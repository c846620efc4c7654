"""Subscriptions over HTTP: server-sent events and multipart, and how they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.graphql.transport.conftest import Server, eventually, serving
from tests.api.graphql.transport.shop import SECRET, TOKEN, Desk, shop_app

pytestmark = pytest.mark.asyncio(loop_scope="module")

SSE = "text/event-stream"
APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
COUNT = {"query": "subscription { count(to: 3) }"}


def events(text: str) -> list[tuple[str, Any]]:
    """The events of a stream: name and data."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"]) if fields.get("data") else None))
    return found


def parts(text: str) -> list[Any]:
    """The JSON bodies of a multipart stream, heartbeats left out."""
    bodies = [json.loads(piece.split("\r\n\r\n", 1)[1]) for piece in text.split("--graphql") if "\r\n\r\n" in piece]
    return [body["payload"] for body in bodies if body]


async def test_a_subscription_streams_as_events_to_a_client_that_likes_them_best(shop: Server) -> None:
    response = await shop.post(COUNT, accept=SSE)
    assert response.headers["content-type"].startswith(SSE)
    assert response.headers["cache-control"] == "no-cache, no-transform"
    names = [name for name, _ in events(response.text)]
    assert names == ["next", "next", "next", "complete"]
    assert [data["data"]["count"] for name, data in events(response.text) if name == "next"] == [0, 1, 2]


async def test_urqls_accept_on_a_subscription_is_answered_as_events(shop: Server) -> None:
    response = await shop.post(COUNT, accept="text/event-stream, multipart/mixed, application/json")
    assert response.headers["content-type"].startswith(SSE)


async def test_events_are_parted_by_two_line_feeds_because_urql_waits_for_them(shop: Server) -> None:
    response = await shop.post(COUNT, accept=SSE)
    assert "\r" not in response.text
    assert [block.partition("\n")[0] for block in response.text.strip().split("\n\n")] == [
        *["event: next"] * 3,
        "event: complete",
    ]


async def test_apollos_accept_on_a_subscription_is_answered_as_multipart(shop: Server) -> None:
    response = await shop.post(COUNT, accept=APOLLO)
    assert response.headers["content-type"].startswith("multipart/mixed;boundary=graphql")
    assert [part["data"]["count"] for part in parts(response.text)] == [0, 1, 2]


async def test_a_validation_error_comes_as_an_event_and_the_stream_completes(shop: Server) -> None:
    response = await shop.post({"query": "subscription { nothing }"}, accept=SSE)
    (first, data), (last, _) = events(response.text)
    assert (first, last) == ("next", "complete")
    assert "nothing" in data["errors"][0]["message"]
    assert data["extensions"]["requestId"] == response.headers["x-request-id"]


@pytest.mark.parametrize("query", ["{", "subscription { nothing }", ""])
@pytest.mark.parametrize("accept", [SSE, APOLLO])
async def test_every_failure_before_a_stream_is_told(shop: Server, query: str, accept: str) -> None:
    response = await shop.post({"query": query}, accept=accept)
    assert "errors" in response.text


async def test_an_exception_in_the_middle_of_a_stream_is_masked(shop: Server) -> None:
    response = await shop.post({"query": "subscription { breaks }"}, accept=SSE)
    assert SECRET not in response.text
    assert [name for name, _ in events(response.text)] == ["next", "next", "complete"]
    assert events(response.text)[1][1]["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"


async def test_a_mutation_over_multipart_is_refused_and_not_executed(shop: Server) -> None:
    before = list(shop.desk.done)
    response = await shop.post({"query": "mutation { sell }"}, accept=APOLLO)
    assert "Mutations are not taken here" in response.text
    assert shop.desk.done == before


async def test_a_stream_needs_a_token(shop: Server) -> None:
    response = await shop.post(COUNT, accept=SSE, authorization="Bearer wrong")
    assert response.status_code == 401


async def _followed(server: Server) -> AsyncIterator[str]:
    async with server.client.stream(
        "POST", "/graphql", json={"query": "subscription { forever }"}, headers={"accept": SSE}
    ) as response:
        async for line in response.aiter_lines():
            yield line


async def test_a_stream_ends_when_its_token_is_revoked() -> None:
    desk = Desk()
    async with serving(shop_app(desk, recheck_seconds=0.05), desk) as server, asyncio.timeout(10):
        async for line in _followed(server):
            if line.startswith("data: {"):
                desk.tokens.clear()
        assert desk.following == 0


async def test_a_stream_ends_when_its_token_expires() -> None:
    desk = Desk()
    desk.tokens[TOKEN] = replace(desk.tokens[TOKEN], expires_at=datetime.now(UTC) + timedelta(seconds=0.5))
    async with serving(shop_app(desk), desk) as server, asyncio.timeout(10):
        assert [line async for line in _followed(server)]
        assert desk.following == 0


async def test_a_subscription_is_let_go_when_its_client_leaves() -> None:
    desk = Desk()
    async with serving(shop_app(desk), desk) as server, asyncio.timeout(10):
        async with httpx.AsyncClient(base_url=server.client.base_url, headers=server.client.headers) as leaving:
            request = {"query": "subscription { forever }"}
            async with leaving.stream("POST", "/graphql", json=request, headers={"accept": SSE}) as response:
                await anext(response.aiter_lines())
                assert desk.following == 1
        await eventually(lambda: desk.following == 0)
