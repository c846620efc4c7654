"""The arq worker: a door from a job's name to the room that does it. `python -m jobs.worker refunds|batch`.

arq may run a job twice, late or never: PostgreSQL decides what is due (a job carries an id and nothing else).
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import structlog
from arq.typing import WorkerCoroutine
from arq.worker import Function, Worker, func

from domain.commerce import find
from domain.keys import trial
from domain.platform import bell, pulse, tls, traces
from domain.platform.database import BATCH, Patience, close_pool, for_all, open_pool
from domain.platform.log import configure
from domain.platform.settings import Settings
from domain.reconciliation.nights import FutureDate
from jobs import batches as batch_jobs
from jobs import certification as certification_jobs
from jobs import deliveries as delivery_jobs
from jobs import exports as export_jobs
from jobs import handed_in as handed_in_jobs
from jobs import inbox as inbox_jobs
from jobs import notices as notice_jobs
from jobs import onboarding as onboarding_jobs
from jobs import reconciliation as reconciliation_jobs
from jobs import refunds as refund_jobs
from jobs import shops as shop_jobs
from jobs import sources as source_jobs
from jobs.ear import Ear
from jobs.watching import watched
from jobs.wire.sender import Sender
from jobs.wire.shops import ShopSender

_TRIES_MAX: Final = 1_000_000  # the database owns the retry policy
_BATCH_SECONDS_MAX: Final = 6 * 3600
# What takes longer than a step of a refund: a PSE is asked a dozen things, each within the limit of one send.
# A certification mostly waits, for refunds that jobs of this very queue send.
_PREFLIGHT_SECONDS_MAX: Final = 240.0
_CERTIFY_SECONDS_MAX: Final = 1_800.0
_SHOP_SECONDS_MAX: Final = 540.0  # a sweep reads page by page; its lease is longer
_LONG_MAX: Final = 4  # of them at once in one worker
_SHOPS_MAX: Final = 16  # the same of shops, so that a slow one holds up no certification
_POLL_SECONDS: Final = 1.0  # how long a ring may go unheard that no ear has taken
_log = structlog.get_logger()

ArqContext = dict[str, Any]
ShopWork = Callable[[UUID, ShopSender, Settings], Coroutine[Any, Any, None]]


async def refund(ctx: ArqContext, subject: str) -> None:
    """One step of a refund, by its id."""
    with structlog.contextvars.bound_contextvars(refund=subject):
        await refund_jobs.step(UUID(subject), ctx["sender"], ctx["settings"])


async def notice(ctx: ArqContext, subject: str) -> None:
    """Apply a stored webhook, by its id."""
    await notice_jobs.apply(UUID(subject), ctx["sender"])


async def preflight(ctx: ArqContext, subject: str) -> None:
    """The preflight of a connection, by its run's id."""
    made = onboarding_jobs.run_preflight(UUID(subject), ctx["sender"], ctx["settings"])
    _by_itself(ctx, made, _PREFLIGHT_SECONDS_MAX)


async def shop_notice(ctx: ArqContext, subject: str) -> None:
    """Work out what a shop said, by its message's id: beside the jobs, for a shop may be asked many things."""
    await _of_shop(ctx, bell.SHOP_NOTICE, subject, shop_jobs.apply, _SHOP_SECONDS_MAX)


async def shop_refund(ctx: ArqContext, subject: str) -> None:
    """Work out a shop's refund, or tell the shop what became of it, by its id."""
    await _of_shop(ctx, bell.SHOP_REFUND, subject, shop_jobs.step, _SHOP_SECONDS_MAX)


async def shop(ctx: ArqContext, subject: str) -> None:
    """Look for what a shop has not told, by its id."""
    await _of_shop(ctx, bell.SHOP, subject, shop_jobs.look_at, _SHOP_SECONDS_MAX)


async def shop_check(ctx: ArqContext, subject: str) -> None:
    """The preflight of a shop, by its run's id."""
    await _of_shop(ctx, bell.SHOP_CHECK, subject, shop_jobs.run_check, _PREFLIGHT_SECONDS_MAX)


async def certify(ctx: ArqContext, subject: str) -> None:
    """The certification of a connection, by its run's id."""
    made = certification_jobs.run_certification(UUID(subject), ctx["sender"], ctx["settings"])
    _by_itself(ctx, made, _CERTIFY_SECONDS_MAX)


async def deliver(ctx: ArqContext, subject: str) -> None:
    """What is due on an endpoint, by its id: beside the jobs, for it may wait for a stranger's server."""
    ctx["deliverer"].begin(UUID(subject))


