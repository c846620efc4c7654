"""The timetable and the worker as they are set up: what arq and APScheduler would otherwise get wrong."""

from datetime import UTC, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from structlog.testing import capture_logs

from domain.books import checkpoints
from domain.platform import bell
from domain.platform.database import execute
from jobs.functions import JOBS
from jobs.timetable import timetable
from jobs.worker import worker
from tests.kit.factories import a_payment, a_shop
from tests.kit.world import quick_settings

SETTINGS = quick_settings(database_url="postgres://a@127.0.0.1/x", redis_url="redis://127.0.0.1:1/0")


async def test_everything_by_the_clock_is_in_utc_merged_and_forgives_a_late_start() -> None:
    scheduler = timetable(SETTINGS)
    scheduler.start(paused=True)
    try:
        jobs = {job.id: job for job in scheduler.get_jobs()}
        assert set(jobs) == {
            "sweep",
            "seal",
            "invariants",
            "checkpoint",
            "open items",
            "figures",
            "usage",
            "night",
            "catch-up",
            "preflight",
            "banks",
            "exports",
            "taxes",
            "after closing",
            "shops",
            "shop checks",
            "findings",
            "alerts",
            "alerts said",
            "digests",
        }
        for job in jobs.values():
            assert job.coalesce
            assert job.misfire_grace_time >= 3600
            assert job.max_instances == 1
            assert job.trigger.timezone == UTC
        assert isinstance(jobs["sweep"].trigger, IntervalTrigger)
        assert jobs["invariants"].trigger.interval == timedelta(minutes=15)
        assert isinstance(jobs["night"].trigger, CronTrigger)
    finally:
        scheduler.shutdown(wait=False)


@pytest.mark.usefixtures("books")
async def test_the_night_compares_the_checkpoints_with_the_ledger_and_tells() -> None:
    await a_payment(await a_shop())
    await checkpoints.cut()
    await execute(
        "INSERT INTO ledger_checkpoints (until_entry, merchant_id, connection_id, account, currency, accounting_date, "
        "debits, credits, made_at) SELECT until_entry - 1, merchant_id, connection_id, account, currency, "
        "accounting_date, 1, 0, made_at FROM ledger_checkpoints LIMIT 1"
    )
    with capture_logs() as told:
        await timetable(SETTINGS).get_job("checkpoint").func()
    assert [line["event"] for line in told] == ["ledger.checkpoint", "invariant.broken"]


@pytest.mark.parametrize("queue", sorted(JOBS))
async def test_the_worker_leaves_retries_to_the_database_and_reads_json_only(queue: str) -> None:
    made = worker(queue, SETTINGS)
    assert made.max_tries >= 1_000_000
    assert made.job_deserializer is bell.deserialize
    assert made._job_completion_wait >= SETTINGS.send_limit_seconds
    assert made.poll_delay_s <= 1  # for what the ear has missed
    assert not made.allow_abort_jobs
    for function in made.functions.values():
        assert function.keep_result_s == 0
        assert (function.max_tries or 0) >= 1_000_000
    if queue == "refunds":
        assert SETTINGS.send_limit_seconds < made.job_timeout_s < SETTINGS.lease_seconds
