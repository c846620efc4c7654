"""`make bench`: how near a refund mutation comes to what PostgreSQL itself can do with the same work.

The limit is pgbench (same wheel, same server) doing the statements of a request one by one: lock the payment, reserve,
insert the refund, two ledger rows, an event, an idempotency key. Load, API and server share the cores.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table
from strawberry.relay import to_base64

from domain.access.tokens import Role, create_token
from domain.platform import database
from jobs.machine.children import Child
from jobs.machine.servers import APPLICATION, OWNER, Postgres, Valkey, free_port
from tests.kit.factories import a_payment, a_shop
from tests.kit.world import quick_settings

SECONDS = 10
CLIENTS = 16
PAYMENTS = 400
MUTATION = """mutation M($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id status } replayed requestId errors { ... on Error { code } } } }"""
SCRIPT = """\\set p random(1, {payments})
BEGIN;
INSERT INTO bench_keys (key, digest) VALUES (gen_random_uuid(), 'd');
SELECT captured FROM bench_payments WHERE id = :p FOR UPDATE;
UPDATE bench_payments SET reserved = reserved + 1 WHERE id = :p;
WITH made AS (INSERT INTO bench_refunds (payment, amount) VALUES (:p, 1) RETURNING id)
INSERT INTO bench_events (refund) SELECT id FROM made;
INSERT INTO bench_entries (payment, amount) VALUES (:p, 1), (:p, 1);
COMMIT;
"""
TABLES = """
CREATE TABLE bench_payments (id bigint PRIMARY KEY, captured bigint, reserved bigint CHECK (reserved <= captured));
CREATE TABLE bench_refunds (id bigserial PRIMARY KEY, payment bigint REFERENCES bench_payments, amount bigint);
CREATE TABLE bench_events (id bigserial PRIMARY KEY, refund bigint REFERENCES bench_refunds);
CREATE TABLE bench_entries (id bigserial PRIMARY KEY, payment bigint REFERENCES bench_payments, amount bigint);
CREATE TABLE bench_keys (key uuid PRIMARY KEY, digest text);
INSERT INTO bench_payments SELECT n, 1000000000, 0 FROM generate_series(1, {payments}) AS n;
"""


def pgbench(postgres: Postgres) -> float:
    """Transactions per second of the plain statements."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPT.format(payments=PAYMENTS))
        script.flush()
        done = subprocess.run(
            [postgres._program("pgbench"), "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS), "-f", script.name,
             postgres.url(OWNER)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    return float(re.findall(r"tps = ([0-9.]+)", done.stdout)[-1])


@asynccontextmanager
async def api(postgres: Postgres, valkey: Valkey) -> AsyncIterator[str]:
    settings = quick_settings(
        database_url=postgres.url(APPLICATION), redis_url=valkey.url, port=free_port(), log_level="error"
    )
    argv = [sys.executable, "-m", "uvicorn", "api.app:app", "--port", str(settings.port), "--no-access-log"]
    child = Child("api", [*argv, "--log-level", "error"], env=settings.environment())
    child.start()
    url = f"http://127.0.0.1:{settings.port}"
    try:
        async with httpx.AsyncClient() as http:
            for _ in range(200):
                try:
                    if (await http.get(f"{url}/readyz")).status_code == 200:
                        break
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
        yield url
    finally:
        child.stop()


async def mutations(postgres: Postgres, valkey: Valkey) -> tuple[float, float, float]:
    """Mutations per second, and the median and 99th percentile of one in milliseconds."""
    async with database.connected(postgres.url(APPLICATION)):
        shop = await a_shop()
        payments = [to_base64("Payment", str((await a_payment(shop, amount=10**12)).id)) for _ in range(PAYMENTS)]
        token = await create_token(shop.id, Role.FRONTEND, "bench", timedelta(hours=1))
    async with api(postgres, valkey) as url:
        took: list[float] = []
        end = time.monotonic() + SECONDS

        async def client(number: int) -> None:
            turn = number
            async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
                while time.monotonic() < end:
                    turn += CLIENTS
                    wanted = {
                        "paymentId": payments[turn % PAYMENTS],
                        "amount": {"minorUnits": "1", "currency": "BRL"},
                        "reason": "OTHER",
                        "idempotencyKey": f"bench-key-{turn:012}",
                    }
                    started = time.perf_counter()
                    answer = await http.post(f"{url}/graphql", json={"query": MUTATION, "variables": {"input": wanted}})
                    took.append(time.perf_counter() - started)
                    if answer.json()["data"]["refundCreate"]["errors"]:
                        raise RuntimeError(answer.text)

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    took.sort()
    return len(took) / SECONDS, took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000


async def prepare(postgres: Postgres) -> None:
    await database.migrate(postgres.url(OWNER), APPLICATION)
    owner = await asyncpg.connect(postgres.url(OWNER))
    await owner.execute(TABLES.format(payments=PAYMENTS))
    await owner.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="estorno-bench-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        postgres = Postgres(home, home / "postgres.log", free_port())
        valkey = Valkey(home, home / "valkey.log", free_port())
        children = [postgres.child(), valkey.child()]
        for child in children:
            child.start()
        try:
            asyncio.run(prepare(postgres))
            limit = pgbench(postgres)
            rate, median, worst = asyncio.run(mutations(postgres, valkey))
        finally:
            for child in children:
                child.stop()
    table = Table("What", "Per second", "Ratio to the limit", "p50 ms", "p99 ms")
    table.add_row(f"pgbench, the same work, {CLIENTS} clients (the limit)", f"{limit:.0f}", "1", "", "")
    table.add_row(f"refundCreate over HTTP, {CLIENTS} clients, one API process, Python load",
                  f"{rate:.0f}", f"{rate / limit:.3f}", f"{median:.0f}", f"{worst:.0f}")  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
