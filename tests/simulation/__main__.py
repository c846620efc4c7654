"""`make simulate`: seed after seed for MINUTES, or one SEED again. What fails is told."""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.conftest import servers_of_the_run, start_servers
from tests.simulation.features import DEFAULT, FOCUS, Playing
from tests.simulation.machine import Seen
from tests.simulation.moves import table
from tests.simulation.run import simulate
from tests.simulation.stage import Stage, a_stage

_EXAMPLES: Final = 50  # of one seed


def main() -> int:
    """Exit status 0 only if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None, help="Run this seed alone, again.")
    parser.add_argument("--focus", choices=FOCUS, default=None, help="Play this kind of history in every example.")
    asked = parser.parse_args()
    playing = DEFAULT if asked.focus is None else FOCUS[asked.focus]
    with tempfile.TemporaryDirectory(prefix="estorno-simulation-") as home:
        os.chmod(home, 0o711)  # noqa: S103 - the servers' user must come through, and see nothing
        children = start_servers(Path(home))
        try:
            with a_stage(servers_of_the_run()) as stage:
                return _run(stage, asked.minutes, asked.seed, playing)
        finally:
            for child in reversed(children):
                child.stop()


def _run(stage: Stage, minutes: float, seed: int | None, playing: Playing) -> int:
    console = Console()
    seen = Seen()
    started = time.monotonic()
    if seed is not None:
        failed = _one(stage, seed, seen, console, playing, shrink=True)
    else:
        failed = _many(stage, minutes, seen, console, playing)
    seconds = time.monotonic() - started
    console.print(table(seen.moves))
    console.print(
        f"{seen.examples} examples, {seen.steps} steps, {seen.steps / seconds:.0f} steps per second: "
        + (
            f"seed {failed} FAILS; make simulate SEED={failed} plays it again, as short as can be"
            if failed is not None
            else "nothing found"
        )
    )
    return int(failed is not None)


def _many(stage: Stage, minutes: float, seen: Seen, console: Console, playing: Playing) -> int | None:
    end = time.monotonic() + minutes * 60
    seeds = random.SystemRandom()
    while time.monotonic() < end:
        if (failed := _one(stage, seeds.randrange(2**32), seen, console, playing, shrink=False)) is not None:
            return failed
    return None


def _one(stage: Stage, seed: int, seen: Seen, console: Console, playing: Playing, *, shrink: bool) -> int | None:
    """The seed, if it fails."""
    try:
        simulate(stage, seed, _EXAMPLES, seen, shrink=shrink, playing=playing)
    except Exception:  # whatever was found, it is told and can be played again
        console.print(traceback.format_exc(), markup=False, highlight=False)
        return seed
    return None


if __name__ == "__main__":
    sys.exit(main())
