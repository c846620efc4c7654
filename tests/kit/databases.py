"""Databases for tests: one per xdist worker, emptied before each test that asks for it, cloned only when it must be.

A clone of the template costs more than most tests do. Emptying it costs a few milliseconds; a test that has changed the
schema (or lost the database) is noticed by the catalogue's fingerprint, and the next one gets a fresh clone.
"""

import asyncio
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from jobs.machine.servers import OWNER
from tests.kit.sessions import Sessions

TEMPLATE: Final = "estorno"
_KEPT: Final = "tortoise_migrations"
# Every row of the catalogue that DDL would write anew; xmin changes with each version of a row. An index has no columns
# of its own that change. The hashes of rows that are all different need no order, and sorting costs most.
_FINGERPRINT: Final = """SELECT bit_xor(hashtextextended(one, 0)) FROM (
  SELECT 'class' || c.oid || ' ' || c.xmin AS one FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  UNION ALL SELECT 'attribute' || a.attrelid || ' ' || a.attnum || ' ' || a.xmin FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND a.attnum > 0 AND c.relkind <> 'i'
  UNION ALL SELECT 'trigger' || oid || ' ' || xmin FROM pg_trigger
  UNION ALL SELECT 'constraint' || oid || ' ' || xmin FROM pg_constraint
  UNION ALL SELECT 'namespace' || oid || ' ' || xmin FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
  UNION ALL SELECT 'function' || oid || ' ' || xmin FROM pg_proc WHERE oid > 16383
  UNION ALL SELECT 'setting' || setrole || ' ' || xmin FROM pg_db_role_setting WHERE setdatabase = (
    SELECT oid FROM pg_database WHERE datname = current_database())) AS catalogue"""
_LARGE_BYTES: Final = 512 * 1024  # a table that has grown is cut short: emptied rows would be read over again and again
_FILLED: Final = """SELECT c.relname AS name, pg_relation_size(c.oid) > $1 AS large FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname <> $2
  AND pg_relation_size(c.oid) > 0"""
_ALONE: Final = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL ($1::int[])"""
_CUT: Final = (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InterfaceError)


def with_name(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def create(superuser_url: str, name: str) -> None:
    """A fresh clone of the migrated template; one of that name is dropped first."""
    root = await asyncpg.connect(superuser_url)
    try:
        await root.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await root.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER}")
    finally:
        await root.close()


async def let_anybody_give(owner_url: str) -> None:
    """Tests make tokens and people as they need them; what guards that is enabled again where it is the subject."""
    await _guards(owner_url, "DISABLE")


async def let_nobody_give(owner_url: str) -> None:
    """As in a database that nobody has touched: whoever gives shows a secret."""
    await _guards(owner_url, "ENABLE")


async def _guards(owner_url: str, change: str) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        for one in await owner.fetch(
            "SELECT tgname, tgrelid::regclass::text AS on FROM pg_trigger WHERE tgfoid = 'refuse_ungiven'::regproc"
        ):
            await owner.execute(f"ALTER TABLE {one['on']} {change} TRIGGER {one['tgname']}")
    finally:
        await owner.close()


async def drop(superuser_url: str, name: str) -> None:
    root = await asyncpg.connect(superuser_url)
    try:
        await root.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await root.close()


class OwnDatabase:
    """A worker's database, which each test finds as if it were cloned just now. Not to be used inside of a loop.

    The superuser's connection is kept from test to test, on a loop of its own: to open one costs more than to empty.
    """

    def __init__(self, superuser_url: str, name: str) -> None:
        self._root, self._name = superuser_url, name
        self._sessions = Sessions(with_name(superuser_url, name))
        self._sessions.keep()
        self._loop = asyncio.new_event_loop()
        self._hand: asyncpg.Connection[asyncpg.Record] | None = None
        self._template = 0  # the fingerprint of its catalogue, as we left it

    def empty(self) -> None:
        """Nobody is connected but we, there are no rows, and the schema is the template's.

        Sessions that wait for the next connection hold nothing and stay.
        """
        self._loop.run_until_complete(self._emptied())

    def close(self) -> None:
        """Let it go; the database stays."""
        self._loop.run_until_complete(self._let_go())
        self._loop.close()
        self._sessions.close()

    async def _emptied(self) -> None:
        if self._hand is not None and await self._same(self._hand):
            return
        await self._let_go()
        await create(self._root, self._name)
        settings = {"session_replication_role": "replica"}
        self._hand = await asyncpg.connect(with_name(self._root, self._name), server_settings=settings)
        self._template = await self._hand.fetchval(_FINGERPRINT)

    async def _let_go(self) -> None:
        if self._hand is not None:
            self._hand.terminate()
            await asyncio.sleep(0)  # the socket is closed by the loop
        self._hand = None

    async def _same(self, hand: "asyncpg.Connection[asyncpg.Record]") -> bool:
        """Empty it. False: its schema is not the template's any more, or it is gone."""
        try:
            await hand.fetch(_ALONE, self._sessions.pids())
            if await hand.fetchval(_FINGERPRINT) != self._template:
                return False
            filled = await hand.fetch(_FILLED, _LARGE_BYTES, _KEPT)
            if filled:
                await hand.execute("; ".join(f"DELETE FROM {one['name']}" for one in filled))  # noqa: S608 - ours
            for one in filled:
                if one["large"]:
                    await hand.execute(f"VACUUM {one['name']}")
        except _CUT:
            return False
        return True
