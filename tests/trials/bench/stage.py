"""Servers of a run's own: PostgreSQL and Valkey as a merchant would run them, and the API's processes."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.platform.settings import Settings
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, DATABASE, OWNER, Postgres, Valkey
from tests.kit.world import quick_settings

PGBENCH_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers of one run."""

    home: Path
    postgres: Postgres
    valkey: Valkey
    database: str = DATABASE

    def settings(self, port: int, **more: Any) -> Settings:
        return quick_settings(
            database_url=self.postgres.url(APPLICATION, self.database),
            redis_url=self.valkey.url,
            port=port,
            log_level="error",
            **more,
        )


class Served(NamedTuple):
    """A process that serves."""

    port: int
    pid: int


@contextmanager
def servers(home: Path) -> Iterator[Stage]:
    """PostgreSQL (durable) and Valkey for as long as the block lasts."""
    home.chmod(0o711)
    stage = Stage(
        home, Postgres(home, home / "postgres.log", free_port()), Valkey(home, home / "valkey.log", free_port())
    )
    with ExitStack() as stack:
        for child in (stage.postgres.child(), stage.valkey.child()):
            child.start()
            stack.callback(child.stop)
        yield stage


@contextmanager
def api(
    stage: Stage, module: str = "api.server", *arguments: str, processes: int = 1, **settings: Any
) -> Iterator[list[Served]]:
    """So many processes of the API (or of another module), each on a port of its own, as behind a proxy."""
    found = []
    with ExitStack() as stack:
        for port in [free_port() for _ in range(processes)]:
            environment = stage.settings(port, **settings).environment()
            child = Child(f"api-{port}", [sys.executable, "-m", module, *arguments], env=environment)
            child.start()
            stack.callback(child.stop)
            assert child.process is not None
            found.append(Served(port, child.process.pid))
        for served in found:
            _until_served(served.port)
        yield found


def _until_served(port: int) -> None:
    give_up = time.monotonic() + 120  # other work may keep the machine busy
    while time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("The API did not come up.")


def pgbench(stage: Stage, script: str, clients: int) -> float:
    """Transactions a second of a pgbench script."""
    path = stage.home / "script.sql"
    path.write_text(script)
    done = subprocess.run(
        [stage.postgres._program("pgbench"), "-n", "-c", str(clients), "-j", "2", "-T", str(PGBENCH_SECONDS), "-f",
         str(path), stage.postgres.url(OWNER)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.rpartition("tps = ")[2].split()[0])
