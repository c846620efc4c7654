"""What tests of the outside take."""

import asyncio
import errno
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.addresses import names
from tests.conftest import servers_of_the_run
from tests.jobs.wire.hostile import LEADS_INSIDE, Network


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Network]:
    """Names by the test's table, connections to this machine alone, and none of its ports open to the product."""
    found = Network({name: [addresses] for name, addresses in LEADS_INSIDE.items()})
    connect = BaseSelectorEventLoop.sock_connect
    ours = {urlsplit(servers_of_the_run().application_url).port}

    async def guarded(loop: Any, sock: Any, address: Any) -> None:
        if address[1] not in ours:
            found.tried.append(address[:2])
        if address[0] != "127.0.0.1":
            raise OSError(errno.EHOSTUNREACH, "The test lets nothing out.")
        await connect(loop, sock, address)

    def came(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.came += 1
        writer.close()

    server = await asyncio.start_server(came, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(socket, "getaddrinfo", found.look_up)
    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", guarded)
    monkeypatch.setattr(names, "_opened", set())
    yield found
    server.close()
    await server.wait_closed()
