"""`make simulate`: seed after seed for MINUTES, or one SEED again. What fails is told.

`--wide` plays the wide histories of tests/simulation/themes.py too, `--focus NAME` one theme of them alone, and
`--planted` looks how soon each planted bug is found.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.conftest import servers_of_the_run, start_servers
from tests.planted.find import steps_to_find
from tests.planted.mutations import MUTATIONS
from tests.simulation.machine import Seen
from tests.simulation.moves import table
from tests.simulation.run import STEPS, simulate
from tests.simulation.stage import Stage, a_stage
from tests.simulation.themes import THEMES

_EXAMPLES: Final = 50  # of one seed


def main() -> int:
    """Exit status 0 only if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None, help="Run this seed alone, again.")
    parser.add_argument("--steps", type=int, default=STEPS, help="Steps of one example at most.")
    parser.add_argument("--wide", action="store_true", help="Play the wide histories instead of the plain ones.")
    parser.add_argument("--focus", choices=sorted(THEMES), help="Play the wide histories of this theme alone.")
    parser.add_argument("--planted", action="store_true", help="Plant each bug, and count the steps to its finding.")
    asked = parser.parse_args()
    wide = tuple(THEMES) if asked.wide else ()
    how = _How(themes=(asked.focus,) if asked.focus else wide, steps=asked.steps)
    with tempfile.TemporaryDirectory(prefix="estorno-simulation-") as home:
        os.chmod(home, 0o711)  # noqa: S103 - the servers' user must come through, and see nothing
        children = start_servers(Path(home))
        try:
            if asked.planted:
                return _plant_all()
            with a_stage(servers_of_the_run()) as stage:
                return _run(stage, asked.minutes, asked.seed, how)
        finally:
            for child in reversed(children):
                child.stop()


@dataclass(frozen=True, slots=True)
class _How:
    themes: tuple[str, ...]
    steps: int


def _plant_all() -> int:
    console, missed = Console(), 0
    for mutation in MUTATIONS:
        steps = steps_to_find(servers_of_the_run(), mutation)
        missed += steps is None
        console.print(f"{mutation.name}: {'NOT FOUND' if steps is None else f'found in {steps} steps'}", markup=False)
    return int(missed > 0)


def _run(stage: Stage, minutes: float, seed: int | None, how: _How) -> int:
    console = Console()
    seen = Seen()
    started = time.monotonic()
    failed = (
        _many(stage, minutes, seen, console, how)
        if seed is None
        else _one(stage, seed, seen, console, how, shrink=True)
    )
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


def _many(stage: Stage, minutes: float, seen: Seen, console: Console, how: _How) -> int | None:
    end = time.monotonic() + minutes * 60
    seeds = random.SystemRandom()
    while time.monotonic() < end:
        if (failed := _one(stage, seeds.randrange(2**32), seen, console, how, shrink=False)) is not None:
            return failed
    return None


def _one(stage: Stage, seed: int, seen: Seen, console: Console, how: _How, *, shrink: bool) -> int | None:
    """The seed, if it fails."""
    try:
        simulate(stage, seed, _EXAMPLES, seen, steps=how.steps, shrink=shrink, themes=how.themes)
    except Exception:  # whatever was found, it is told and can be played again
        console.print(traceback.format_exc(), markup=False, highlight=False)
        return seed
    return None


if __name__ == "__main__":
    sys.exit(main())
