"""Families of real processes: our programs, and servers of their own that a test may take away and give back."""

import asyncio
import inspect
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from domain.platform.settings import Settings
from jobs.machine.children import Child
from jobs.machine.servers import Postgres, Valkey, free_port

CHECKOUT = Path(__file__).resolve().parents[2]
_WAIT_SECONDS_MAX = 60.0
_PAUSE_SECONDS = 0.05


def program(name: str, settings: Settings, *argv: str, log: Path | None = None) -> Child:
    """One of our programs: `argv` is a module and its arguments."""
    path = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return Child(name, [sys.executable, "-m", *argv], env={**settings.environment(), "PYTHONPATH": path}, log=log)


@asynccontextmanager
async def running(children: Iterable[Child]) -> AsyncIterator[None]:
    """These, started in order, and stopped at the end in whatever state the test has left them."""
    children = list(children)
    try:
        for child in children:
            child.start()
        yield
    finally:
        for child in reversed(children):
            send(child, signal.SIGCONT)
            child.stop()


def send(child: Child, sent: signal.Signals) -> None:
    """Send a signal to a child that may have ended."""
    if child.process is not None and child.exit_code() is None:
        child.process.send_signal(sent)


async def until(condition: Callable[[], object], what: str, seconds: float = _WAIT_SECONDS_MAX) -> None:
    """Wait for a condition, which may be a coroutine function. Fails after so many seconds and says for what."""
    give_up = time.monotonic() + seconds
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        assert time.monotonic() < give_up, f"Not in time: {what}"
        await asyncio.sleep(_PAUSE_SECONDS)


async def restart(server: Child, how: signal.Signals) -> None:
    """End a server and start it again in the same place, without holding up the loop."""
    await end(server, how)
    server.spawn()  # from this thread, to which its life is tied
    await until(lambda: asyncio.to_thread(server.ready), f"{server.name} is back")


async def end(server: Child, how: signal.Signals) -> None:
    """End a server and wait until it is gone."""
    send(server, how)
    await until(lambda: server.exit_code() is not None, f"{server.name} ends")


@dataclass(frozen=True, slots=True)
class Machine:
    """A PostgreSQL and a Valkey of one test's own. What PostgreSQL has committed is durable."""

    postgres: Postgres
    valkey: Valkey
    postgres_child: Child
    valkey_child: Child

    async def restart_postgres(self) -> None:
        """As `pg_ctl restart -m immediate`: every connection is cut, and the log is replayed."""
        await restart(self.postgres_child, signal.SIGQUIT)

    async def restart_valkey(self) -> None:
        await restart(self.valkey_child, signal.SIGKILL)

    async def flush_valkey(self) -> None:
        async with Redis.from_url(self.valkey.url) as client:
            await client.flushall()


@asynccontextmanager
async def machine(home: Path) -> AsyncIterator[Machine]:
    """Servers in `home`, which their own user must be able to reach."""
    postgres = Postgres(home, home / "postgres.log", free_port())
    valkey = Valkey(home, home / "valkey.log", free_port())
    made = Machine(postgres, valkey, postgres.child(), valkey.child())
    async with running([made.postgres_child, made.valkey_child]):
        yield made
