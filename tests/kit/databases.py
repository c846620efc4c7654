"""Databases for tests: one per xdist worker, emptied before each test that asks for it, cloned only when it must be.

A clone of the template costs more than most tests do. Emptying it costs a few milliseconds; a test that has changed the
schema (or lost the database) is noticed by the catalogue's fingerprint, and the next one gets a fresh clone.
"""

from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from jobs.machine.servers import OWNER

TEMPLATE: Final = "estorno"
_KEPT: Final = "tortoise_migrations"
# Every row of the catalogue that DDL would write anew; xmin changes with each version of a row.
_FINGERPRINT: Final = """SELECT md5(string_agg(one, ',' ORDER BY one)) FROM (
  SELECT 'class' || c.oid || c.xmin AS one FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  UNION ALL SELECT 'attribute' || a.attrelid || ' ' || a.attnum || a.xmin FROM pg_attribute a JOIN pg_class c ON
    c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND a.attnum > 0
  UNION ALL SELECT 'trigger' || oid || xmin FROM pg_trigger UNION ALL SELECT 'constraint' || oid || xmin
    FROM pg_constraint UNION ALL SELECT 'namespace' || oid || xmin FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
  UNION ALL SELECT 'function' || oid || xmin FROM pg_proc WHERE oid > 16383
  UNION ALL SELECT 'setting' || setdatabase FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database
    WHERE datname = current_database())) AS catalogue"""
_LARGE_BYTES: Final = 512 * 1024  # a table that has grown is cut short: emptied rows would be read over again and again
_FILLED: Final = """SELECT c.relname AS name, pg_relation_size(c.oid) > $1 AS large FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname <> $2
  AND pg_relation_size(c.oid) > 0"""
_known: dict[str, str] = {}  # database name -> the fingerprint of its catalogue, as this process left it


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


async def drop(superuser_url: str, name: str) -> None:
    root = await asyncpg.connect(superuser_url)
    try:
        await root.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await root.close()


async def emptied(superuser_url: str, name: str) -> None:
    """Make it as if it were cloned just now: nobody connected, no rows, the template's schema."""
    if name not in _known or not await _empty(with_name(superuser_url, name), name):
        await create(superuser_url, name)
        await _remember(with_name(superuser_url, name), name)


async def _empty(url: str, name: str) -> bool:
    """False: its schema is not the template's any more, or it is gone."""
    try:
        hand = await asyncpg.connect(url, server_settings={"session_replication_role": "replica"})
    except asyncpg.InvalidCatalogNameError:
        return False
    try:
        await hand.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if await hand.fetchval(_FINGERPRINT) != _known[name]:
            return False
        filled = await hand.fetch(_FILLED, _LARGE_BYTES, _KEPT)
        if filled:
            await hand.execute("; ".join(f"DELETE FROM {one['name']}" for one in filled))  # noqa: S608 - our tables
        for one in filled:
            if one["large"]:
                await hand.execute(f"VACUUM {one['name']}")
        return True
    finally:
        await hand.close()


async def _remember(url: str, name: str) -> None:
    hand = await asyncpg.connect(url)
    try:
        _known[name] = await hand.fetchval(_FINGERPRINT)
    finally:
        await hand.close()
