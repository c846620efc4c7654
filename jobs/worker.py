"""The arq worker: a door from a job's name to the room that does it. `python -m jobs.worker refunds|batch`.

arq may run a job twice, late or never: PostgreSQL decides what is due (a job carries an id and nothing else).
"""

import asyncio
import sys
from collections.abc import Coroutine
from datetime import date
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import structlog
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func

from domain.keys import trial
from domain.platform import bell, pulse, tls
from domain.platform.database import BATCH, Patience, close_pool, open_pool
from domain.platform.log import configure
from domain.platform.settings import Settings
from domain.reconciliation.nights import FutureDate
from jobs import certification as certification_jobs
from jobs import exports as export_jobs
from jobs import handed_in as handed_in_jobs
from jobs import inbox as inbox_jobs
from jobs import notices as notice_jobs
from jobs import onboarding as onboarding_jobs
from jobs import reconciliation as reconciliation_jobs
from jobs import refunds as refund_jobs
from jobs import sources as source_jobs
from jobs.ear import Ear
from jobs.wire.sender import Sender

_TRIES_MAX: Final = 1_000_000  # the database owns the retry policy
_BATCH_SECONDS_MAX: Final = 6 * 3600
# What takes longer than a step of a refund: a PSE is asked a dozen things, each within the limit of one send.
# A certification mostly waits, for refunds that jobs of this very queue send.
_PREFLIGHT_SECONDS_MAX: Final = 240.0
_CERTIFY_SECONDS_MAX: Final = 1_800.0
_LONG_MAX: Final = 4  # of them at once in one worker
_POLL_SECONDS: Final = 1.0  # how long a ring may go unheard that no ear has taken
_log = structlog.get_logger()

Context = dict[str, Any]


async def refund(ctx: Context, subject: str) -> None:
    """One step of a refund, by its id."""
    with structlog.contextvars.bound_contextvars(refund=subject):
        await refund_jobs.step(UUID(subject), ctx["sender"], ctx["settings"])


async def notice(ctx: Context, subject: str) -> None:
    """Apply a stored webhook, by its id."""
    await notice_jobs.apply(UUID(subject), ctx["sender"])


async def preflight(ctx: Context, subject: str) -> None:
    """The preflight of a connection, by its run's id."""
    made = onboarding_jobs.run_preflight(UUID(subject), ctx["sender"], ctx["settings"])
    _by_itself(ctx, made, _PREFLIGHT_SECONDS_MAX)


async def certify(ctx: Context, subject: str) -> None:
    """The certification of a connection, by its run's id."""
    made = certification_jobs.run_certification(UUID(subject), ctx["sender"], ctx["settings"])
    _by_itself(ctx, made, _CERTIFY_SECONDS_MAX)


def _by_itself(ctx: Context, work: Coroutine[Any, Any, None], seconds: float) -> None:
    """Have it done beside the jobs, whose time limit is short and stays so.

    arq hides what a killed worker had in hand for as long as its longest job may take, and looks at the first few
    hundred jobs of a queue only: with one job of half an hour, a few killed workers would stop all others for that
    long. What is begun here has a row with a lease: the sweep rings for it again when nobody holds it.
    """
    long: set[asyncio.Task[None]] = ctx["long"]
    if len(long) >= _LONG_MAX:
        work.close()  # the sweep rings again
        return

    async def bounded() -> None:
        try:
            async with asyncio.timeout(seconds):
                await work
        except Exception:
            _log.exception("worker.failed")

    task = asyncio.create_task(bounded())
    long.add(task)
    task.add_done_callback(long.discard)


async def reconcile(ctx: Context, subject: str) -> None:
    """The night of a connection's business date, by `connection/date`."""
    connection, _, day = subject.partition("/")
    try:
        await reconciliation_jobs.run(UUID(connection), date.fromisoformat(day), ctx["sender"])
    except FutureDate as error:
        _log.warning("reconciliation.refused", connection=connection, error=str(error))


async def handed_in(ctx: Context, subject: str) -> None:
    """Enter a report that somebody has uploaded, by its id."""
    await handed_in_jobs.take(UUID(subject), ctx["sender"], ctx["settings"])


async def source(ctx: Context, subject: str) -> None:
    """Look for reports at a server of a PSE, by the source's id."""
    await source_jobs.visit(UUID(subject), ctx["sender"], ctx["settings"])


async def inbox(ctx: Context, subject: str) -> None:
    """Look for reports in the watched folder."""
    settings: Settings = ctx["settings"]
    if settings.report_inbox:
        try:
            await inbox_jobs.visit(Path(settings.report_inbox), ctx["sender"])
        except OSError as error:
            _log.error("inbox.away", folder=settings.report_inbox, error=str(error))


async def export(ctx: Context, subject: str) -> None:
    """Make an export, by its id."""
    await export_jobs.export(UUID(subject), ctx["settings"])


async def decisions(ctx: Context, subject: str) -> None:
    """Apply a sheet of decisions, by its batch's id."""
    await export_jobs.decisions(UUID(subject), ctx["settings"])


JOBS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "refunds": (
        bell.REFUNDS_QUEUE,
        {bell.REFUND: refund, bell.NOTICE: notice, bell.PREFLIGHT: preflight, bell.CERTIFY: certify},
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
        },
    ),
}


def worker(queue: str, settings: Settings) -> Worker:
    """The worker of a queue. Stopping waits for calls under way, longer than the longest call."""
    name, jobs = JOBS[queue]
    seconds = settings.job_timeout_seconds if queue == "refunds" else _BATCH_SECONDS_MAX
    patience = Patience(seconds, seconds / 2) if queue == "refunds" else BATCH

    async def startup(ctx: Context) -> None:
        await open_pool(settings.database_url, pool_max=settings.database_pool, patience=patience)
        await bell.connect(settings.redis_url)
        ctx["settings"] = settings
        ctx["sender"] = Sender(settings.secret_key, settings.send_limit_seconds)
        ctx["pulse"] = asyncio.create_task(pulse.beat(settings.pulse))
        ctx["ear"] = Ear(made, settings.redis_url)
        ctx["long"] = set()
        _log.info("worker.ready", queue=queue)

    async def shutdown(ctx: Context) -> None:
        ctx["pulse"].cancel()
        await ctx["ear"].close()
        for task in (long := tuple(ctx["long"])):
            task.cancel()
        await asyncio.gather(*long, return_exceptions=True)
        await ctx["sender"].close()
        await bell.close()
        await close_pool()

    made = Worker(
        functions=[
            func(
                cast("WorkerCoroutine", job),
                name=job_name,
                keep_result=0,
                max_tries=_TRIES_MAX,
                timeout=seconds,
            )
            for job_name, job in jobs.items()
        ],
        queue_name=name,
        redis_settings=tls.arq(settings.redis_url),
        on_startup=startup,
        on_shutdown=shutdown,
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
