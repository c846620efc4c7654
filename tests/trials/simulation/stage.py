"""What a run stands on: one database with a simulated clock, an open pool, an event loop, a shop per kind of PSE."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import structlog.testing
from tortoise import Tortoise

from domain.platform import database, grants
from domain.pse import registry
from jobs.machine.servers import APPLICATION, OWNER
from tests.conftest import Servers
from tests.kit.factories import Shop, a_shop
from tests.trials.simulation import bell, chance
from tests.trials.simulation.bell import SimulatedBell
from tests.trials.simulation.chance import Chance
from tests.trials.simulation.clock import SEARCH_PATH, START, Clock, install
from tests.trials.simulation.pace import PacedConnection
from tests.trials.simulation.wire import KINDS

_KEPT: Final = ("merchants", "stores", "connections", "people", "sessions", "tokens", "tortoise_migrations")
_EMPTIED: Final = [table for table in grants.GRANTS if table not in _KEPT]
_TRUNCATE_EVERY: Final = 100
_POOL_MAX: Final = 40


class Stage:
    """The run's own; each example plays on it after `clear`."""

    def __init__(self, runner: asyncio.Runner, hand: asyncpg.Connection, bell: SimulatedBell, chance: Chance) -> None:
        self.hand = hand  # the superuser's connection: the simulation's, never the product's
        self.bell = bell
        self.clock = Clock(hand)
        self.shops: list[Shop] = []
        self._chance = chance
        self._runner = runner
        self._cleared = 0

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run it on the loop that lives as long as the stage."""
        return self._runner.run(coroutine)

    async def clear(self) -> None:
        """Forget the example before: only shops stay."""
        self._cleared += 1
        if self._cleared % _TRUNCATE_EVERY == 0:
            await self.hand.execute(f"TRUNCATE {', '.join(_EMPTIED)}")
        else:
            await self.hand.execute("; ".join(f"DELETE FROM {table}" for table in _EMPTIED))  # noqa: S608 - our tables
        self.bell.rung.clear()
        self._chance.again()
        await self.clock.set(START)

    async def waits_for_a_lock(self, backend: int | None) -> bool:
        """Whether that backend of the database waits for a lock that another holds."""
        waits = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'"
        return backend is not None and await self.hand.fetchval(waits, backend) is not None


@contextmanager
def a_stage(servers: Servers) -> Iterator[Stage]:
    """A stage on a fresh clone of the migrated template."""
    name = f"simulation_{uuid4().hex[:16]}"
    quietly = structlog.testing.capture_logs()  # a million steps are not logged
    with asyncio.Runner() as runner, bell.hung() as hung, quietly:
        runner.run(_create(servers, name))
        try:
            hand = runner.run(_open(servers, name))
            with chance.ours() as drawn:
                stage = Stage(runner, hand, hung, drawn)
                stage.shops = runner.run(_shops())
                yield stage
        finally:
            runner.run(_close(servers, name))


async def _create(servers: Servers, name: str) -> None:
    root = await asyncpg.connect(servers.superuser_url)
    await root.execute(f"CREATE DATABASE {name} TEMPLATE {urlsplit(servers.owner_url).path[1:]} OWNER {OWNER}")
    # Two processes that wait for each other are told at once.
    await root.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'")
    await root.close()


async def _open(servers: Servers, name: str) -> asyncpg.Connection:
    hand = await asyncpg.connect(
        _named(servers.superuser_url, name),
        server_settings={"timezone": "UTC", "search_path": SEARCH_PATH},
        max_cacheable_statement_size=0,  # without a limit: the longest, all invariants in one, is asked at every step
    )
    await install(hand, APPLICATION)
    # Without triggers: between examples the simulation may forget what the product never may.
    await hand.execute("SET session_replication_role = replica")
    config = database.config(_named(servers.application_url, name), pool_max=_POOL_MAX)
    credentials = config["connections"]["default"]["credentials"]
    credentials["server_settings"] |= {"search_path": SEARCH_PATH}
    credentials["connection_class"] = PacedConnection
    await Tortoise.init(config=config, _enable_global_fallback=True)
    return hand


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _shops() -> list[Shop]:
    for kind in KINDS:
        registry.register(kind)
    return [await a_shop(pse=kind.name, name=kind.name) for kind in KINDS]


async def _close(servers: Servers, name: str) -> None:
    for kind in KINDS:
        registry._CONNECTORS.pop(kind.name, None)
    await database.close_pool()
    root = await asyncpg.connect(servers.superuser_url)
    await root.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await root.close()
