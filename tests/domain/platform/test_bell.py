"""A Valkey that hangs: it takes connections and answers nothing. Who rings pays for that once, not each time."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from arq.connections import RedisSettings, create_pool
from arq.constants import job_key_prefix
from redis.asyncio import Redis
from structlog.testing import capture_logs

from api.rates import Rates
from domain.platform import bell
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from jobs.machine.servers import Valkey
from tests.kit.family import running, send, until


@pytest.fixture
async def valkey(home: Path) -> AsyncIterator[tuple[Child, str]]:
    server = Valkey(home, home / "valkey.log", free_port())
    child = server.child()
    async with running([child]):
        await bell.connect(server.url)
        yield child, server.url
        send(child, signal.SIGCONT)
        await bell.close()


async def test_a_valkey_that_hangs_costs_one_time_out_and_is_rung_again_when_it_answers(
    valkey: tuple[Child, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    child, url = valkey
    monkeypatch.setattr(bell, "_RING_SECONDS_MAX", 0.2)
    monkeypatch.setattr(bell, "_REST_SECONDS", 3600.0)
    send(child, signal.SIGSTOP)
    with capture_logs() as logs:
        for number in range(5):
            await bell.ring(bell.REFUND, str(number))
            await bell.wake("channel")
    assert [log["event"] for log in logs] == ["bell.lost"]
    monkeypatch.setattr(bell, "_resting_until", 1.0)  # the rest is over
    with capture_logs() as logs:
        await asyncio.gather(*(bell.ring(bell.REFUND, f"once more {number}") for number in range(5)))
    assert [log["event"] for log in logs] == ["bell.lost"]  # one tries for all
    send(child, signal.SIGCONT)
    monkeypatch.setattr(bell, "_resting_until", 1.0)
    for name in ("a", "b"):
        await bell.ring(bell.REFUND, name)
    async with Redis.from_url(url) as client:
        await until(lambda: _rung(client, 2), "both are rung")


async def test_what_is_rung_is_written_as_arq_writes_it_and_all_of_one_turn_in_one_command(
    valkey: tuple[Child, str],
) -> None:
    _, url = valkey
    pool = await create_pool(RedisSettings.from_dsn(url), job_serializer=bell.serialize)
    async with Redis.from_url(url) as client:
        await pool.enqueue_job(bell.REFUND, "theirs", _queue_name=bell.REFUNDS_QUEUE, _defer_by=5.0)
        theirs = await _queued(client)
        await client.config_resetstat()
        subjects = [f"ours {number}" for number in range(20)]
        await asyncio.gather(*(bell.ring(bell.REFUND, one, seconds=5.0) for one in subjects), bell.wake("channel"))
        packets = (await client.info("stats"))["total_reads_processed"]
        ours = await _queued(client)
    await pool.aclose()
    (wanted,) = [one for one in theirs if one["a"] == ["theirs"]]
    for one in ours:
        assert one.keys() == wanted.keys()
        assert abs(one["score"] - one["et"] - 5_000) <= 1
        assert abs(one["ttl"] - wanted["ttl"]) < 10_000
    assert sorted(one["a"][0] for one in ours) == sorted(["theirs", *subjects])
    assert packets <= 8  # and not twenty times three


async def _queued(client: "Redis") -> list[dict[str, Any]]:
    """The jobs of the queue as they are stored, with their scores and times to live (ms)."""
    found = []
    for job_id, score in await client.zrange(bell.REFUNDS_QUEUE, 0, -1, withscores=True):
        key = f"{job_key_prefix}{job_id.decode()}"
        found.append({**json.loads(await client.get(key)), "score": score, "ttl": await client.pttl(key)})
    return found


async def _rung(client: "Redis", count: int) -> bool:
    return int(await client.zcard(bell.REFUNDS_QUEUE)) >= count


async def test_rates_ask_a_valkey_that_hangs_once_for_all_and_go_on_counting(valkey: tuple[Child, str]) -> None:
    child, url = valkey
    rates = Rates(url, {"token": 20})
    assert await rates.seconds_to_wait("token", "a") == 0
    send(child, signal.SIGSTOP)
    with capture_logs() as logs:
        await rates.seconds_to_wait("token", "a")
        rates._away_until = 1.0  # the rest is over
        waits = await asyncio.gather(*(rates.seconds_to_wait("token", "a") for _ in range(30)))
    assert [log["event"] for log in logs] == ["rates.alone"] * 2
    assert sum(wait == 0 for wait in waits) == 18
    await rates.close()
