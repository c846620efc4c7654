"""One merchant with many tokens: however many, what it takes leaves the others theirs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from api.doors import Holder
from api.graphql.transport.documents import DocumentCache, Reader, reader
from api.graphql.transport.limits import Limits
from api.rates import Rates
from tests.api.graphql.transport.conftest import Server, Socket, eventually, socket_to
from tests.api.graphql.transport.shop import Clerk, shop_schema
from tests.api.graphql.transport.wires import a_server

FOREVER = "subscription { forever }"
EVENTS = {"accept": "text/event-stream", "content-type": "application/json"}


@asynccontextmanager
async def two_merchants(**settings: float) -> AsyncIterator[Server]:
    """A server that knows the tokens `one-0` to `one-9` of a merchant, and those of `two`."""
    async with a_server(**settings) as server:
        for merchant in ("one", "two"):
            for number in range(10):
                clerk = Clerk(f"{merchant}{number}", None, merchant)
                server.desk.tokens[f"{merchant}-{number}"] = clerk
        yield server


async def test_sockets_of_one_merchant_leave_as_many_as_they_are() -> None:
    async with two_merchants(sockets_max=6) as server, AsyncExitStack() as stack:

        async def enter(token: str) -> Socket:
            socket = await stack.enter_async_context(socket_to(server))
            await socket.send({"type": "connection_init", "payload": {"token": token}})
            return socket

        mine = [await enter(f"one-{number}") for number in range(3)]
        for socket in mine:
            assert (await socket.receive())["type"] == "connection_ack"
        assert await (await enter("one-3")).close_code() == 1012
        for number in range(2):
            assert (await (await enter(f"two-{number}")).receive())["type"] == "connection_ack"
        assert await (await enter("two-2")).close_code() == 1012
        for socket in mine[:2]:
            await socket.connection.close()
        await eventually(lambda: len(server.uvicorn.server_state.tasks) == 3)
        assert (await (await enter("two-2")).receive())["type"] == "connection_ack"


async def test_subscriptions_of_one_merchant_leave_as_many_as_they_are() -> None:
    async with two_merchants(subscriptions_max=4) as server, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(socket_to(server)) for _ in range(3)]
        for socket, token in zip(sockets, ("one-0", "one-1", "two-0"), strict=True):
            await socket.init(token)
        for socket in sockets[:2]:
            await socket.subscribe(FOREVER)
            assert (await socket.receive())["type"] == "next"
        await sockets[1].subscribe(FOREVER, "2")
        assert (await sockets[1].receive())["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        refused = await server.post({"query": FOREVER}, authorization="Bearer one-2", **EVENTS)
        assert refused.status_code == 503
        await sockets[2].subscribe(FOREVER)
        assert (await sockets[2].receive())["type"] == "next"


async def test_new_documents_of_one_merchant_are_counted_over_all_its_tokens() -> None:
    async with two_merchants(rate_merchant_documents=3) as server:

        async def status(token: str, number: int) -> int:
            query = {"query": f"{{ a{number}: hello }}"}
            return (await server.post(query, authorization=f"Bearer {token}")).status_code

        assert [await status(f"one-{number}", number) for number in range(5)] == [200, 200, 200, 429, 429]
        assert await status("two-0", 3) == 200
        assert await status("one-9", 3) == 200  # it is known by now


async def test_merchants_take_turns_with_new_documents_and_not_their_tokens() -> None:
    schema, order = shop_schema()._schema, list[str]()
    cache, rates = DocumentCache(Limits()), Rates("", {})

    async def read(number: int, merchant: str) -> None:
        reader.set(Reader(rates, Holder(f"token-{number}", merchant)))
        await cache.known(schema, f"{{ a{number}: hello }}")
        order.append(merchant)

    await asyncio.gather(*(read(number, "one" if number < 5 else "two") for number in range(7)))
    assert order[:4] in (["one", "one", "two", "one"], ["one", "two", "one", "two"])
