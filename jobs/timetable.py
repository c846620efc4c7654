"""The APScheduler timetable: sweep, invariants, the night. `python -m jobs.timetable`; of several, one leads.

UTC throughout (a local 02:30 can happen twice or never); a missed run is caught up by business date, not by luck.
"""

import asyncio
import signal
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from domain import bell, invariants, seals
from domain.database import close_pool, open_pool
from domain.log import configure
from domain.settings import Settings
from jobs import reconciliation
from jobs.sweep import sweep

_LEADER_LOCK: Final = 0x6573746F726E6F
_LEADER_TRY_SECONDS: Final = 2.0
_MISFIRE_SECONDS: Final = 12 * 3600
_INVARIANTS_MINUTES: Final = 15
_SEAL_SECONDS: Final = 1
_log = structlog.get_logger()


async def _check() -> None:
    for broken in await invariants.check():
        _log.error("invariant.broken", name=broken.name, detail=broken.detail)


async def _seal() -> None:
    while await seals.seal():
        pass  # more than one batch was waiting


async def _night() -> None:
    rung = await reconciliation.ring_the_night(datetime.now(UTC))
    _log.info("night.rung", runs=rung)


def timetable(settings: Settings) -> AsyncIOScheduler:
    """All that happens by the clock."""
    hour, minute = settings.nightly_at
    scheduler = AsyncIOScheduler(
        timezone=UTC,
        job_defaults={"coalesce": True, "misfire_grace_time": _MISFIRE_SECONDS, "max_instances": 1},
    )
    scheduler.add_job(sweep, IntervalTrigger(seconds=settings.sweep_seconds, timezone=UTC), id="sweep")
    scheduler.add_job(_seal, IntervalTrigger(seconds=_SEAL_SECONDS, timezone=UTC), id="seal")
    scheduler.add_job(_check, IntervalTrigger(minutes=_INVARIANTS_MINUTES, timezone=UTC), id="invariants")
    # Every hour again, so that a night whose PSE was down is repeated by itself.
    scheduler.add_job(_night, CronTrigger(hour=hour, minute=minute, timezone=UTC), id="night")
    scheduler.add_job(_night, CronTrigger(minute=(minute + 15) % 60, timezone=UTC), id="catch-up")
    return scheduler


async def lead(settings: Settings, stop: asyncio.Event) -> None:
    """Wait to be the leader, then run the timetable until told to stop or until the leader's lock is lost."""
    guard = await asyncpg.connect(settings.database_url)
    try:
        while not stop.is_set():
            if await guard.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER_LOCK):
                await _run(settings, guard, stop)
                return
            await _pause(stop, _LEADER_TRY_SECONDS)
    finally:
        if not guard.is_closed():
            await guard.close()


async def _run(settings: Settings, guard: "asyncpg.Connection", stop: asyncio.Event) -> None:
    scheduler = timetable(settings)
    scheduler.start()
    _log.info("timetable.leads")
    try:
        while not stop.is_set():
            # A lost connection is a lost lock: another process leads now, so this one ends and is started again.
            await guard.fetchval("SELECT 1")
            await _pause(stop, _LEADER_TRY_SECONDS)
    finally:
        scheduler.shutdown(wait=False)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def main() -> None:
    settings = Settings.read()
    configure(settings)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await open_pool(settings.database_url, pool_max=5)
    await bell.connect(settings.redis_url)
    try:
        await lead(settings, stop)
    finally:
        await bell.close()
        await close_pool()


if __name__ == "__main__":
    asyncio.run(main())
