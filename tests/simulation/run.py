"""Running the machine: so many examples of so many steps, from one seed."""

from collections.abc import Sequence
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import RefundMachine, Seen
from tests.simulation.stage import Stage
from tests.simulation.wire_rules import WireRules

STEPS: Final = 30


def simulate(
    stage: Stage,
    seed: int,
    examples: int,
    seen: Seen,
    *,
    steps: int = STEPS,
    shrink: bool = True,
    themes: Sequence[str] = (),
) -> None:
    """Raises what the simulation found, told as the shortest story that Hypothesis could make of it.

    `themes`: play the wide histories of these names (tests/simulation/themes.py) instead of the plain ones.
    """

    def machine() -> RefundMachine:
        if not themes:
            return RefundMachine(stage, seen)
        wide = WireRules(stage, seen)
        wide.focus = tuple(themes)
        return wide

    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        report_multiple_bugs=False,
    )
    factory: Any = hypothesis.seed(seed)(machine)  # Hypothesis takes any maker of machines
    run_state_machine_as_test(factory, settings=settings)
