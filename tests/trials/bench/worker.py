"""From a request to the PSE's "paid": how soon a call is written down when nothing else is on, and how many a second.

The PSE is the Pix sandbox in a process of its own, on the same cores, and it answers at once.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import Final, NamedTuple

import asyncpg
import httpx
from strawberry.relay import to_base64

from domain.access.tokens import Role, create_token
from domain.platform import bell, database
from domain.platform.settings import Settings
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, OWNER
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import Shop, a_payment, a_refund
from tests.kit.family import until
from tests.kit.world import a_shop_at
from tests.sandbox.client import SandboxClient
from tests.trials.bench import creates
from tests.trials.bench.client import Load, measured
from tests.trials.bench.creates import BODY, CLIENTS
from tests.trials.bench.stage import Stage, api

REFUNDS: Final = 320  # of one round
_SECONDS_MAX: Final = 120
_IDLE_REFUNDS: Final = 40
_WARM_UP: Final = 15  # of them, while the worker comes up and learns its statements
_IDLE_SECONDS: Final = 0.15
# From the refund's statement to its order, written down and about to leave: both times are of the database's clock.
_TO_CALL: Final = """SELECT extract(epoch FROM c.sent_at - r.created_at)::float8 * 1000 AS ms FROM refunds r
JOIN calls c ON c.refund_id = r.id AND c.purpose = 'REFUND' WHERE r.merchant_id = $1 ORDER BY r.created_at"""
_DONE: Final = """SELECT count(*) FILTER (WHERE r.state = 'SUCCEEDED') AS succeeded,
  extract(epoch FROM max(e.occurred_at) - min(r.created_at))::float8 AS seconds
FROM refunds r LEFT JOIN events e ON e.refund_id = r.id AND e.state = 'SUCCEEDED' WHERE r.merchant_id = $1"""
_LIMITS: Final = ("send_limit_seconds", "job_timeout_seconds", "lease_seconds", "worker_concurrency", "database_pool")
_SCALED: Final = ((1, 1), (1, 2), (1, 4), (2, 2), (2, 4))  # processes of the API, workers


class Idle(NamedTuple):
    """Milliseconds from a refund's statement to its call, one refund at a time."""

    p50: float
    p90: float


class Scaled(NamedTuple):
    """Refunds a second from the first request to the last SUCCEEDED, and that as a part of pgbench's transactions."""

    apis: int
    workers: int
    per_second: float
    ratio: float


def idle(stage: Stage, rounds: int) -> Idle:
    """The medians of so many rounds."""
    found = [asyncio.run(_idle(stage)) for _ in range(rounds)]
    return Idle(median(one.p50 for one in found), median(one.p90 for one in found))


def scaled(stage: Stage, rounds: int) -> list[Scaled]:
    """The medians of so many rounds, in each of which pgbench and every number of processes have their turn."""
    limits, found = [], []
    for _ in range(rounds):
        limits.append(creates.limit(stage))
        found.append([_end_to_end(stage, *each) for each in _SCALED])
    limit = median(limits)
    return [
        Scaled(apis, workers, median(rates), median(rates) / limit)
        for (apis, workers), *rates in zip(_SCALED, *found, strict=True)
    ]


@asynccontextmanager
async def _pix(stage: Stage, workers: int) -> AsyncIterator[SandboxClient]:
    """The sandbox and so many workers, while the block lasts."""
    port = free_port()
    private = {"private_hosts": (f"127.0.0.1:{port}",)}
    settings = replace(stage.settings(port, **private), **{name: getattr(Settings(), name) for name in _LIMITS})
    with ExitStack() as stack:
        sandbox = Child("sandbox", [sys.executable, "-m", "tests.sandbox", "--port", str(port)], env={})
        crew = [
            Child(f"worker-{n}", [sys.executable, "-m", "jobs.worker", "refunds"], env=settings.environment())
            for n in range(workers)
        ]
        for child in (sandbox, *crew):
            child.start()
            stack.callback(child.stop)
        async with httpx.AsyncClient(timeout=20) as admin:
            hand = SandboxClient(f"http://127.0.0.1:{port}", admin)
            await until(lambda: _answers(hand), "the sandbox answers")
            yield hand


async def _answers(hand: SandboxClient) -> bool:
    try:
        return (await hand.http.get(f"{hand.url}/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


async def _payments(hand: SandboxClient, shop: Shop, number: int) -> list[str]:
    account = ACCOUNTS[hand.pse]
    made = []
    for _ in range(number):
        reference = await hand.capture(1_000, method=account.method, currency=account.currency)
        made.append((await a_payment(shop, amount=1_000, reference=reference)).id)
    return [to_base64("Payment", str(one)) for one in made]


async def _idle(stage: Stage) -> Idle:
    async with (
        database.connected(stage.postgres.url(APPLICATION), all_because="a trial looks at everything"),
        _pix(stage, 1) as hand,
    ):
        await bell.connect(stage.valkey.url)
        shop = await a_shop_at(hand)
        for _ in range(_IDLE_REFUNDS):
            reference = await hand.capture(1_000)
            payment = await a_payment(shop, amount=1_000, reference=reference)
            await asyncio.sleep(_IDLE_SECONDS)
            await a_refund(shop, payment)
        await asyncio.sleep(2 * _IDLE_SECONDS)
        taken = sorted([row["ms"] for row in await database.rows(_TO_CALL, shop.id)][_WARM_UP:])
        await bell.close()
    return Idle(median(taken), taken[len(taken) * 9 // 10])


def _end_to_end(stage: Stage, apis: int, workers: int) -> float:
    with api(stage, processes=apis) as served:
        return asyncio.run(_served(stage, [one.port for one in served], workers))


async def _served(stage: Stage, ports: list[int], workers: int) -> float:
    async with _pix(stage, workers) as hand:
        async with database.connected(stage.postgres.url(APPLICATION), all_because="a trial looks at everything"):
            shop = await a_shop_at(hand)
            payments = await _payments(hand, shop, REFUNDS)
            token = await create_token(shop.id, Role.FRONTEND, "bench", timedelta(hours=1))
        each = REFUNDS // CLIENTS
        load = Load(ports, token, BODY, payments, CLIENTS, _SECONDS_MAX, warm_up_seconds=0, requests_each=each)
        await measured(load)
        return await _rate(stage, shop)


async def _rate(stage: Stage, shop: Shop) -> float:
    """Waits until all have succeeded; how many a second."""
    owner = await asyncpg.connect(stage.postgres.url(OWNER))
    try:
        give_up = time.monotonic() + _SECONDS_MAX
        while time.monotonic() < give_up:
            row = await owner.fetchrow(_DONE, shop.id)
            if row["succeeded"] == REFUNDS:
                return REFUNDS / float(row["seconds"])
            await asyncio.sleep(0.2)
    finally:
        await owner.close()
    raise RuntimeError(f"After {_SECONDS_MAX} s not all of {REFUNDS} refunds have succeeded.")
