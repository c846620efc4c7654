"""A worker hears the bell: it need not look at its queue all the time to begin at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from arq.connections import RedisSettings
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func
from redis.asyncio import Redis

from domain.platform import bell
from jobs.ear import Ear
from jobs.machine.ports import free_port
from jobs.machine.servers import Valkey
from tests.kit.family import running, until

SECONDS_MAX = 20


@pytest.fixture
async def url(home: Path) -> AsyncIterator[str]:
    server = Valkey(home, home / "valkey.log", free_port())
    async with running([server.child()]):
        await bell.connect(server.url)
        yield server.url
        await bell.close()


@asynccontextmanager
async def _worker(url: str, done: "asyncio.Queue[str]") -> AsyncIterator[None]:
    """One that looks at its queue by itself once an hour."""

    async def refund(ctx: dict[str, Any], subject: str) -> None:
        await done.put(subject)

    async def startup(ctx: dict[str, Any]) -> None:
        ctx["ear"] = Ear(worker, url)

    worker = Worker(
        functions=[func(cast("WorkerCoroutine", refund), name=bell.REFUND, keep_result=0)],
        queue_name=bell.REFUNDS_QUEUE,
        redis_settings=RedisSettings.from_dsn(url),
        on_startup=startup,
        poll_delay=3600,
        handle_signals=False,
        keep_result=0,
        job_serializer=bell.serialize,
        job_deserializer=bell.deserialize,
    )
    serving = asyncio.create_task(worker.async_run())
    await until(lambda: _heard(url), "the worker listens")
    try:
        yield
    finally:
        await worker.ctx["ear"].close()
        await asyncio.gather(*worker.tasks.values())
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await worker.pool.aclose(close_connection_pool=True)
        await asyncio.sleep(0.05)  # asyncio ends a connection in the turns that follow


async def _heard(url: str) -> bool:
    async with Redis.from_url(url) as client:
        return bool((await client.info("clients"))["blocked_clients"])


async def test_a_job_begins_when_it_is_rung_for_and_one_for_later_when_it_is_due(url: str) -> None:
    done: asyncio.Queue[str] = asyncio.Queue()
    async with _worker(url, done), asyncio.timeout(SECONDS_MAX):
        await asyncio.gather(*(bell.ring(bell.REFUND, str(number)) for number in range(30)))
        assert sorted([await done.get() for _ in range(30)], key=int) == [str(number) for number in range(30)]
        await bell.ring(bell.REFUND, "later", seconds=0.3)
        await bell.ring(bell.REFUND, "now")
        assert [await done.get(), await done.get()] == ["now", "later"]


async def test_of_two_workers_one_reaches_for_each_job(url: str) -> None:
    done: asyncio.Queue[str] = asyncio.Queue()
    async with _worker(url, done), _worker(url, done), Redis.from_url(url) as client, asyncio.timeout(SECONDS_MAX):
        await until(lambda: _blocked(client, 2), "both listen")
        await client.config_resetstat()
        for number in range(20):
            await bell.ring(bell.REFUND, str(number))
            await done.get()
        told = await client.info("commandstats")
    assert told["cmdstat_watch"]["calls"] == 20
    assert done.empty()


async def _blocked(client: Redis, workers: int) -> bool:
    return bool((await client.info("clients"))["blocked_clients"] == workers)


async def test_a_worker_that_nobody_rings_for_asks_valkey_nothing(url: str) -> None:
    async with _worker(url, asyncio.Queue()), Redis.from_url(url) as client:
        await client.config_resetstat()
        await asyncio.sleep(0.5)
        calls = await client.info("commandstats")
    ours = ("cmdstat_config", "cmdstat_info")
    assert sum(told["calls"] for name, told in calls.items() if not name.startswith(ours)) <= 3
