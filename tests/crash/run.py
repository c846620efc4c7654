"""One round: every point's process is killed as it passes, the others go on, and the books come out right."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from domain import bell, database, reconciliation
from domain.database import rows
from jobs.children import Child
from tests.chaos.load import Load
from tests.chaos.stage import Stage, stage, today
from tests.chaos.verdict import Verdict, compare, quiet
from tests.crash.doors import Doors, many
from tests.crash.victims import Victim, healthy, victims
from tests.family import until

READY_SECONDS_MAX = 180.0
KILL_SECONDS_MAX = 240.0
QUIET_SECONDS_MAX = 120.0
_CLIENTS = 4
_PAUSE_SECONDS = 0.4
_HOOK = "hook-secret-of-the-test"


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did: seconds until each point's process was dead, kills at random, and the verdict."""

    killed: dict[str, float]
    never: list[str]
    at_random: int
    refunds: int
    verdict: Verdict
    lost_webhooks: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """Empty when every promise held and every point was reached."""
        lost = [f"a webhook that was answered is not applied: {digest}" for digest in self.lost_webhooks]
        return [*(f"never reached: {point}" for point in self.never), *lost, *self.verdict.violations]


async def play(seed: int, home: Path, *, payments: int, passes: int, random_kills: int = 0) -> Round:
    """One round by its seed. Call it from the main thread."""
    dice = random.Random(seed)
    async with stage(home, payments, dice) as set_up:
        few = set_up.settings.with_(database_pool=3)  # they are many, and share one server
        armed = victims(few, home / "logs", passes)
        doors = many(set_up, [victim.port for victim in armed if victim.port is not None])
        async with _family(armed) as rescue:
            await until(lambda: _ready(doors), "an API is ready", READY_SECONDS_MAX)
            return await _kill(doors, armed, rescue, home, dice, random_kills)


@asynccontextmanager
async def _family(armed: list[Victim]) -> AsyncIterator[list[Child]]:
    """The armed processes, and whoever is started later: all gone at the end."""
    rescue: list[Child] = []
    for victim in armed:
        victim.child.spawn()  # from this thread, to which its life is tied
    try:
        yield rescue
    finally:
        for child in (*rescue, *(victim.child for victim in armed)):
            await asyncio.to_thread(child.stop)


async def _kill(
    doors: Doors, armed: list[Victim], rescue: list[Child], home: Path, dice: random.Random, random_kills: int
) -> Round:
    await bell.connect(doors.settings.redis_url)
    load = Load(doors, dice, _CLIENTS, _PAUSE_SECONDS)
    verdict = Verdict()
    try:
        killed = await _until_dead(doors, armed)
        rescue += [healthy(role, doors.settings, home / "logs") for role in ("worker", "batch", "timetable")]
        for child in rescue:
            child.spawn()
        at_random = await _kill_at_random(rescue, dice, random_kills)
        await doors.calm()
        async with database.connected(doors.settings.database_url):
            await quiet(load, verdict, QUIET_SECONDS_MAX)
            await compare(doors, load.seen, verdict, [today(doors.shop)])
            lost = await _lost_webhooks(doors)
    finally:
        await load.end()
        await bell.close()
    never = [victim.point for victim in armed if not victim.killed]
    verdict.violations += load.seen.violations
    return Round(killed, never, at_random, len(load.seen.accepted), verdict, lost)


async def _until_dead(doors: Doors, armed: list[Victim]) -> dict[str, float]:
    """Load, webhooks and reconciliation until every armed process has died at its point; seconds for each."""
    began, killed = time.monotonic(), dict[str, float]()
    while len(killed) < len(armed) and time.monotonic() - began < KILL_SECONDS_MAX:
        for victim in armed:
            if victim.look():
                killed[victim.point] = time.monotonic() - began
                if victim.port is not None:
                    victim.revive()
        await _hook(doors, armed)
        day = today(doors.shop)
        await bell.ring(reconciliation.JOB, f"{doors.shop.connection.id}/{day}", queue=bell.BATCH_QUEUE)
        await asyncio.sleep(0.3)
    return killed


async def _hook(doors: Doors, armed: list[Victim]) -> None:
    """Webhooks go to an API that is still to die of one."""
    waiting = [one for one in armed if one.point.startswith("notice.") and one.port is not None and not one.killed]
    port = waiting[0].port if waiting else doors.ports[0]
    url = f"http://127.0.0.1:{port}/webhooks/{doors.shop.connection.id}/{_HOOK}"
    await doors.sandbox.post("webhooks", key="sp@loja", url=url, times=1)


async def _kill_at_random(rescue: list[Child], dice: random.Random, kills: int) -> int:
    """Kill healthy programs at any moment, and start them again."""
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(0.1, 1.5))
        child = dice.choice(rescue)
        if child.process is not None:
            child.process.kill()
            child.process.wait()
            child.spawn()
    return kills


async def _lost_webhooks(doors: Doors) -> list[str]:
    delivered = set((await doors.sandbox.get("delivered"))["digests"])
    applied = {row["digest"] for row in await rows("SELECT digest FROM notices WHERE applied_at IS NOT NULL")}
    return sorted(delivered - applied)


async def _ready(doors: Stage) -> bool:
    with suppress(httpx.HTTPError):
        return (await doors.sandbox.http.get(f"{doors.api_url}/readyz")).status_code == 200
    return False
