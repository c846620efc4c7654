"""A database of the run's own server with a made-up year in it, filled by `estorno synth`'s own hand."""

from datetime import UTC, datetime

import asyncpg

from domain.platform import migrate
from jobs.machine.servers import APPLICATION, DATABASE, OWNER, SUPERUSER
from jobs.synth import fill
from jobs.synth.fill import WantedRefunds
from tests.kit import databases
from tests.kit.factories import KEY
from tests.trials.bench.stage import Stage


async def filled(stage: Stage, refunds: int, merchants: int) -> bool:
    """Migrate the stage's database, and fill it unless it was; whether it was filled now."""
    postgres = stage.postgres
    root = await asyncpg.connect(postgres.url(SUPERUSER, "postgres"))
    there = await root.fetchval("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", stage.database)
    if not there:
        await root.execute(f"CREATE DATABASE {stage.database} TEMPLATE {DATABASE} OWNER {OWNER}")
    await root.close()
    owner = postgres.url(OWNER, stage.database)
    await migrate.run(owner, APPLICATION)
    await databases.let_anybody_give(owner)
    if not there:
        await fill.fill(owner, WantedRefunds(refunds, merchants, datetime.now(UTC)), KEY)
    return not there
