"""`make crash` (KILLS=200, SEED=...): real processes die at every point; exit 1 unless the books come out right."""

import asyncio
import math
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.platform.crash import POINTS
from domain.platform.log import configure
from domain.platform.settings import Settings
from tests.sandbox.server import MOODS
from tests.trials.crash.plan import AT_RANDOM, Kill, plan
from tests.trials.crash.run import Outcome, play
from tests.trials.crash.stage import PSES

_AT_RANDOM = 4  # in each round
_QUIET_SECONDS_MAX = 240.0


def main() -> int:
    wanted = int(os.environ.get("KILLS") or 200)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    rounds = math.ceil(wanted / (len(POINTS) + _AT_RANDOM))
    kills = plan(random.Random(seed), rounds, _AT_RANDOM)
    configure(Settings(log_level="error", log_format="console"))
    home = Path(tempfile.mkdtemp(prefix="estorno-crash-"))
    home.chmod(0o711)  # the servers' user must come through, and see nothing
    print(f"{len(kills)} kills, SEED={seed}, logs in {home}/logs ...", flush=True)
    began = time.monotonic()
    outcome = asyncio.run(play(seed, home, kills, quiet_seconds_max=_QUIET_SECONDS_MAX))
    show(Console(width=120), outcome, f"{len(kills)} kills in {time.monotonic() - began:.0f} s, SEED={seed}")
    if outcome.violations:
        return 1  # what it left is kept, for whoever looks for the reason
    shutil.rmtree(home)
    return 0


def show(console: Console, outcome: Outcome, title: str) -> None:
    """Point by point, then mood by mood."""
    table = _table("Point", title)
    for point in (*POINTS, AT_RANDOM):
        _row(table, point, [kill for kill in outcome.kills if kill.point == point])
    table.add_section()
    _row(table, "together", outcome.kills)
    console.print(table)
    table = _table("First mood of the PSE", f"The same kills by mood and by PSE ({len(MOODS)} moods, {len(PSES)} PSEs)")
    for mood in sorted(MOODS):
        _row(table, mood, [kill for kill in outcome.kills if kill.moods[0] == mood])
    table.add_section()
    for pse in PSES:
        _row(table, pse, [kill for kill in outcome.kills if kill.pse == pse])
    console.print(table)
    for kind, times in sorted(outcome.seen.errors.items()):
        console.print(f"  clients asked again after {kind}: {times}")
    for violation in outcome.violations[:40]:
        console.print(f"  ✗ {violation}", markup=False, highlight=False)
    if not outcome.violations:
        console.print(f"  ✓ {len(outcome.seen.accepted)} refunds: our books and the sandbox's logs are equal")


def _table(first: str, title: str) -> Table:
    names = ("Kills", "Refunds", "In flight", "Double", "Stuck", "Unbalanced", "Lost webhooks", "Quiet after, s")
    table = Table(first, title=title)
    for name in names:
        table.add_column(name, justify="right")
    return table


def _row(table: Table, name: str, kills: Sequence[Kill]) -> None:
    quiet = [kill.seconds_until_quiet for kill in kills if kill.seconds_until_quiet is not None]
    bad = any(kill.violations for kill in kills)
    table.add_row(
        name,
        str(sum(kill.reached for kill in kills)),
        str(sum(kill.asked for kill in kills)),
        str(sum(kill.in_flight for kill in kills)),
        str(sum(len(kill.doubles) for kill in kills)),
        str(sum(len(kill.stuck) for kill in kills)),
        str(sum(len(kill.unbalanced) for kill in kills)),
        str(sum(len(kill.lost_webhooks) for kill in kills)),
        f"{max(quiet, default=0):.1f}",
        style="bold red" if bad else "",
    )


if __name__ == "__main__":
    sys.exit(main())
