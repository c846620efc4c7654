"""`refundCreate` beside its limits: pgbench with the same work, and the same stack answering from memory."""

import asyncio
from datetime import timedelta
from statistics import median
from typing import Final, NamedTuple

import asyncpg
from strawberry.relay import to_base64

from domain.access.tokens import Role, create_token
from domain.platform import database
from jobs.machine.servers import APPLICATION, OWNER
from tests.kit.factories import a_payment, a_shop
from tests.trials.bench.client import Load, Taken, measured
from tests.trials.bench.stage import Stage, api, pgbench

CLIENTS: Final = 16
PAYMENTS: Final = 4_000  # a few refunds for each: a payment with hundreds of them is not what a merchant has
SECONDS: Final = 4.0
_MUTATION: Final = (
    "mutation M($input: RefundCreateInput!) { refundCreate(input: $input) { refund { id status } replayed requestId "
    "errors { ... on Error { code } } } }"
)
BODY: Final = (
    '{"query": "' + _MUTATION + '", "variables": {"input": {"paymentId": "%PAYMENT%", "amount": {"minorUnits": "1", '
    '"currency": "BRL"}, "reason": "OTHER", "idempotencyKey": "%KEY%"}}}'
)
_SCRIPT: Final = """\\set p random(1, PAYMENTS)
BEGIN;
INSERT INTO bench_keys (key, digest) VALUES (gen_random_uuid(), 'd');
SELECT captured FROM bench_payments WHERE id = :p FOR UPDATE;
UPDATE bench_payments SET reserved = reserved + 1 WHERE id = :p;
WITH made AS (INSERT INTO bench_refunds (payment, amount) VALUES (:p, 1) RETURNING id)
INSERT INTO bench_events (refund) SELECT id FROM made;
INSERT INTO bench_entries (payment, amount) VALUES (:p, 1), (:p, 1);
COMMIT;
"""
_TABLES: Final = """
CREATE TABLE bench_payments (id bigint PRIMARY KEY, captured bigint, reserved bigint CHECK (reserved <= captured));
CREATE TABLE bench_refunds (id bigserial PRIMARY KEY, payment bigint REFERENCES bench_payments, amount bigint);
CREATE TABLE bench_events (id bigserial PRIMARY KEY, refund bigint REFERENCES bench_refunds);
CREATE TABLE bench_entries (id bigserial PRIMARY KEY, payment bigint REFERENCES bench_payments, amount bigint);
CREATE TABLE bench_keys (key uuid PRIMARY KEY, digest text);
INSERT INTO bench_payments SELECT n, 1000000000, 0 FROM generate_series(1, PAYMENTS) AS n;
"""


class Row(NamedTuple):
    """One line of the table; `limit` is what the ratio is of, 0 where it is a limit itself."""

    what: str
    per_second: float
    p50: float
    p99: float
    ratio: str


class _Shop(NamedTuple):
    token: str
    payments: list[str]


async def prepare(stage: Stage) -> None:
    """The tables of pgbench's script, once in a run."""
    owner = await asyncpg.connect(stage.postgres.url(OWNER))
    await owner.execute(_TABLES.replace("PAYMENTS", str(PAYMENTS)))
    await owner.close()


async def _shop(stage: Stage) -> _Shop:
    async with database.connected(stage.postgres.url(APPLICATION), all_because="a trial looks at everything"):
        shop = await a_shop()
        payments = [to_base64("Payment", str((await a_payment(shop, amount=10**12)).id)) for _ in range(PAYMENTS)]
        return _Shop(await create_token(shop.id, Role.FRONTEND, "bench", timedelta(hours=1)), payments)


def _taken(shop: _Shop, ports: list[int], clients: int) -> Taken:
    load = Load(ports, shop.token, BODY, shop.payments, clients, SECONDS)
    return asyncio.run(measured(load))


def limit(stage: Stage) -> float:
    """What pgbench does of the same work, a second."""
    return pgbench(stage, _SCRIPT.replace("PAYMENTS", str(PAYMENTS)), CLIENTS)


def rows(stage: Stage, rounds: int) -> list[Row]:
    """The medians of so many rounds, in each of which everything is measured once: what disturbs, disturbs all."""
    shop = asyncio.run(_shop(stage))
    found: dict[str, list[Taken]] = {}
    limits: list[float] = []
    for _ in range(rounds):
        limits.append(limit(stage))
        for what, module, processes, clients in (
            ("from memory, 1 process", "tests.trials.bench.memory", 1, CLIENTS),
            ("1 process", "api.server", 1, CLIENTS),
            ("2 processes", "api.server", 2, CLIENTS),
            ("1 process, 1 client", "api.server", 1, 1),
        ):
            with api(stage, module, processes=processes) as served:
                found.setdefault(what, []).append(_taken(shop, [one.port for one in served], clients))
    most = median(limits)
    table = [Row(f"pgbench, the same work, {CLIENTS} clients (limit)", most, 0, 0, "1")]
    for what, taken in found.items():
        rate = median(one.per_second for one in taken)
        p50, p99 = median(one.p50 for one in taken), median(one.p99 for one in taken)
        table.append(Row(f"refundCreate, {what}", rate, p50, p99, f"{rate / most:.3f}"))
    return table
