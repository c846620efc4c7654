"""Live events beside their limits: a uvicorn server that renders once and sends, and Strawberry as it comes."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from tests.trials.bench.stage import Served, Stage, api

SUBSCRIBERS: Final = 1_000
EVENTS: Final = 5  # one after the other, of each server; the median of them counts
_PAUSE_SECONDS: Final = 0.3
_WARM_UP: Final = 50
_QUERY: Final = (
    "subscription S($id: ID!, $after: String) { refundEvents(refundId: $id, after: $after) { __typename "
    "... on RefundEventMessage { replayed event { id refundId sequence kind status previousStatus occurredAt requestId "
    "actor code message cursor } } ... on CaughtUpMessage { cursor } } }"
)
_NEWS: Final = (
    "WITH next AS (UPDATE refunds SET sequence = sequence + 1 WHERE id = ANY($1) RETURNING id, merchant_id, sequence) "
    "INSERT INTO events (merchant_id, refund_id, sequence, kind, state, previous_state, request_id, actor, detail, "
    "  occurred_at) "
    "SELECT merchant_id, id, sequence, 'NOTED', 'REQUESTED', 'REQUESTED', 'bench', 'bench', '{}', now() FROM next"
)


class Row(NamedTuple):
    """One line of the table. The ratios are to the limit of the same round; 1 where it is a limit itself."""

    what: str
    per_second: float
    ratio: float
    p99: float
    p99_ratio: float
    connects: float
    connect_cpu: float
    kib: float


class _Round(NamedTuple):
    """What one server did in one round; milliseconds (of its CPU for a connect), and KiB for each subscriber."""

    per_second: float
    p99: float
    connects: float
    connect_cpu: float
    kib: float

    @classmethod
    def of(cls, took: Sequence[Sequence[float]], connects: float, cpu: float, kib: float) -> "_Round":
        """`took`: for each event when each subscriber had it, sorted, in seconds."""
        rate = median(len(each) / each[-1] for each in took)
        return cls(rate, median(each[len(each) * 99 // 100] for each in took) * 1000, connects, cpu, kib)


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


async def _subjects(refunds: Sequence[Any]) -> list[tuple[str, str]]:
    """Each refund and its last cursor: a page has read it, and follows it from there on."""
    found = await database.rows("SELECT id, sequence FROM refunds WHERE id = ANY($1)", refunds)
    return [(to_base64("Refund", str(row["id"])), str(row["sequence"])) for row in found]


async def _measure(stage: Stage, shop: _Shop, served: Served, subjects: int) -> _Round:
    refunds = shop.refunds[:subjects]
    crowd = Crowd(served.port, shop.token, _QUERY, await _subjects(refunds), SUBSCRIBERS)
    server = psutil.Process(served.pid)
    async with Watching(replace(crowd, size=_WARM_UP)):
        pass  # What the first ones cost the server is not each one's.
    before, idle, took = server.memory_info().rss, _cpu(server), []
    async with Redis.from_url(stage.valkey.url) as redis, Watching(crowd) as watching:
        cpu = (_cpu(server) - idle) * 1000 / SUBSCRIBERS
        for _ in range(EVENTS):
            await asyncio.sleep(_PAUSE_SECONDS)
            await watching.get_ready()
            await database.rows(_NEWS, refunds)
            began = await _publish(redis, refunds)
            took.append([at - began for at in await watching.arrivals()])
        kib = (server.memory_info().rss - before) / 1024 / SUBSCRIBERS
        return _Round.of(took, SUBSCRIBERS / watching.connect_seconds, cpu, kib)


def _cpu(server: psutil.Process) -> float:
    """The CPU time that it has used, in seconds."""
    used = server.cpu_times()
    return float(used.user + used.system)


class _Server(NamedTuple):
    what: str
    argv: Sequence[str]
    subjects: int
    limit: int  # its place among the servers


_LIMITS: Final = "tests.trials.bench.live_limits"
_SERVERS: Final = (
    _Server("renders once and sends", (_LIMITS, "once"), 1, 0),
    _Server("Strawberry as it comes, 1 refund", (_LIMITS, "stock"), 1, 0),
    _Server("ours, 1 refund", ("api.server",), 1, 0),
    _Server(f"Strawberry as it comes, {SUBSCRIBERS} refunds", (_LIMITS, "stock"), SUBSCRIBERS, 3),
    _Server(f"ours, {SUBSCRIBERS} refunds", ("api.server",), SUBSCRIBERS, 3),
)
GOALS: Final = (
    f"Goals, of the limit of the same round: 1 refund: events >= 0.5, p99 <= 3; {SUBSCRIBERS} refunds: events >= 1. "
    "And >= 500 connects/s (handshake to CaughtUp), <= 60 KiB for each subscriber."
)


def _crowded() -> dict[str, Any]:
    """Settings that let the whole crowd in, of one address and one token."""
    names = ("sockets_max", "sockets_per_address", "sockets_per_token", "subscriptions_max", "subscriptions_per_token")
    more = ("connections_max", "live_executions_max", "live_executions_per_token")
    return dict.fromkeys((*names, *more), 4 * SUBSCRIBERS)


async def _all(stage: Stage, rounds: int) -> list[Row]:
    found: list[list[_Round]] = []
    async with database.connected(stage.postgres.url(APPLICATION), all_because="a trial looks at everything"):
        shop = await _shop()
        for _ in range(rounds):
            found.append([])
            for server in _SERVERS:
                with api(stage, *server.argv, processes=1, **_crowded()) as (served,):
                    found[-1].append(await _measure(stage, shop, served, server.subjects))
    return [_row(place, server, found) for place, server in enumerate(_SERVERS)]


def _row(place: int, server: _Server, found: Sequence[Sequence[_Round]]) -> Row:
    own = [each[place] for each in found]
    limits = [each[server.limit] for each in found]
    return Row(
        server.what,
        median(one.per_second for one in own),
        median(one.per_second / limit.per_second for one, limit in zip(own, limits, strict=True)),
        median(one.p99 for one in own),
        median(one.p99 / limit.p99 for one, limit in zip(own, limits, strict=True)),
        median(one.connects for one in own),
        median(one.connect_cpu for one in own),
        median(one.kib for one in own),
    )


def rows(stage: Stage, rounds: int) -> list[Row]:
    """The medians of so many rounds, in each of which every server is measured once."""
    return asyncio.run(_all(stage, rounds))
