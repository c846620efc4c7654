"""The door of the jobs: what takes long stands beside it and holds nobody up."""

import asyncio
from uuid import uuid4

from domain.models import PreflightRun
from domain.onboarding import preflight
from jobs import worker as doors
from jobs.worker import worker
from tests.kit.factories import CAUSE
from tests.kit.world import World, quick_settings


async def test_what_a_killed_worker_had_in_hand_is_hidden_for_no_longer_than_a_step_takes(redis_url: str) -> None:
    """arq hides it for as long as its longest job may take, and with it, at the head of the queue, all others."""
    settings = quick_settings(redis_url=redis_url)
    made = worker("refunds", settings)
    assert made.in_progress_timeout_s <= settings.job_timeout_seconds + 10
    assert {job.timeout_s for job in made.functions.values()} == {settings.job_timeout_seconds}


async def test_a_preflight_is_made_beside_the_jobs_and_only_so_many_at_once(world: World) -> None:
    long: set[asyncio.Task[None]] = set()
    ctx = {"sender": world.sender, "settings": world.settings, "long": long}
    run = await preflight.ask_for(world.shop.id, world.shop.connection.id, CAUSE)
    for _ in range(doors._LONG_MAX - 1):
        await doors.preflight(ctx, str(uuid4()))  # of nobody: it ends at once
    await doors.preflight(ctx, str(run.id))
    assert len(long) == doors._LONG_MAX
    await doors.preflight(ctx, str(run.id))  # one too many: the sweep rings again
    assert len(long) == doors._LONG_MAX
    await asyncio.gather(*long)
    assert (await PreflightRun.get(id=run.id)).outcome is not None
    assert not long
