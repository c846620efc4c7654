"""Strangers' requests: places are for work, not for bodies that are on their way or answers that nobody reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.crowd import CrowdMiddleware
from api.places import Newcomers, Shares
from tests.kit.world import served

LARGE = 32 * 1024 * 1024


@dataclass
class Desk:
    """Answers `/slow` when it may go on, `/large` with more than lies on the way to a client, and `/echo` at once."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    large_asked: int = 0

    async def slow(self, request: Request) -> Response:
        self.arrived.set()
        await self.go_on.wait()
        return PlainTextResponse("slow")

    async def large(self, request: Request) -> Response:
        self.large_asked += 1
        return Response(b"x" * LARGE)

    async def echo(self, request: Request) -> Response:
        return Response(await request.body())


@asynccontextmanager
async def a_desk(places: int, arriving: int) -> AsyncIterator[tuple[Desk, httpx.AsyncClient]]:
    desk = Desk()
    routes = [Route(f"/{one.__name__}", one, methods=["POST"]) for one in (desk.slow, desk.large, desk.echo)]
    crowd = Middleware(CrowdMiddleware, arriving=Newcomers(arriving), requests=Shares(places), known_at="/graphql")
    app = Starlette(routes=routes, middleware=[crowd])
    async with served(app) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        yield desk, http


async def test_one_more_than_is_worked_on_at_once_is_503_with_retry_after() -> None:
    async with a_desk(places=2, arriving=9) as (desk, http):
        first = asyncio.create_task(http.post("/slow"))
        await desk.arrived.wait()
        refused = await http.post("/echo")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        desk.go_on.set()
        assert (await first).text == "slow"
        assert (await http.post("/echo", content=b"again")).text == "again"


async def test_answers_that_nobody_reads_take_no_place() -> None:
    head = b"POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    async with a_desk(places=2, arriving=9) as (desk, http):
        _, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port, limit=1024)
        writer.write(head * 2)  # the second answer waits for the first one to be read
        while desk.large_asked < 2:  # noqa: ASYNC110 - what is waited for knows nothing of events
            await asyncio.sleep(0.01)
        assert (await http.post("/echo", content=b"heard")).text == "heard"
        writer.transport.abort()


async def test_a_body_that_was_too_slow_is_503_where_another_comes() -> None:
    told = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await told.wait()
        yield b"}"

    async with a_desk(places=9, arriving=1) as (_, http):
        first = asyncio.create_task(http.post("/echo", content=slow()))
        await asyncio.sleep(0.1)
        assert (await http.post("/echo", content=b"at once")).text == "at once"
        told.set()
        assert (await first).status_code == 503


async def test_a_body_in_pieces_comes_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(20):
            yield b"%d" % number * 10_000
            await asyncio.sleep(0)

    async with a_desk(places=9, arriving=9) as (_, http):
        answer = await http.post("/echo", content=pieces())
    assert answer.content == b"".join(b"%d" % number * 10_000 for number in range(20))
