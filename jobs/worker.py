"""The arq worker of a queue. `python -m jobs.worker refunds|batch`."""

import asyncio
import sys
from collections.abc import Callable
from typing import Final, cast

import structlog
from arq.typing import WorkerCoroutine
from arq.worker import Function, Worker, func

from domain.keys import trial
from domain.platform import bell, pulse, tls, traces
from domain.platform.database import BATCH, Patience, close_pool, open_pool
from domain.platform.log import configure
from domain.platform.settings import Settings
from jobs import deliveries as delivery_jobs
from jobs.beside import ArqContext
from jobs.ear import Ear
from jobs.functions import JOBS
from jobs.watching import watched
from jobs.wire.sender import Sender
from jobs.wire.shops import ShopSender

_TRIES_MAX: Final = 1_000_000  # the database owns the retry policy
_BATCH_SECONDS_MAX: Final = 6 * 3600
_POLL_SECONDS: Final = 1.0  # how long a ring may go unheard that no ear has taken
_log = structlog.get_logger()


async def _open(ctx: ArqContext, queue: str, settings: Settings) -> None:
    """All that its jobs take from the context."""
    await bell.connect(settings.redis_url)
    ctx["settings"] = settings
    ctx["sender"] = Sender(settings.secret_key, settings.send_limit_seconds)
    ctx["shops"] = ShopSender()
    traces.configure(settings.otlp_url, f"worker-{queue}")
    ctx["watched"] = watched(settings)
    await ctx["watched"].__aenter__()
    ctx["pulse"] = asyncio.create_task(pulse.beat(settings.pulse))
    ctx["long"], ctx["with shops"] = set(), {}
    ctx["deliverer"] = delivery_jobs.Deliverer(settings)


async def _close(ctx: ArqContext) -> None:
    ctx["pulse"].cancel()
    await ctx["ear"].close()
    for task in (long := (*ctx["long"], *ctx["with shops"])):
        task.cancel()
    await asyncio.gather(*long, return_exceptions=True)
    await ctx["deliverer"].close()
    await ctx["sender"].close()
    await ctx["shops"].close()
    await ctx["watched"].__aexit__(None, None, None)
    await bell.close()
    await close_pool()
    await asyncio.to_thread(traces.close)


def worker(queue: str, settings: Settings) -> Worker:
    """The worker of a queue. Stopping waits for calls under way, longer than the longest call."""
    name, jobs = JOBS[queue]
    seconds = settings.job_timeout_seconds if queue == "refunds" else _BATCH_SECONDS_MAX
    patience = Patience(seconds, seconds / 2) if queue == "refunds" else BATCH

    async def startup(ctx: ArqContext) -> None:
        await open_pool(settings.database_url, pool_max=settings.database_pool, patience=patience)
        await _open(ctx, queue, settings)
        ctx["ear"] = Ear(made, settings.redis_url)
        _log.info("worker.ready", queue=queue)

    made = Worker(
        functions=[_function(job_name, job, seconds) for job_name, job in jobs.items()],
        queue_name=name,
        redis_settings=tls.arq(settings.redis_url),
        on_startup=startup,
        on_shutdown=_close,
        max_jobs=settings.worker_concurrency if queue == "refunds" else 1,
        job_timeout=seconds,
        job_completion_wait=int(settings.job_timeout_seconds),
        keep_result=0,
        max_tries=_TRIES_MAX,
        poll_delay=_POLL_SECONDS,
        allow_abort_jobs=False,
        job_serializer=bell.serialize,
        job_deserializer=bell.deserialize,
    )
    return made


def _function(name: str, job: Callable[..., object], seconds: float) -> Function:
    """A job as arq takes it; `seconds`: how long it may take."""
    return func(cast("WorkerCoroutine", job), name=name, keep_result=0, max_tries=_TRIES_MAX, timeout=seconds)


def main(queue: str) -> None:
    """Run the worker until it is told to stop."""
    settings = Settings.read()
    configure(settings)
    trial.or_stop(settings)
    asyncio.set_event_loop(_new_event_loop())
    worker(queue, settings).run()


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where there is one: a worker waits for the network all day."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "refunds")
