"""Running the machines: so many examples of so many steps, from one seed."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.trials.simulation.focus import DEFAULT, Playing
from tests.trials.simulation.machine import RefundMachine, Seen
from tests.trials.simulation.stage import Stage
from tests.trials.simulation.wire_rules import WireRules

STEPS: Final = 30
# What a focus leaves out: it is about reports, and these make the wire and people difficult.
_ELSEWHERE: Final = (
    "ask",
    "bank_takes",
    "go_on",
    "late_request",
    "lose",
    "race",
    "request_twice",
    "resolve",
    "work_slowly",
)
_Machine = Callable[[Stage, Seen, Playing], RefundMachine]


def simulate(
    stage: Stage,
    seed: int,
    examples: int,
    seen: Seen,
    *,
    steps: int = STEPS,
    shrink: bool = True,
    playing: Playing = DEFAULT,
) -> None:
    """Raises what the simulation found, told as the shortest story that Hypothesis could make of it."""
    machines = list(_machines(playing))
    settings = hypothesis.settings(
        max_examples=-(-examples // len(machines)),
        stateful_step_count=steps,
        deadline=None,
        derandomize=False,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        report_multiple_bugs=False,
    )
    for machine in machines:
        factory: Any = hypothesis.seed(seed)(partial(machine, stage, seen, playing))  # Hypothesis takes any maker
        run_state_machine_as_test(factory, settings=settings)


def _machines(playing: Playing) -> Iterator[_Machine]:
    """Who plays it: of reports and of the wire, each its own histories."""
    if playing.all_of_them:
        # Hypothesis plays the rules that it finds as attributes of the class.
        yield type("FocusedMachine", (RefundMachine,), dict.fromkeys(_ELSEWHERE))
    elif playing.features or not playing.themes:
        yield RefundMachine
    if playing.themes:
        yield WireRules
