"""Sweeping is cheap: beside ever so many finished refunds the sweep's statements and a step read a few pages.

`make sweep` does it with a million of them, the test command with fewer.
"""

import json
import os
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis

from domain import due as wanted
from domain.models import Refund
from domain.platform import bell, database
from domain.pse.vocabulary import Succeeded
from jobs import sweep
from jobs.functions import JOBS
from tests.conftest import Database, Servers
from tests.kit.databases import with_name
from tests.kit.factories import a_payment, a_refund, a_shop, an_answer

FINISHED = int(os.environ.get("FINISHED_REFUNDS", "200000"))
DUE = 40
_BUFFERS_MAX = 3 * DUE  # pages of 8 KiB; a scan of the table alone would read about FINISHED / 30
_GIVEN = {
    "refunds": {
        "id": "gen_random_uuid()",
        "payment_id": "gen_random_uuid()",
        "reference": "lpad(n::text, 20, '0')",
        "request_id": "'finished-' || n",
        "pse_refund_reference": "'D' || n",
        "state": "'SUCCEEDED'",
        "due_at": "NULL",
        "created_at": "now() - n * interval '1 second'",
    },
    "notices": {"id": "gen_random_uuid()", "digest": "lpad(n::text, 64, '0')", "due_at": "NULL"},
}


async def _copies(root: "asyncpg.Connection", table: str, rows: str) -> None:
    """Many rows like the only one of a table, but for what must differ. Triggers and foreign keys are asleep."""
    columns = [row["attname"] for row in await root.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped", table
    )]  # fmt: skip
    values = [_GIVEN[table].get(name, f"one.{name}") for name in columns]
    await root.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "  # noqa: S608 - names of the catalogue
        f"FROM {rows} CROSS JOIN (SELECT * FROM {table} LIMIT 1) AS one"
    )


async def _fill(root: "asyncpg.Connection") -> None:
    """Many finished refunds. Indexes that only make things quick are built afterwards, which is quicker."""
    slow = await root.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'refunds' AND indexdef NOT LIKE 'CREATE UNIQUE%'"
    )
    async with root.transaction():
        await root.execute("SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '256MB'")
        for index in slow:
            await root.execute(f"DROP INDEX {index['indexname']}")
        await _copies(root, "refunds", f"generate_series(1, {FINISHED}) AS n")
        await _copies(root, "notices", f"generate_series(1, {FINISHED // 10}) AS n")
        for index in slow:
            await root.execute(index["indexdef"])
    await root.execute("VACUUM ANALYZE refunds")
    await root.execute("VACUUM ANALYZE notices")


async def _explained(root: "asyncpg.Connection", statement: str) -> dict[str, Any]:
    await root.execute(f"PREPARE due AS {statement}")
    told = await root.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE due({sweep.AT_ONCE_MAX})")
    await root.execute("DEALLOCATE due")
    found: dict[str, Any] = json.loads(told)[0]
    return found


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]


@pytest.fixture
async def root(fresh_database: Database, servers: Servers) -> Any:
    connection = await asyncpg.connect(with_name(servers.superuser_url, urlsplit(fresh_database.owner_url).path[1:]))
    yield connection
    await connection.close()


_NOTICE = """
INSERT INTO notices (id, connection_id, digest, body, headers, request_id, received_at, times_received, due_at, tries)
SELECT gen_random_uuid(), id, 'first', '', '{}', 'r', now(), 1, now(), 0 FROM connections"""


async def test_finished_refunds_cost_the_sweep_a_few_pages_and_a_step_no_scan(
    fresh_database: Database, root: "asyncpg.Connection", capsys: pytest.CaptureFixture[str]
) -> None:
    async with database.connected(fresh_database.application_url, pool_max=1):
        shop = await a_shop()
        payment = await a_payment(shop, amount=10**9)
        await a_refund(shop, payment, 100)
        await root.execute(_NOTICE)
        await _fill(root)
        due = [await a_refund(shop, payment, 100) for _ in range(DUE - 1)]
        of_shops = (bell.SHOP, bell.SHOP_CHECK, bell.SHOP_NOTICE, bell.SHOP_REFUND)  # there is none here
        for job, statement in wanted.DUE.items():
            if job in of_shops or job in (
                bell.PREFLIGHT,
                bell.CERTIFY,
                bell.HANDED_IN,
                bell.SOURCE,
                bell.EXPORT,
                bell.DECISIONS,
                bell.BATCH,
            ):
                continue  # few a day, beside any number of refunds
            told = await _explained(root, statement)
            nodes = _nodes(told["Plan"])
            pages = told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]
            with capsys.disabled():
                spent = told["Execution Time"] + told["Planning Time"]
                print(f"\n  sweep of {job}s beside {FINISHED} finished: {spent:.2f} ms, {pages} pages")
            assert {node["Index Name"] for node in nodes if "Index Name" in node} == {f"{job}s_due"}
            assert not [node for node in nodes if node["Node Type"] == "Seq Scan"]
            assert pages <= _BUFFERS_MAX
        assert await sweep.sweep() == DUE + 1
        before = await _scans(root)
        await an_answer(due[0], Succeeded("a name of its own"))
        assert (await Refund.get(id=due[0].id)).state == "SUCCEEDED"
        await a_refund(shop, payment, 100)
        assert await _scans(root) == before
        await database.rows("SELECT count(*) AS n FROM refunds WHERE note = 'to be sure that a scan is seen'")
        assert await _scans(root) > before


async def _scans(root: "asyncpg.Connection") -> int:
    """How often the whole table of refunds was read, by the application's session too."""
    await database.rows("SELECT pg_stat_force_next_flush()")
    await database.rows("SELECT 1 AS one")
    await root.execute("SELECT pg_stat_clear_snapshot()")
    scans: int = await root.fetchval("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'refunds'")
    return scans


async def test_a_worker_that_is_behind_is_not_buried_in_rings_for_the_same_work(books: Database, ringing: str) -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    client = Redis.from_url(ringing)
    for _ in range(3):
        await a_refund(shop, payment, 100)
    await client.flushdb()
    for _ in range(20):
        assert await sweep.sweep() == 3
    assert 3 <= await client.zcard(bell.REFUNDS_QUEUE) <= 6  # a window of the clock may end in between
    await client.flushdb()
    await sweep.sweep()
    assert await client.zcard(bell.REFUNDS_QUEUE) == 3, "What Valkey has lost is rung for at the very next sweep."
    await client.aclose()


async def test_a_queue_that_is_full_is_rung_into_no_more(books: Database, ringing: str) -> None:
    shop = await a_shop()
    await a_refund(shop, await a_payment(shop), 100)
    client = Redis.from_url(ringing)
    await client.zadd(bell.REFUNDS_QUEUE, {f"job-{number}": number for number in range(sweep.AT_ONCE_MAX)})
    assert await sweep.sweep() == 0
    await client.zremrangebyrank(bell.REFUNDS_QUEUE, 0, 1)  # the refund was rung for when it was asked for
    assert await sweep.sweep() == 1
    await client.aclose()


def test_whatever_is_rung_for_is_done_by_the_worker_of_its_queue() -> None:
    for job in wanted.DUE:
        assert job in JOBS["batch" if job in sweep._BATCH else "refunds"][1], job
