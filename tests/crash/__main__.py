"""`make crash` (KILLS=200, SEED=...): every point, round by round, until enough were killed. Exit 1 on a violation."""

import asyncio
import os
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.crash import POINTS
from domain.log import configure
from domain.settings import Settings
from tests.crash.run import Round, play

_RANDOM_KILLS = 6
_PAYMENTS = 400


def main() -> int:
    wanted = int(os.environ.get("KILLS") or 200)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    configure(Settings(log_level="error", log_format="console"))
    console, rounds = Console(width=120), list[Round]()
    while sum(len(one.killed) + one.at_random for one in rounds) < wanted:
        home = Path(tempfile.mkdtemp(prefix="estorno-crash-"))
        home.chmod(0o711)  # the servers' user must come through, and see nothing
        number = len(rounds)
        console.print(f"Round {number + 1}, SEED={seed + number} ...")
        done = asyncio.run(
            play(seed + number, home, payments=_PAYMENTS, passes=1 + number % 3, random_kills=_RANDOM_KILLS)
        )
        rounds.append(done)
        shutil.rmtree(home, ignore_errors=not done.violations)
        if done.violations:
            break
    show(console, rounds, seed)
    return 1 if any(one.violations for one in rounds) else 0


def show(console: Console, rounds: list[Round], seed: int) -> None:
    """Point by point: how often it was the end, and how soon."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for one in rounds:
        for point, after in one.killed.items():
            seconds[point].append(after)
    kills = sum(len(one.killed) + one.at_random for one in rounds)
    table = Table("Point", "Kills", "Slowest, s", "What it is", title=f"{kills} kills, SEED={seed}")
    for point, about in POINTS.items():
        table.add_row(point, str(len(seconds[point])), f"{max(seconds[point], default=0):.1f}", about)
    table.add_row("at random", str(sum(one.at_random for one in rounds)), "", "worker, batch worker or timetable")
    console.print(table)
    broken = [violation for one in rounds for violation in one.violations]
    table = Table("What", "How many", title=f"{sum(one.refunds for one in rounds)} refunds")
    for name, mark in (("double payments", "paid twice"), ("stuck", "under way"), ("lost webhooks", "webhook")):
        table.add_row(name, str(sum(mark in one for one in broken)))
    table.add_row("unbalanced or unequal", str(len(broken)))
    quiet = [one.verdict.seconds_until_quiet for one in rounds if one.verdict.seconds_until_quiet is not None]
    table.add_row("slowest until quiet, s", f"{max(quiet, default=0):.1f}")
    console.print(table)
    for violation in broken[:30]:
        console.print(f"  ✗ {violation}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