async def _of_shop(ctx: ArqContext, job: str, subject: str, work: ShopWork, seconds: float) -> None:
    """Have it done beside the jobs, if there is a place: what is left out, the sweep rings for again.

    A merchant is given a place while it has fewer than half as many as are free, so that whoever comes next finds one,
    however many shops another has, and however slow they answer.
    """
    with for_all("whose it is that a shop's place is wanted for"):
        merchant = await find.merchant_of(job, UUID(subject))
    busy: dict[asyncio.Task[None], UUID | None] = ctx["with shops"]
    mine = sum(other == merchant for other in busy.values())
    if 2 * mine < _SHOPS_MAX - len(busy):
        task = _begin(work(UUID(subject), ctx["shops"], ctx["settings"]), seconds)
        busy[task] = merchant
        task.add_done_callback(lambda done: busy.pop(done, None))


def _by_itself(ctx: ArqContext, work: Coroutine[Any, Any, None], seconds: float) -> None:
    """Have it done beside the jobs, whose time limit is short and stays so.

    arq hides what a killed worker had in hand for as long as its longest job may take, and looks at the first few
    hundred jobs of a queue only: with one job of half an hour, a few killed workers would stop all others for that
    long. What is begun here has a row with a lease: the sweep rings for it again when nobody holds it.
    """
    long: set[asyncio.Task[None]] = ctx["long"]
    if len(long) >= _LONG_MAX:
        work.close()  # the sweep rings again
        return
    task = _begin(work, seconds)
    long.add(task)
    task.add_done_callback(long.discard)


def _begin(work: Coroutine[Any, Any, None], seconds: float) -> asyncio.Task[None]:
    async def bounded() -> None:
        try:
            async with asyncio.timeout(seconds):
                await work
        except Exception:
            _log.exception("worker.failed")

    return asyncio.create_task(bounded())


async def reconcile(ctx: ArqContext, subject: str) -> None:
    """The night of a connection's business date, by `connection/date`."""
    connection, _, day = subject.partition("/")
    try:
        await reconciliation_jobs.run(UUID(connection), date.fromisoformat(day), ctx["sender"])
    except FutureDate as error:
        _log.warning("reconciliation.refused", connection=connection, error=str(error))


async def handed_in(ctx: ArqContext, subject: str) -> None:
    """Enter a report that somebody has uploaded, by its id."""
    await handed_in_jobs.take(UUID(subject), ctx["sender"], ctx["settings"])


async def source(ctx: ArqContext, subject: str) -> None:
    """Look for reports at a server of a PSE, by the source's id."""
    await source_jobs.visit(UUID(subject), ctx["sender"], ctx["settings"])


async def inbox(ctx: ArqContext, subject: str) -> None:
    """Look for reports in the watched folder."""
    settings: Settings = ctx["settings"]
    if settings.report_inbox:
        try:
            await inbox_jobs.visit(Path(settings.report_inbox), ctx["sender"])
        except OSError as error:
            _log.error("inbox.away", folder=settings.report_inbox, error=str(error))


async def export(ctx: ArqContext, subject: str) -> None:
    """Make an export, by its id."""
    await export_jobs.export(UUID(subject), ctx["settings"])


async def decisions(ctx: ArqContext, subject: str) -> None:
    """Apply a sheet of decisions, by its batch's id."""
    await export_jobs.decisions(UUID(subject), ctx["settings"])


async def batch(ctx: ArqContext, subject: str) -> None:
    """Judge a sheet of refunds or payments, or work it off, by its id."""
    await batch_jobs.batch(UUID(subject), ctx["settings"])


JOBS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "refunds": (
        bell.REFUNDS_QUEUE,
        {
            bell.REFUND: refund,
            bell.NOTICE: notice,
            bell.PREFLIGHT: preflight,
            bell.CERTIFY: certify,
            bell.DELIVER: deliver,
            bell.SHOP: shop,
            bell.SHOP_NOTICE: shop_notice,
            bell.SHOP_REFUND: shop_refund,
            bell.SHOP_CHECK: shop_check,
        },
    ),
    "batch": (
        bell.BATCH_QUEUE,
        {
            bell.RECONCILE: reconcile,
            bell.HANDED_IN: handed_in,
            bell.SOURCE: source,
            bell.INBOX: inbox,
            bell.EXPORT: export,
            bell.DECISIONS: decisions,
            bell.BATCH: batch,
        },
    ),
}


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
