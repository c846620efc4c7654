"""Running the machine: so many examples of so many steps, from one seed."""

from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.features import DEFAULT, Playing
from tests.simulation.machine import RefundMachine, Seen
from tests.simulation.stage import Stage

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


def _focused() -> type[RefundMachine]:
    # Hypothesis plays the rules that it finds as attributes of the class.
    return type("FocusedMachine", (RefundMachine,), dict.fromkeys(_ELSEWHERE))


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

    kind = _focused() if playing.all_of_them else RefundMachine

    def machine() -> RefundMachine:
        return kind(stage, seen, playing)

    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=False,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        report_multiple_bugs=False,
    )
    factory: Any = hypothesis.seed(seed)(machine)  # Hypothesis takes any maker of machines
    run_state_machine_as_test(factory, settings=settings)
