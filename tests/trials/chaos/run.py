"""One run of chaos, from the servers to the verdict."""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from domain.platform import bell, database
from jobs.machine.children import Child
from jobs.machine.supervisor import Supervisor
from tests.kit.family import until
from tests.trials.chaos.faults import Faults, Plan
from tests.trials.chaos.load import Load, Seen
from tests.trials.chaos.stage import SKEW_SECONDS, Stage, stage, today
from tests.trials.chaos.verdict import Verdict, compare, quiet
from tests.trials.told import untold

QUIET_SECONDS_MAX = 60
DAMAGE = (
    "Valkey flushed",
    "Valkey killed and restarted",
    "PostgreSQL restarted with -m immediate",
    "worker killed",
    "leading timetable killed",
    "reconciliation asked for",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, what the clients saw, and the verdict."""

    done: dict[str, int]
    seen: Seen
    verdict: Verdict

    @property
    def violations(self) -> Sequence[str]:
        """Empty when every promise held."""
        missing = [f"never happened: {what}" for what in DAMAGE if not self.done.get(what)]
        return [*missing, *self.seen.violations, *self.verdict.violations]


async def run(plan: Plan, seed: int, home: Path) -> Outcome:
    """Chaos by the plan. Call it from the main thread; the logs of all processes are in `home`."""
    dice = random.Random(seed)
    async with stage(home, plan.payments, dice) as set_up:
        family = set_up.family(home / "logs")
        supervisor = Supervisor()
        supervisor.start(family)
        outcome: list[Outcome] = []

        async def play() -> None:
            outcome.append(await _play(set_up, family, plan, dice))

        await supervisor.run(play)
        if not outcome:
            raise KeyboardInterrupt
        return outcome[0]


async def _play(set_up: Stage, family: Sequence[Child], plan: Plan, dice: random.Random) -> Outcome:
    await until(lambda: _ready(set_up), "the API is ready")
    await bell.connect(set_up.settings.redis_url)
    began = today(set_up.shop)
    load = Load(set_up, dice, plan.clients, plan.pause_seconds)
    faults = Faults(set_up, family, dice)
    verdict = Verdict()
    try:
        await faults.run(plan)
        await set_up.calm()
        async with database.connected(set_up.settings.database_url, all_because="a trial looks at everything"):
            await quiet(load, verdict, QUIET_SECONDS_MAX)
            await load.end()
            await compare(set_up, load.seen, verdict, sorted({began, today(set_up.shop)}))
            load.seen.violations += await untold(set_up.told, set_up.receiver, QUIET_SECONDS_MAX)
    finally:
        await load.end()
        await bell.close()
    return Outcome(dict(faults.done), load.seen, verdict)


async def _ready(set_up: Stage) -> bool:
    with suppress(httpx.HTTPError):
        return (await set_up.sandbox.http.get(f"{set_up.api_url}/readyz")).status_code == 200
    return False


def show(outcome: Outcome, plan: Plan, seed: int) -> None:
    """Print it all."""
    seen, verdict = outcome.seen, outcome.verdict
    table = Table("What", "How much", title=f"{plan.seconds:.0f} s of chaos, SEED={seed}")
    for what in DAMAGE:
        table.add_row(what, str(outcome.done.get(what, 0)))
    table.add_row("clock of one worker", f"{SKEW_SECONDS} s ahead")
    table.add_section()
    table.add_row("refunds accepted", str(len(seen.accepted)))
    table.add_row("refused by a typed error", str(len(seen.refused)))
    table.add_row("asked again with the same key", str(len(seen.asked_again)))
    table.add_row("looks at a refund", str(seen.looks))
    for kind, times in sorted(seen.errors.items()):
        table.add_row(f"  clients saw {kind}", str(times))
    table.add_section()
    for state, times in sorted(verdict.states.items()):
        table.add_row(f"ended {state}", str(times))
    for how, times in sorted(verdict.attempts.items()):
        table.add_row(f"  attempts that ended {how}", str(times))
    table.add_row("waiting for a person", str(verdict.waiting_for_a_person))
    table.add_row("refunds paid, by the sandbox's log", str(verdict.payments_made_by_the_sandbox))
    table.add_row("webhooks stored", str(verdict.webhooks))
    rested = verdict.seconds_until_quiet
    table.add_row("seconds until quiet", "never" if rested is None else f"{rested:.1f}")
    table.add_row("violations", str(len(outcome.violations)), style="bold red" if outcome.violations else "green")
    console = Console(width=120)
    console.print(table)
    for violation in outcome.violations[:30]:
        console.print(f"  ✗ {violation}", markup=False, highlight=False)
