"""Sessions of PostgreSQL that outlive connections (tests/kit/sessions): a test cannot tell them from new ones."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.conftest import Database, Servers
from tests.kit.databases import with_name

_LEFT = """SELECT current_setting('lock_timeout') AS setting, current_user AS role,
  (SELECT count(*) FROM pg_listening_channels()) AS heard, (SELECT count(*) FROM pg_cursors) AS cursors,
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
  (SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine') AS prepared,
  to_regclass('pg_temp.scrap') AS scrap"""


async def _left(url: str) -> tuple[int, dict[str, Any]]:
    """The process of the session that a connection finds, and all that somebody could have left there."""
    hand = await asyncpg.connect(url)
    pid, row = hand.get_server_pid(), await hand.fetchrow(_LEFT)
    await hand.close()
    return pid, dict(row or {})


async def test_a_session_is_found_again_as_if_it_were_new(own_database: Database) -> None:
    first, new = await _left(own_database.owner_url)
    hand = await asyncpg.connect(own_database.owner_url)
    assert hand.get_server_pid() == first
    await hand.execute("SET lock_timeout = '7s'; LISTEN somebody; SELECT pg_advisory_lock(7); PREPARE mine AS SELECT 1")
    await hand.execute("CREATE TEMP TABLE scrap (a int); DECLARE one CURSOR WITH HOLD FOR SELECT 1")
    await hand.close()
    assert await _left(own_database.owner_url) == (first, new)


@pytest.mark.parametrize("how", ["cut", "in a transaction", "canceled", "let go"])
async def test_a_session_that_did_not_end_in_order_is_no_more(
    own_database: Database, servers: Servers, how: str
) -> None:
    hand = await asyncpg.connect(own_database.owner_url)
    pid = hand.get_server_pid()
    if how == "cut":
        root = await asyncpg.connect(with_name(servers.superuser_url, "postgres"))
        await hand.close()
        await root.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        await root.close()
    elif how == "in a transaction":
        await hand.execute("BEGIN")
    elif how == "canceled":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hand.execute("SELECT pg_sleep(60)"), 0.05)
    else:
        hand.terminate()
    await hand.close()
    found, _ = await _left(own_database.owner_url)
    assert (found == pid) is (how == "let go")


async def test_a_wrong_password_finds_no_session(own_database: Database) -> None:
    await _left(own_database.owner_url)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(own_database.owner_url, password="wrong")


_PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1::%'"


async def test_what_a_session_has_prepared_is_prepared_for_its_next_connection_until_the_types_are_others(
    own_database: Database,
) -> None:
    counts = []
    for number in range(4):
        hand = await asyncpg.connect(own_database.owner_url)
        assert await hand.fetchval("SELECT $1::int + 1", number) == number + 1
        counts.append(await hand.fetchval(_PREPARED))
        if number == 1:
            await hand.fetchval("SELECT $1::text", "another")
        if number == 2:
            await hand.reload_schema_state()
        await hand.close()
    assert counts == [1, 1, 2, 1]
