"""`make bench-console`: every page of the console for a merchant of REFUNDS=1000000, by time and bytes.

A database with one merchant's made-up year, to which each noun's seed adds a little of everything. HOME_OF_CONSOLE
keeps the filled servers for another run; exit status 0 only if every page keeps to both limits.
"""

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple
from uuid import UUID

from rich.console import Console
from rich.table import Table

from api.console import registry
from domain.access import sessions
from domain.books import checkpoints, open_items
from domain.models import Connection, Merchant, Store
from domain.platform import bell, database, migrate
from domain.platform.settings import Settings
from domain.refunds import kept_figures
from jobs.machine.servers import APPLICATION, OWNER
from tests.kit import databases
from tests.kit.console.world import queries, seeded
from tests.kit.factories import Shop
from tests.trials.bench.filled import filled
from tests.trials.bench.stage import Served, Stage, api, servers

_MS_MAX: Final = 60.0
_BYTES_MAX: Final = 80 * 1024
_TIMES: Final = 9  # of each page; the first is not counted
_HOURS: Final = 12
# What a list costs when what is wanted is frequent, rare, old or not there.
_FILTERS: Final = {
    "refunds/list": ("method=PIX", "method=OXXO", "state=SUCCEEDED", "state=EXPIRED", "person=yes", "most=20",
                     "state=FAILED&method=PIX", "until=2020-01-01", "reason=FRAUD"),
    "payments/list": ("q=order-77",),
    "findings/list": ("state=RESOLVED",),
    "developers/api": ("find=refund", "type=Mutation"),
}  # fmt: skip


class Seen(NamedTuple):
    """A page as it was asked for: milliseconds at the median, those that our processors worked for it, its bytes."""

    what: str
    ms: float
    worked: float
    size: int

    @property
    def kept(self) -> bool:
        return self.ms <= _MS_MAX and self.size <= _BYTES_MAX


def _settings(stage: Stage, home: Path) -> Settings:
    return stage.settings(0, files=str(home / "files"), introspection=True)


async def _prepare(stage: Stage, home: Path, refunds: int) -> None:
    """Fill and seed the database, unless it was; what the pages' addresses take is kept beside it."""
    fresh = await filled(stage, refunds, 1)
    settings = _settings(stage, home)
    async with database.connected(settings.database_url, pool_max=2, all_because="a trial fills a database"):
        await bell.connect(settings.redis_url)
        if fresh:
            merchant = await Merchant.all().first()
            assert merchant is not None
            shop = Shop(
                merchant,
                await Store.get(merchant_id=merchant.id),
                await Connection.get(merchant_id=merchant.id),
            )
            world = await seeded(settings, copies=2, shop=shop)
            kept = {"ana": str(world.ana.id), "ids": world.ids}
            (home / f"{stage.database}.json").write_text(json.dumps(kept))
        for cut in (checkpoints.cut, open_items.cut, kept_figures.cut):
            await cut()
        await bell.close()


async def _session(stage: Stage, home: Path, person: UUID) -> str:
    async with database.connected(
        _settings(stage, home).database_url, pool_max=1, all_because="a trial signs somebody in"
    ):
        return (await sessions.begin(person, _HOURS * 3_600.0)).secret


def _pages(ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What is asked for, by the name that the table has for it."""
    beside = queries()
    for page in registry.pages():
        path = "/console" + page.path.format_map(ids).rstrip("/")
        yield page.name, path
        for query in (*beside.get(page.name, ()), *_FILTERS.get(page.name, ())):
            yield f"{page.name}?{query}", f"{path}?{query}"


def _worked(home: Path, api_: int) -> float:
    """Milliseconds that the API and PostgreSQL have worked so far: other work of the machine is not in it."""
    pids = [api_]
    for file in home.rglob("postmaster.pid"):
        first = int(file.read_text().splitlines()[0])
        told = subprocess.run(
            ["/bin/ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True, check=True
        )
        pids += [int(one) for one in told.stdout.split()]
    found = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # a backend that has ended
            found += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return found / 1e6


def _asked(home: Path, served: Served, secret: str, what: str, path: str) -> Seen:
    headers = {"cookie": f"estorno-session={secret}; estorno-language=en"}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    took, size, before = [], 0, 0.0
    for number in range(_TIMES):
        before = _worked(home, served.pid) if number == 1 else before
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        size = len(answer.read())
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status in (200, 422), (what, answer.status)
    connection.close()
    worked = (_worked(home, served.pid) - before) / (_TIMES - 1)
    return Seen(what, median(took[1:]), worked, size)


def _table(seen: Sequence[Seen], refunds: int) -> Table:
    title = f"Pages beside {refunds:,} refunds: {_MS_MAX:g} ms and {_BYTES_MAX // 1024} KiB at most"
    table = Table("Page", "ms", "worked", "KiB", "", title=title)
    for one in sorted(seen, key=lambda one: -one.worked):
        table.add_row(
            one.what[:60], f"{one.ms:.1f}", f"{one.worked:.1f}", f"{one.size / 1024:.1f}", "" if one.kept else "OVER"
        )
    return table


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    kept = os.environ.get("HOME_OF_CONSOLE")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="estorno-console-") as folder:
        yield Path(folder)


def main() -> None:
    """Fill, look at every page, print."""
    refunds = int(os.environ.get("REFUNDS") or 1_000_000)
    only = os.environ.get("PAGE") or ""
    console = Console(width=100)
    with _home() as home, servers(home) as plain:
        stage = replace(plain, database=f"console_{refunds}")
        asyncio.run(migrate.run(plain.postgres.url(OWNER), APPLICATION))
        asyncio.run(databases.let_anybody_give(plain.postgres.url(OWNER)))
        asyncio.run(_prepare(stage, home, refunds))
        kept: dict[str, Any] = json.loads((home / f"{stage.database}.json").read_text())
        secret = asyncio.run(_session(stage, home, UUID(kept["ana"])))
        with api(stage, files=str(home / "files"), introspection=True) as served:
            wanted = [(what, path) for what, path in _pages(kept["ids"]) if only in what]
            seen = [_asked(home, served[0], secret, what, path) for what, path in wanted]
    console.print(_table(seen, refunds))
    sys.exit(0 if all(one.kept for one in seen) else 1)


if __name__ == "__main__":
    main()
