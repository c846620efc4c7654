"""Live events beside their limits: a uvicorn server that renders once and sends, and Strawberry as it comes."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final, NamedTuple

import psutil
from redis.asyncio import Redis
from strawberry.relay import to_base64

from domain.access.tokens import Role, create_token
from domain.platform import bell, database
from jobs.machine.servers import APPLICATION
from tests.kit.factories import a_payment, a_refund, a_shop
from tests.trials.bench.live_client import Crowd, Watching
from tests.trials.bench.stage import Stage, api

SUBSCRIBERS: Final = 1_000
EVENTS: Final = 5  # one after the other, of each server; the median of them counts
_PAUSE_SECONDS: Final = 0.3
_QUERY: Final = (
    "subscription S($id: ID!) { refundEvents(refundId: $id) { __typename ... on RefundEventMessage { replayed event { "
    "id refundId sequence kind status previousStatus occurredAt requestId actor code message cursor } } "
    "... on CaughtUpMessage { cursor } } }"
)
_NEWS: Final = (
    "WITH next AS (UPDATE refunds SET sequence = sequence + 1 WHERE id = ANY($1) RETURNING id, merchant_id, sequence) "
    "INSERT INTO events (merchant_id, refund_id, sequence, kind, state, previous_state, request_id, actor, detail, "
    "  occurred_at) "
    "SELECT merchant_id, id, sequence, 'NOTED', 'REQUESTED', 'REQUESTED', 'bench', 'bench', '{}', now() FROM next"
)


class Row(NamedTuple):
    """One line of the table; a limit has no ratios."""

    what: str
    per_second: float
    p50: float
    p99: float
    connects: float
    kib: float


@dataclass(slots=True)
class _Found:
    """What one server did: seconds until all had an event, and each subscriber's own, sorted."""

    connects: list[float] = field(default_factory=list)
    kib: list[float] = field(default_factory=list)
    took: list[Sequence[float]] = field(default_factory=list)

    def row(self, what: str) -> Row:
        rate = median(len(each) / each[-1] for each in self.took)
        p50 = median(each[len(each) // 2] for each in self.took)
        p99 = median(each[len(each) * 99 // 100] for each in self.took)
        return Row(what, rate, p50 * 1000, p99 * 1000, median(self.connects), median(self.kib))


@dataclass(frozen=True, slots=True)
class _Shop:
    token: str
    refunds: list[Any]


async def _shop() -> _Shop:
    shop = await a_shop()
    made = []
    for _ in range(SUBSCRIBERS):
        made.append((await a_refund(shop, await a_payment(shop))).id)
    return _Shop(await create_token(shop.id, Role.FRONTEND, "bench", timedelta(hours=1)), made)


def _told(refund: Any) -> bytes:
    """An event as the limits are given it: in the message."""
    event = {"id": f"{refund}/2", "refundId": to_base64("Refund", str(refund)), "sequence": 2, "kind": "NOTED"}
    event |= {"status": "REQUESTED", "previousStatus": "REQUESTED", "occurredAt": datetime.now(UTC).isoformat()}
    return json.dumps(
        event | {"requestId": "bench", "actor": "bench", "code": None, "message": None, "cursor": "2"}
    ).encode()


async def _publish(redis: Redis, refunds: Sequence[Any]) -> float:
    """Wake all who follow these; when."""
    async with redis.pipeline(transaction=False) as pipe:
        for refund in refunds:
            pipe.publish(bell.refund_channel(refund), _told(refund))
        began = time.monotonic()
        await pipe.execute()
    return began


async def _measure(stage: Stage, shop: _Shop, port: int, pid: int, subjects: int, found: _Found) -> None:
    refunds = shop.refunds[:subjects]
    crowd = Crowd(port, shop.token, _QUERY, [to_base64("Refund", str(one)) for one in refunds], SUBSCRIBERS)
    server = psutil.Process(pid)
    before = server.memory_info().rss
    async with Redis.from_url(stage.valkey.url) as redis, Watching(crowd) as watching:
        found.connects.append(SUBSCRIBERS / watching.connect_seconds)
        found.kib.append((server.memory_info().rss - before) / 1024 / SUBSCRIBERS)
        for _ in range(EVENTS):
            await asyncio.sleep(_PAUSE_SECONDS)
            await watching.get_ready()
            await database.rows(_NEWS, refunds)
            began = await _publish(redis, refunds)
            found.took.append([at - began for at in await watching.arrivals()])


_SERVERS: Final[Sequence[tuple[str, str, Sequence[str], int]]] = (
    ("renders once and sends, 1 thing followed (limit)", "tests.trials.bench.live_limits", ["once"], 1),
    ("Strawberry as it comes, 1 refund", "tests.trials.bench.live_limits", ["stock"], 1),
    (
        f"Strawberry as it comes, {SUBSCRIBERS} refunds (limit)",
        "tests.trials.bench.live_limits",
        ["stock"],
        SUBSCRIBERS,
    ),
    ("ours, 1 refund", "api.server", [], 1),
    (f"ours, {SUBSCRIBERS} refunds", "api.server", [], SUBSCRIBERS),
)


def _crowded() -> dict[str, int]:
    """Settings that let the whole crowd in, of one address and one token."""
    names = ("sockets_max", "sockets_per_address", "sockets_per_token", "subscriptions_max", "subscriptions_per_token")
    more = ("connections_max", "live_executions_max", "live_executions_per_token")
    return dict.fromkeys((*names, *more), 4 * SUBSCRIBERS)


async def _all(stage: Stage, rounds: int) -> list[Row]:
    found: dict[str, _Found] = {}
    async with database.connected(stage.postgres.url(APPLICATION)):
        shop = await _shop()
        for _ in range(rounds):
            for what, module, arguments, subjects in _SERVERS:
                with api(stage, module, *arguments, **_crowded()) as (server,):
                    await _measure(stage, shop, server.port, server.pid, subjects, found.setdefault(what, _Found()))
    return [one.row(what) for what, one in found.items()]


def rows(stage: Stage, rounds: int) -> list[Row]:
    """The medians of so many rounds, in each of which every server is measured once."""
    return asyncio.run(_all(stage, rounds))
