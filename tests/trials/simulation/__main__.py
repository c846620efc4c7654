"""`make simulate`: seed after seed for MINUTES, or one SEED again. What fails is told.

`--focus NAME` plays one kind of history alone (focus.py beside this), `--wide` all of them, and `--planted` looks how
soon each planted bug is found.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console

from tests.conftest import servers_of_the_run, start_servers
from tests.trials.planted.find import steps_to_find
from tests.trials.planted.mutations import MUTATIONS
from tests.trials.simulation.focus import DEFAULT, FOCUS, WIDE, Playing
from tests.trials.simulation.machine import Seen
from tests.trials.simulation.moves import table
from tests.trials.simulation.run import STEPS, simulate
from tests.trials.simulation.stage import Stage, a_stage

_EXAMPLES: Final = 50  # of one seed


def main() -> int:
    """Exit status 0 only if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.trials.simulation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None, help="Run this seed alone, again.")
    parser.add_argument("--steps", type=int, default=STEPS, help="Steps of one example at most.")
    parser.add_argument("--wide", action="store_true", help="Play all kinds of history, as without --focus.")
    parser.add_argument("--focus", choices=FOCUS, default=None, help="Play this kind of history in every example.")
    parser.add_argument(
        "--planted", nargs="?", const="", help="Plant each bug whose name has this in it, or every one."
    )
    asked = parser.parse_args()
    playing = FOCUS[asked.focus] if asked.focus else WIDE if asked.wide else DEFAULT
    how = _How(playing, asked.steps)
    with tempfile.TemporaryDirectory(prefix="estorno-simulation-") as home:
        os.chmod(home, 0o711)  # noqa: S103 - the servers' user must come through, and see nothing
        children = start_servers(Path(home))
        try:
            if asked.planted is not None:
                return _plant_all(asked.planted)
            with a_stage(servers_of_the_run()) as stage:
                return _run(stage, asked.minutes, asked.seed, how)
        finally:
            for child in reversed(children):
                child.stop()


class _How(NamedTuple):
    playing: Playing
    steps: int


def _plant_all(named: str) -> int:
    console, missed = Console(), 0
    for mutation in (one for one in MUTATIONS if named in one.name):
        try:
            steps = steps_to_find(servers_of_the_run(), mutation)
            told = "NOT FOUND" if steps is None else f"found in {steps} steps"
        except Exception as other:  # the others are looked for all the same
            steps, told = None, f"SOMETHING ELSE: {type(other).__name__}: {other}"
        missed += steps is None
        console.print(f"{mutation.name}: {told}", markup=False)
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
            f"seed {failed} FAILS; --seed {failed}, with the same options, plays it again, as short as can be"
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
        simulate(stage, seed, _EXAMPLES, seen, steps=how.steps, shrink=shrink, playing=how.playing)
    except Exception:  # whatever was found, it is told and can be played again
        console.print(traceback.format_exc(), markup=False, highlight=False)
        return seed
    return None


if __name__ == "__main__":
    sys.exit(main())
