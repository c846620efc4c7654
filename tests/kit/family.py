"""Families of real processes: our programs, and servers of their own that a test may take away and give back."""

import asyncio
import hashlib
import inspect
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from domain.platform.settings import Settings
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from jobs.machine.servers import PASSWORDS, Postgres, Valkey, place_for
from tests.kit.forked import ForkedChild, can_fork

CHECKOUT = Path(__file__).resolve().parents[2]
_READY = "TEST_CLUSTER"
_WAIT_SECONDS_MAX = 60.0
_PAUSE_SECONDS = 0.05
_CLUSTERS_MAX = 4  # that are kept; 40 MB each


def program(name: str, settings: Settings, *argv: str, log: Path | None = None) -> Child:
    """One of our programs: `argv` is a module and its arguments. In a test run it is forked where it can be."""
    if can_fork(argv[0]):
        return ForkedChild(name, argv, env=settings.environment(), log=log)
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
    """A PostgreSQL and a Valkey of one test's own. What PostgreSQL has committed is durable, unless it need not be."""

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


def keep(postgres: Postgres, ready: Path) -> None:
    """Keep a copy of a migrated cluster, while nothing runs on it, for the machines of this run."""
    copy_cluster(postgres.home, ready)
    os.environ[_READY] = str(ready)


def made_before(home: Path) -> bool:
    """Give `home` the migrated cluster of an earlier run of the same schema; whether there was one."""
    kept = _kept()
    try:
        os.utime(kept)  # who tidies up begins with what was not used for longest
        _copy(kept, kept, home, place_for(home))
    except (OSError, subprocess.CalledProcessError):  # there is none, or another run takes it away meanwhile
        shutil.rmtree(place_for(home) / "postgres", ignore_errors=True)
        (home / PASSWORDS).unlink(missing_ok=True)
        return False
    return True


def keep_for_later(home: Path) -> None:
    """Keep a copy of the migrated cluster of `home` for later runs; those of other schemas go, but for a few."""
    kept = _kept()
    scratch = kept.with_name(f"{kept.name}.{os.getpid()}")
    _copy(home, place_for(home), scratch, scratch)
    try:
        scratch.rename(kept)
    except OSError:  # another run was quicker
        shutil.rmtree(scratch)
    others = sorted(kept.parent.glob("cluster-*"), key=_used_at)
    for old in others[:-_CLUSTERS_MAX]:
        shutil.rmtree(old, ignore_errors=True)


def _used_at(cluster: Path) -> float:
    try:
        return cluster.stat().st_mtime
    except FileNotFoundError:  # another run has given its own the name that it keeps
        return 0.0


def _kept() -> Path:
    """Named by all that a migrated cluster is made by."""
    made_by = [
        *(CHECKOUT / "domain" / "migrations").glob("*.py"),
        *(CHECKOUT / "domain" / "platform").glob("*.py"),
        CHECKOUT / "jobs" / "machine" / "servers.py",
        CHECKOUT / "requirements.lock",
    ]
    digest = hashlib.sha256(b"\0".join(path.name.encode() + path.read_bytes() for path in sorted(made_by)))
    return CHECKOUT / ".venv" / f"cluster-{digest.hexdigest()[:16]}"


def copy_cluster(home: Path, to: Path) -> None:
    """Give `to` the cluster of `home`, roles, passwords and all."""
    _copy(home, place_for(home), to, place_for(to))


def _copy(home: Path, data: Path, to: Path, to_data: Path) -> None:
    for folder in (to, to_data):
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    shutil.copy(home / PASSWORDS, to / PASSWORDS)
    subprocess.run(["cp", "-pR", str(data / "postgres"), str(to_data)], check=True)  # noqa: S607 - POSIX


def begun(home: Path) -> Path:
    """`home` with the cluster that the run has made ready, as if it had been started and stopped there before.

    Outside of a test run nothing is ready, and whoever starts makes and migrates a cluster of its own.
    """
    if ready := os.environ.get(_READY):
        copy_cluster(Path(ready), home)
    return home


@asynccontextmanager
async def machine(home: Path, *, durable: bool = True) -> AsyncIterator[Machine]:
    """Servers in `home`, which their own user must be able to reach. Where PostgreSQL is not killed, it need not be
    `durable`: what is committed outlives all processes but its own.
    """
    postgres = Postgres(begun(home), home / "postgres.log", free_port(), durable)
    valkey = Valkey(home, home / "valkey.log", free_port())
    made = Machine(postgres, valkey, postgres.child(), valkey.child())
    async with running([made.postgres_child, made.valkey_child]):
        yield made
