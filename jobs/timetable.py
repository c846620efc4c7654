"""The APScheduler timetable: sweep, invariants, the night. `python -m jobs.timetable`; of several, one leads.

UTC throughout (a local 02:30 can happen twice or never); a missed run is caught up by business date, not by luck.
"""

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog
from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from domain import checks
from domain.books import checkpoints, open_items
from domain.connections import connections
from domain.deliveries import rotation
from domain.findings import growing
from domain.history import seals
from domain.keys import trial
from domain.periods import after_closing
from domain.platform import bell, metrics, pulse
from domain.platform.alone import Guard, Job, NotLeading, guarding
from domain.platform.database import BATCH, close_pool, for_all, open_pool
from domain.platform.log import configure
from domain.platform.settings import Settings
from domain.refunds import attempts, kept_figures
from jobs import alerts, bank, deliveries, exports, onboarding, reconciliation, shops, taxes, usage
from jobs.sweep import sweep
from jobs.watching import watched

_LEADER_LOCK: Final = 0x6573746F726E6F
_LEADER_TRY_SECONDS: Final = 2.0
_MISFIRE_SECONDS: Final = 12 * 3600
_INVARIANTS_MINUTES: Final = 15
_OPEN_ITEMS_MINUTES: Final = 15  # an ageing works out anew what has been touched since
_FIGURES_MINUTES: Final = 15  # who asks how refunds go adds what happened since
_SEAL_SECONDS: Final = 1
_SHOPS_SECONDS: Final = 2
_INBOX_SECONDS: Final = 30
_SAY_SECONDS: Final = 10  # what came up meanwhile goes together into one message
_TAXES_HOURS_LATER: Final = 3
_USAGE_MINUTES: Final = 5  # a hard quota is noticed so late
_PREFLIGHT_MINUTES: Final = 15  # each connection has its turn once a day, one that is refused each time
_log = structlog.get_logger()


@for_all("the books of all are compared, and what nobody ends is ended")
async def _check() -> None:
    await attempts.end_lost()
    await connections.forget_old_secrets()
    await rotation.forget_old_secrets()
    await _compare(whole=False)


@for_all("the ledgers of all are summed up")
async def _checkpoint() -> None:
    _log.info("ledger.checkpoint", rows=await checkpoints.cut())
    await _compare(whole=True)


@for_all("what is open in the ledgers of all is kept up")
async def _open_items() -> None:
    await open_items.cut()


@for_all("how the refunds of all end is summed up")
async def _figures() -> None:
    await kept_figures.cut()


async def _compare(*, whole: bool) -> None:
    for broken in checks.shown(await checks.compare(whole=whole)):
        _log.error("invariant.broken", name=broken.name, detail=broken.detail)


@for_all("the events of all are sealed")
async def _seal() -> None:
    while await seals.seal():
        pass  # more than one batch was waiting
    await deliveries.ring()


async def _shops() -> None:
    await shops.follow_all()


async def _shop_checks() -> None:
    await shops.ring_the_checks()


@for_all("what came after a month was closed is told of every merchant")
async def _after_closing() -> None:
    await after_closing.tell()


async def _night() -> None:
    rung = await reconciliation.ring_the_night(datetime.now(UTC))
    _log.info("night.rung", runs=rung)


async def _usage() -> None:
    _log.info("usage.counted", reached=await usage.count())


async def _banks() -> None:
    _log.info("bank.looked", merchants=await bank.look_at_all())


async def _taxes() -> None:
    done = await taxes.night()
    _log.info("taxes.night", opened=done.opened, matched=done.matched, late=done.late)


async def _inbox() -> None:
    await bell.ring(bell.INBOX, "folder", queue=bell.BATCH_QUEUE, once_in=2 * _INBOX_SECONDS)


async def _preflights() -> None:
    _log.info("preflight.rung", runs=await onboarding.ring_the_preflights())


@for_all("the findings of all are looked at again")
async def _grow() -> None:
    _log.info("findings.grown", findings=await growing.grow())


