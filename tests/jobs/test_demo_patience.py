"""The demo's own requests on a busy machine: a connection that is lost under a question costs the day nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from jobs.demo.client import Client, DemoError
from jobs.demo.patience import OnceMore

_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{"data": {"one": "1"}}'
_QUERY, _MUTATION = "query Q { one }", "mutation M($input: I!) { one }"


@asynccontextmanager
async def _losing(times: int) -> AsyncIterator[tuple[Client, list[bytes]]]:
    """A client of an API that closes the connection under the first so many requests; what it has heard."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        heard.append(await reader.readexactly(length))
        if len(heard) > times:
            writer.write(_ANSWER)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(transport=OnceMore()) as http:
        yield Client(http, f"http://127.0.0.1:{port}/graphql", "", "token"), heard


@pytest.mark.parametrize(("document", "given"), [(_QUERY, {}), (_MUTATION, {"input": {"idempotencyKey": "k" * 16}})])
async def test_what_is_safe_to_repeat_is_asked_once_more(document: str, given: dict[str, object]) -> None:
    async with _losing(1) as (client, heard):
        assert await client.ask(document, **given) == {"one": "1"}
        assert len(heard) == 2
        assert heard[0] == heard[1]


@pytest.mark.parametrize(("document", "times"), [(_QUERY, 2), (_MUTATION, 1)])
async def test_what_is_lost_for_good_ends_in_a_sentence(document: str, times: int) -> None:
    async with _losing(2) as (client, heard):
        with pytest.raises(DemoError, match=r"POST http://127.*/graphql was not answered \(.*\): start the demo again"):
            await client.ask(document, input={"name": "x"})
        assert len(heard) == times
