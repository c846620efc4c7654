"""Databases for tests: one per xdist worker, emptied before each test that asks for it, cloned only when it must be.

A clone of the template costs more than most tests do. Emptying it costs a few milliseconds; a test that has changed the
schema (or lost the database) is noticed by young or missing rows of the catalogue, and the next one gets a fresh clone.
"""

import asyncio
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from jobs.machine.servers import OWNER
from tests.kit.sessions import Sessions

TEMPLATE: Final = "estorno"
_KEPT: Final = "tortoise_migrations"
# How many rows there are that DDL writes anew, and whether one of them is as young as the transaction $1. To hash them
# all, each put into words, takes three times as long.
_CATALOGUE: Final = """SELECT count(*) AS rows, min(age) <= age($1::text::xid) AS changed FROM (
  SELECT age(xmin) FROM pg_class WHERE oid > 16383 AND relpersistence <> 't'
  UNION ALL SELECT age(xmin) FROM pg_attribute WHERE attrelid > 16383 AND attnum > 0
  UNION ALL SELECT age(xmin) FROM pg_trigger
  UNION ALL SELECT age(xmin) FROM pg_constraint
  UNION ALL SELECT age(xmin) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
  UNION ALL SELECT age(xmin) FROM pg_proc WHERE oid > 16383
  UNION ALL SELECT age(xmin) FROM pg_db_role_setting WHERE setdatabase = (
    SELECT oid FROM pg_database WHERE datname = current_database())) AS catalogue"""
_NEXT: Final = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"  # of a young cluster: no epoch to take off
_TABLES: Final = """SELECT oid, relname AS name FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> $1"""
_LARGE_BYTES: Final = 512 * 1024  # a table that has grown is cut short: emptied rows would be read over again and again
_LARGE: Final = "SELECT one::regclass::text FROM unnest($1::oid[]) AS one WHERE pg_relation_size(one) > $2"
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
        self._next = ""  # the transaction that was the next one when it was cloned
        self._rows = 0  # of its catalogue, by then
        self._tables: list[int] = []  # whose rows are a test's
        self._delete = ""

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
        await self._remember(self._hand)

    async def _remember(self, hand: "asyncpg.Connection[asyncpg.Record]") -> None:
        """What is looked for before each test. One statement deletes from all tables: it is planned once."""
        self._next = await hand.fetchval(_NEXT)
        self._rows = (await hand.fetchrow(_CATALOGUE, self._next))["rows"]
        tables = await hand.fetch(_TABLES, _KEPT)
        self._tables = [one["oid"] for one in tables]
        each = ", ".join(f"of_{one['name']} AS (DELETE FROM {one['name']})" for one in tables)  # noqa: S608 - ours
        self._delete = f"WITH {each} SELECT 1"

    async def _let_go(self) -> None:
        if self._hand is not None:
            self._hand.terminate()
            await asyncio.sleep(0)  # the socket is closed by the loop
        self._hand = None

    async def _same(self, hand: "asyncpg.Connection[asyncpg.Record]") -> bool:
        """Empty it. False: its schema is not the template's any more, or it is gone."""
        try:
            await hand.fetch(_ALONE, self._sessions.pids())
            catalogue = await hand.fetchrow(_CATALOGUE, self._next)
            if catalogue["changed"] or catalogue["rows"] != self._rows:
                return False
            await hand.fetch(self._delete)
            for one in await hand.fetch(_LARGE, self._tables, _LARGE_BYTES):
                await hand.execute(f"VACUUM {one[0]}")
        except _CUT:
            return False
        return True
