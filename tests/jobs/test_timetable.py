"""The timetable and the worker as they are set up: what arq and APScheduler would otherwise get wrong."""

from datetime import UTC, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from domain.platform import bell
from jobs.timetable import timetable
from jobs.worker import JOBS, worker
from tests.kit.world import quick_settings

SETTINGS = quick_settings(database_url="postgres://a@127.0.0.1/x", redis_url="redis://127.0.0.1:1/0")


async def test_everything_by_the_clock_is_in_utc_merged_and_forgives_a_late_start() -> None:
    scheduler = timetable(SETTINGS)
    scheduler.start(paused=True)
    try:
        jobs = {job.id: job for job in scheduler.get_jobs()}
        assert set(jobs) == {"sweep", "seal", "invariants", "checkpoint", "night", "catch-up"}
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
