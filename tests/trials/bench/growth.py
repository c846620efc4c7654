"""`make bench-growth`: what people and programs do all day, beside few refunds and beside many, in turn.

Two databases of one server, filled by `estorno synth`. SMALL and LARGE are their refunds, ROUNDS how often each is
measured; HOME_OF_GROWTH keeps the filled servers for another run.
"""

import asyncio
import contextlib
import http.client
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table
from strawberry.relay import to_base64

from domain import checks
from domain.access.tokens import Role, create_token
from domain.books import checkpoints, open_items
from domain.history import seals
from domain.models import Check
from domain.platform import bell, database, migrate
from domain.refunds import kept_figures
from jobs import sweep
from jobs.machine.servers import APPLICATION, OWNER
from tests.kit import databases
from tests.trials.bench import news, pages
from tests.trials.bench.client import Load, measured
from tests.trials.bench.creates import BODY
from tests.trials.bench.filled import filled
from tests.trials.bench.stage import Stage, api, servers

MERCHANTS: Final = 4
PAYMENTS: Final = 1_000
SECONDS: Final = 3.0
_TIMES: Final = 15  # of each page in a round
_RATIO_MAX, _PAGE_MS_MAX, _CHECK_MS_MAX = 1.3, 100.0, 5_000.0


class Limit(NamedTuple):
    """What a line of the table is held to: a ratio of large to small, or milliseconds at the large one."""

    ratio: float | None = None
    ms: float | None = None

    def told(self) -> str:
        return f"{self.ratio:g} x" if self.ratio else f"{self.ms:g} ms"

    def kept(self, small: float, large: float) -> bool:
        return large <= small * self.ratio if self.ratio else large <= (self.ms or 0)


@dataclass(slots=True)
class Side:
    """One of the two databases, and what was measured beside it: milliseconds by what was done."""

    stage: Stage
    refunds: int
    token: str = ""
    payments: list[str] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)
    took: dict[str, list[float]] = field(default_factory=dict)

    def keep(self, what: str, milliseconds: float) -> None:
        self.took.setdefault(what, []).append(milliseconds)


async def _prepare(side: Side) -> None:
    """Fill the database, unless it was; choose whom and what the measurements ask for."""
    postgres = side.stage.postgres
    await filled(side.stage, side.refunds, MERCHANTS)
    await news.filled(side.stage)
    async with database.connected(
        postgres.url(APPLICATION, side.stage.database), pool_max=2, all_because="a trial looks at everything"
    ):
        await checkpoints.cut()
        await open_items.cut()
        await kept_figures.cut()
        first = not await Check.exists()  # of kept servers what has changed is compared
        began = time.perf_counter()
        broken = await checks.compare(whole=first)
        if first:
            side.keep("whole check", (time.perf_counter() - began) * 1000)
        assert not broken, broken[:3]
        await _choose(side)


async def _choose(side: Side) -> None:
    (merchant,) = await database.rows("SELECT id FROM merchants ORDER BY name LIMIT 1")
    side.token = await create_token(merchant["id"], Role.ADMINISTRATOR, "bench", timedelta(hours=12))
    young = await database.rows(
        "SELECT id FROM payments WHERE merchant_id = $1 AND captured_at > now() - interval '60 days' "
        "AND captured - refunded - reserved > 1000 ORDER BY md5(id::text) LIMIT $2", merchant["id"], PAYMENTS,
    )  # fmt: skip
    side.payments = [to_base64("Payment", str(row["id"])) for row in young]
    side.known = {**await pages.known(merchant["id"]), **await news.known(merchant["id"])}


