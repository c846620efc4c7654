"""The connection to PostgreSQL when it breaks."""

import asyncio
import contextlib
import subprocess
import sys
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from domain.models import Connection
from domain.platform import database
from domain.reconciliation import nights
from tests.conftest import Database, Servers
from tests.kit.databases import with_name

_CUT_ALL = """
import asyncio, asyncpg, sys
async def main():
    root = await asyncpg.connect(sys.argv[1])
    await root.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       "WHERE datname = current_database() AND pid <> pg_backend_pid()")
asyncio.run(main())
"""


def _cut_all(servers: Servers, own_database: Database) -> None:
    # In another process, and without giving our loop a turn: it still believes in its connections afterwards.
    root_url = with_name(servers.superuser_url, urlsplit(own_database.owner_url).path[1:])
    subprocess.run([sys.executable, "-c", _CUT_ALL, root_url], check=True)


async def test_a_transaction_that_cannot_begin_leaves_the_task_and_the_pool_usable(
    own_database: Database, servers: Servers
) -> None:
    async with database.connected(own_database.application_url, pool_max=1):
        for _ in range(3):
            await database.rows("SELECT 1 AS one")
            _cut_all(servers, own_database)
            with pytest.raises(asyncpg.PostgresError) as broken:
                async with database.transaction():
                    raise AssertionError("It cannot have begun.")
            assert database.unavailable(broken.value)
            async with asyncio.timeout(10), database.transaction():
                assert await database.rows("SELECT 1 AS one")


async def test_a_transaction_that_was_given_up_while_it_began_gives_its_connection_back(
    own_database: Database,
) -> None:
    async with database.connected(own_database.application_url, pool_max=1):
        await database.rows("SELECT 1 AS one")
        for turns in range(8):
            begun = asyncio.create_task(_begin())
            for _ in range(turns):
                await asyncio.sleep(0)
            begun.cancel()
            await asyncio.gather(begun, return_exceptions=True)
        async with asyncio.timeout(10):
            assert await database.rows("SELECT 1 AS one")


async def _begin() -> None:
    async with database.transaction():
        await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionRefusedError("refused"), True),
        (TimeoutError(), True),
        (asyncpg.CannotConnectNowError("the database system is starting up"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InterfaceError("another operation is in progress"), False),
        (asyncpg.QueryCanceledError("statement timeout"), False),
        (asyncpg.UniqueViolationError("twice"), False),
        (ValueError("a bug"), False),
    ],
)
def test_only_what_may_succeed_later_counts_as_away(error: Exception, away: bool) -> None:
    assert database.unavailable(error) is away


async def test_a_session_goes_back_to_the_pool_without_another_statement(own_database: Database) -> None:
    watcher = await asyncpg.connect(own_database.application_url)
    async with database.connected(own_database.application_url, pool_max=1):
        (row,) = await database.rows("SELECT pg_backend_pid() AS pid")
        last = "SELECT query FROM pg_stat_activity WHERE pid = $1"
        assert await watcher.fetchval(last, row["pid"]) == "SELECT pg_backend_pid() AS pid"
        async with database.transaction():
            await database.rows("SELECT 1 AS one")
        assert await watcher.fetchval(last, row["pid"]) == "COMMIT;"
    await watcher.close()


async def test_a_night_leaves_neither_its_lock_nor_its_patience_on_a_session(own_database: Database) -> None:
    watcher = await asyncpg.connect(own_database.application_url)
    held = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    patience = database.Patience(statement=7.0, lock=3.0)
    await database.open_pool(own_database.application_url, pool_max=1, patience=patience)
    try:
        for broken in (False, True):
            with contextlib.suppress(ZeroDivisionError):
                async with nights.one_at_a_time(Connection(id=uuid4())):
                    assert await watcher.fetchval(held) == 1
                    if broken:
                        raise ZeroDivisionError
            (row,) = await database.rows("SHOW lock_timeout")
            assert (row["lock_timeout"], await watcher.fetchval(held)) == ("3s", 0)
    finally:
        await database.close_pool()
        await watcher.close()


async def test_several_processes_of_postgresql_work_on_a_nights_statement_and_never_on_a_pages(
    own_database: Database,
) -> None:
    usual = await asyncpg.connect(own_database.application_url)
    wanted = await usual.fetchval("SHOW max_parallel_workers_per_gather"), await usual.fetchval("SHOW jit")
    await usual.close()
    assert wanted[0] != "0"
    for patience, said in ((database.Patience(7.0, 3.0), ("0", "off")), (database.BATCH, wanted)):
        await database.open_pool(own_database.application_url, pool_max=1, patience=patience)
        try:
            (row,) = await database.rows(
                "SELECT current_setting('max_parallel_workers_per_gather') AS several, current_setting('jit') AS jit"
            )
            assert (row["several"], row["jit"]) == said
        finally:
            await database.close_pool()


async def test_what_is_asked_at_once_shares_a_few_sessions_also_when_some_of_it_is_cut_off(
    own_database: Database,
) -> None:
    async with database.connected(own_database.application_url, all_because="a test counts sessions"):
        asking = "SELECT pg_backend_pid() AS session, pg_sleep(0.01)"
        with database.few_sessions(2):
            cut_off = [asyncio.create_task(database.rows("SELECT pg_sleep(60)")) for _ in range(3)]
            await asyncio.sleep(0)
            for one in cut_off:
                one.cancel()
            await asyncio.gather(*cut_off, return_exceptions=True)
            found = await asyncio.gather(*(database.rows(asking) for _ in range(8)))
        assert len({row["session"] for (row,) in found}) == 2
        found = await asyncio.gather(*(database.rows(asking) for _ in range(8)))
        assert len({row["session"] for (row,) in found}) == 8


@pytest.mark.parametrize("where", ["in the address", "in PGPASSWORD"])
async def test_a_password_of_any_characters_works(
    own_database: Database, servers: Servers, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    role, password = f"any {uuid4().hex[:8]}", "p@s:s/w#o?r%d[&]"
    root = await asyncpg.connect(servers.superuser_url)
    try:
        await root.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{password}'")
        place = urlsplit(own_database.application_url)
        given = f":{quote(password, safe=':')}" if where == "in the address" else ""
        monkeypatch.setenv("PGPASSWORD", "" if given else password)
        url = f"postgres://{quote(role)}{given}@{place.hostname}:{place.port}{place.path}"
        async with database.connected(url, pool_max=1):
            assert await database.rows("SELECT current_user::text AS name") == [{"name": role}]
        assert database.user_of(url) == role
    finally:
        await root.execute(f'DROP ROLE "{role}"')
        await root.close()