def timetable(settings: Settings, leading: Callable[[Job], Job] = lambda job: job) -> AsyncIOScheduler:
    """All that happens by the clock. `leading` wraps each job, so that it runs only while this process leads."""
    hour, minute = settings.nightly_at
    scheduler = AsyncIOScheduler(
        timezone=UTC,
        job_defaults={"coalesce": True, "misfire_grace_time": _MISFIRE_SECONDS, "max_instances": 1},
    )
    if settings.report_inbox:
        minutely = IntervalTrigger(seconds=_INBOX_SECONDS, timezone=UTC)
        scheduler.add_job(leading(_inbox), minutely, id="inbox")
    every = IntervalTrigger(seconds=settings.sweep_seconds, timezone=UTC)
    scheduler.add_job(leading(sweep), every, id="sweep")
    scheduler.add_job(leading(_seal), IntervalTrigger(seconds=_SEAL_SECONDS, timezone=UTC), id="seal")
    scheduler.add_job(leading(_shops), IntervalTrigger(seconds=_SHOPS_SECONDS, timezone=UTC), id="shops")
    quarterly = IntervalTrigger(minutes=_PREFLIGHT_MINUTES, timezone=UTC)
    scheduler.add_job(leading(_shop_checks), quarterly, id="shop checks")
    scheduler.add_job(leading(_check), IntervalTrigger(minutes=_INVARIANTS_MINUTES, timezone=UTC), id="invariants")
    minutely = IntervalTrigger(minutes=1, timezone=UTC)
    scheduler.add_job(leading(_after_closing), minutely, id="after closing")
    scheduler.add_job(leading(_checkpoint), CronTrigger(hour=hour, minute=minute, timezone=UTC), id="checkpoint")
    scheduler.add_job(leading(_open_items), IntervalTrigger(minutes=_OPEN_ITEMS_MINUTES, timezone=UTC), id="open items")
    scheduler.add_job(leading(_figures), IntervalTrigger(minutes=_FIGURES_MINUTES, timezone=UTC), id="figures")
    scheduler.add_job(leading(_preflights), IntervalTrigger(minutes=_PREFLIGHT_MINUTES, timezone=UTC), id="preflight")
    scheduler.add_job(leading(_grow), CronTrigger(hour=hour, minute=minute, timezone=UTC), id="findings")
    # When the night's reports are read, which open most of them.
    later = CronTrigger(hour=(hour + _TAXES_HOURS_LATER) % 24, minute=minute, timezone=UTC)
    scheduler.add_job(leading(_taxes), later, id="taxes")
    # Every hour again, so that a night whose PSE was down is repeated by itself.
    scheduler.add_job(leading(_night), CronTrigger(hour=hour, minute=minute, timezone=UTC), id="night")
    scheduler.add_job(leading(_night), CronTrigger(minute=(minute + 15) % 60, timezone=UTC), id="catch-up")
    scheduler.add_job(leading(_usage), IntervalTrigger(minutes=_USAGE_MINUTES, timezone=UTC), id="usage")
    scheduler.add_job(leading(_banks), CronTrigger(minute=(minute + 45) % 60, timezone=UTC), id="banks")
    _add_what_takes_settings(scheduler, settings, leading)
    return scheduler


def _add_what_takes_settings(scheduler: AsyncIOScheduler, settings: Settings, leading: Callable[[Job], Job]) -> None:
    """Alerts, which say where our console is, and files, which lie where the settings say."""

    async def look() -> None:
        seen, posted = await alerts.look(settings)
        _log.info("alerts.looked", signs=seen, messages=posted)

    async def say() -> None:
        await alerts.say(settings)

    async def digest() -> None:
        await alerts.digest(settings)

    async def expire() -> None:
        _log.info("exports.expired", files=await exports.expire(settings))

    scheduler.add_job(leading(look), IntervalTrigger(minutes=1, timezone=UTC), id="alerts")
    scheduler.add_job(leading(say), IntervalTrigger(seconds=_SAY_SECONDS, timezone=UTC), id="alerts said")
    scheduler.add_job(leading(digest), IntervalTrigger(minutes=5, timezone=UTC), id="digests")
    expiring = CronTrigger(minute=(settings.nightly_at[1] + 5) % 60, timezone=UTC)
    scheduler.add_job(leading(expire), expiring, id="exports")


async def lead(settings: Settings, stop: asyncio.Event) -> None:
    """Wait to be the leader and run the timetable, again and again, until told to stop."""
    while not stop.is_set():
        try:
            async with guarding(settings.database_url, _LEADER_LOCK) as guard:
                await _term(settings, guard, stop)
        except (NotLeading, asyncpg.PostgresError, OSError) as error:
            # Another process may lead by now, so this one queues up again.
            _log.warning("timetable.lost", error=str(error))
            await _pause(stop, _LEADER_TRY_SECONDS)


async def _term(settings: Settings, guard: Guard, stop: asyncio.Event) -> None:
    while not await guard.leads():
        await _pause(stop, _LEADER_TRY_SECONDS)
        if stop.is_set():
            return
    scheduler = timetable(settings, guard.leading)
    scheduler.add_listener(_ended, EVENT_JOB_EXECUTED)
    scheduler.start()
    _log.info("timetable.leads")
    try:
        while not stop.is_set():
            await guard.confirm()
            await _pause(stop, _LEADER_TRY_SECONDS)
    finally:
        scheduler.shutdown(wait=False)


def _ended(event: JobExecutionEvent) -> None:
    metrics.TIMETABLE_SUCCESS.labels(event.job_id).set_to_current_time()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def serve(settings: Settings) -> None:
    """Until told to stop: wait to lead, then ring at the appointed times."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await open_pool(settings.database_url, pool_max=5, patience=BATCH)
    await bell.connect(settings.redis_url)
    beating = asyncio.create_task(pulse.beat(settings.pulse))
    try:
        async with watched(settings, standing=True):
            await lead(settings, stop)
    finally:
        beating.cancel()
        await bell.close()
        await close_pool()


def main() -> None:
    """Serve until told to stop, if our key opens what the database holds."""
    settings = Settings.read()
    configure(settings)
    trial.or_stop(settings)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