def _asked(side: Side, port: int, document: str, variables: dict[str, Any]) -> float:
    """The median of some answers to a document, in milliseconds. Fails when one has errors."""
    body = json.dumps({"query": document, "variables": variables})
    headers = {"authorization": f"Bearer {side.token}", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        connection.request("POST", "/graphql", body, headers)
        answer = connection.getresponse().read()
        took.append((time.perf_counter() - began) * 1000)
        told = json.loads(answer)
        assert "errors" not in told, told["errors"]
    connection.close()
    return median(took[1:])


async def _within(side: Side) -> None:
    """What runs by the clock, after the refunds that were just created."""
    settings = side.stage.settings(0)
    async with database.connected(settings.database_url, pool_max=2, all_because="a trial looks at everything"):
        await bell.connect(settings.redis_url)
        await _timed(side, "sealer, 50 new events", lambda: seals.seal(50), times=11)
        while await seals.seal():
            pass
        await _timed(side, "sealer, nothing new", seals.seal)
        await _due_nothing()
        await _timed(side, "sweep", sweep.sweep)
        await _timed(side, "small round of open items", open_items.cut, times=1)
        for what, work in news.WORK.items():
            await work()  # what was created is worked off
            await _timed(side, what, work)
        await _timed(side, "small check", lambda: checks.compare(whole=False), times=1)
        await bell.close()


async def _due_nothing() -> None:
    """The refunds that were created are nobody's work: the sweep would ring for them at one side and not at both."""
    await database.execute("UPDATE refunds SET due_at = now() + interval '30 days' WHERE due_at <= now()")


async def _timed(side: Side, what: str, do: Callable[[], Any], times: int = 5) -> None:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await do()
        took.append((time.perf_counter() - began) * 1000)
    side.keep(what, median(took))


def _round(sides: Sequence[Side], ports: Sequence[int]) -> None:
    """Everything once, each thing at both sides one after the other: what disturbs, disturbs both."""
    for side, port in zip(sides, ports, strict=True):
        load = Load([port], side.token, BODY, side.payments, 1, SECONDS)
        side.keep("refundCreate", asyncio.run(measured(load)).p50)
    for what, (document, variables) in pages.DOCUMENTS.items():
        for side, port in zip(sides, ports, strict=True):
            side.keep(what, _asked(side, port, document, variables(side.known)))
    for side in sides:
        asyncio.run(_within(side))


def _limit(what: str) -> Limit:
    if "check" in what or "round" in what:
        return Limit(ms=_CHECK_MS_MAX)
    return Limit(ms=_PAGE_MS_MAX) if what.startswith(pages.READ) else Limit(ratio=_RATIO_MAX)


def _table(small: Side, large: Side, rounds: int) -> Table:
    table = Table(
        "What", f"{small.refunds:,} ms", f"{large.refunds:,} ms", "Ratio", "Limit", "", title=f"{rounds} rounds"
    )
    for what in small.took:
        one, other = median(small.took[what]), median(large.took[what])
        limit = _limit(what)
        said = ("" if limit.kept(one, other) else "OVER", limit.told()) if what != "whole check" else ("", "nightly")
        table.add_row(what, f"{one:.2f}", f"{other:.2f}", f"{other / one:.2f}", said[1], said[0])
    return table


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    kept = os.environ.get("HOME_OF_GROWTH")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="estorno-growth-") as folder:
        yield Path(folder)


def main() -> None:
    """Fill, measure, print."""
    rounds = int(os.environ.get("ROUNDS") or 3)
    sizes = [int(os.environ.get(name) or size) for name, size in (("SMALL", 20_000), ("LARGE", 2_000_000))]
    console = Console(width=120)
    with _home() as home, servers(home) as stage, contextlib.ExitStack() as stack:
        asyncio.run(migrate.run(stage.postgres.url(OWNER), APPLICATION))
        asyncio.run(databases.let_anybody_give(stage.postgres.url(OWNER)))
        sides = [Side(replace(stage, database=f"growth_{size}"), size) for size in sizes]
        for side in sides:
            asyncio.run(_prepare(side))
            console.print(f"{side.refunds:,} refunds are there.")
        ports = [stack.enter_context(api(side.stage))[0].port for side in sides]
        for number in range(rounds):
            _round(sides, ports)
            console.print(f"Round {number + 1} of {rounds}.")
    console.print(_table(sides[0], sides[1], rounds))


if __name__ == "__main__":
    main()
