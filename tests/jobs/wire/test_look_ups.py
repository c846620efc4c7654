"""Look-ups of names: whoever's DNS server is silent holds up nobody else, and what is remembered is judged again."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.models import Connection
from domain.pse.vocabulary import InDoubt, Unsent
from jobs.wire.look_ups import LookUps
from jobs.wire.sender import Sender, sender
from tests.jobs.wire.hostile import Network, a_connection, about_of
from tests.kit.factories import KEY

pytestmark = pytest.mark.usefixtures("books")
_SILENT = 8  # as many as asyncio's own pool has threads on a machine with four cores


@pytest.fixture
def tarpit(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names of a DNS server that does not answer until the event: a thread that asks for one is held so long."""
    answered, look_up = threading.Event(), network.look_up

    def slow(host: Any, *arguments: Any, **more: Any) -> list[Any]:
        if str(host).startswith("tarpit"):
            answered.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return look_up(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    network.table["pse.example.com"] = [["93.184.215.14"]]
    yield answered
    answered.set()


@asynccontextmanager
async def _silent_names_asked_for(
    sending: Sender, evil: Connection, tarpit: threading.Event, names: int = _SILENT
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    about = about_of(evil)
    orders = [httpx.Request("GET", f"https://tarpit{n}.example.com/") for n in range(names)]
    asked = [asyncio.create_task(sending.send(evil, order, about)) for order in orders]
    await asyncio.sleep(0.3)  # so that those which get a thread have one
    try:
        yield asked
    finally:
        tarpit.set()
        await asyncio.gather(*asked)


async def _send(sending: Sender, connection: Connection, url: str = "") -> httpx.Response | Unsent | InDoubt:
    return await sending.send(connection, httpx.Request("GET", url or connection.base_url), about_of(connection))


async def test_silent_names_of_one_merchant_hold_up_the_look_ups_of_nobody_else(
    network: Network, tarpit: threading.Event
) -> None:
    evil, honest = await a_connection(), await a_connection()
    async with sender(KEY, 5.0) as sending, _silent_names_asked_for(sending, evil, tarpit) as asked:
        said = await _send(sending, honest)
        assert network.looked_up == ["pse.example.com"]
        assert isinstance(said, Unsent)
        assert said.code == "CONNECTERROR"  # the test lets nothing out: it was looked up, judged and tried
        assert network.tried == [("93.184.215.14", 443)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        late = [task.result() for task in done]
        assert {one.code for one in late} == {"TIMEOUT"}
        assert all("nothing was looked up" in one.message for one in late)


async def test_what_was_looked_up_lately_serves_while_the_look_ups_are_busy_and_is_judged_again(
    network: Network, tarpit: threading.Event
) -> None:
    mine = await a_connection()
    network.table["turns.example.com"] = [["10.0.0.1"]]
    async with sender(KEY, 5.0) as sending:
        for url in ("https://pse.example.com/", "https://turns.example.com/"):
            await _send(sending, mine, url)
        network.tried.clear()
        network.looked_up.clear()
        async with _silent_names_asked_for(sending, mine, tarpit, 4):
            honest = await _send(sending, mine, "https://pse.example.com/")
            inside = await _send(sending, mine, "https://turns.example.com/")
    assert network.looked_up == []
    assert network.tried == [("93.184.215.14", 443)]
    assert isinstance(honest, Unsent)
    assert isinstance(inside, Unsent)
    assert (honest.code, inside.code) == ("CONNECTERROR", "ADDRESS_REFUSED")


async def test_one_name_that_many_want_at_once_is_looked_up_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, look_up = threading.Event(), network.look_up
    network.table["pse.example.com"] = [["93.184.215.14"]]

    def slow(*arguments: Any, **more: Any) -> list[Any]:
        answered.wait(30)
        return look_up(*arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    look_ups, whose = LookUps(), uuid4()
    asked = [asyncio.create_task(look_ups.addresses(whose, "pse.example.com", 5.0)) for _ in range(20)]
    await asyncio.sleep(0.1)
    answered.set()
    assert await asyncio.gather(*asked) == [["93.184.215.14"]] * 20
    assert network.looked_up == ["pse.example.com"]
    await look_ups.close()
