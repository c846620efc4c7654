"""Looking for a planted bug: how soon the simulation says what it is said to say."""

import re
from typing import Final

from tests.conftest import Servers
from tests.kit.drawn import draw_from_no_source
from tests.trials.planted.plant import Mutation, planted
from tests.trials.simulation.focus import FOCUS
from tests.trials.simulation.machine import Seen
from tests.trials.simulation.run import simulate
from tests.trials.simulation.stage import a_stage
from tests.trials.simulation.truth import Violation

STEPS_MAX: Final = 2_000
_STEPS: Final = 15  # short lives, but many
_STEPS_OF_THEMES: Final = 20


def steps_to_find(servers: Servers, mutation: Mutation) -> int | None:
    """The steps that it took; None: it was not found. Raises Violation for what it was not looking for."""
    draw_from_no_source()
    seen, playing = Seen(), FOCUS[mutation.focus]
    steps = _STEPS_OF_THEMES if playing.themes else _STEPS
    with a_stage(servers) as stage, planted(mutation):
        for statement in mutation.without:
            stage.run(stage.hand.execute(statement))
        try:
            simulate(stage, mutation.seed, STEPS_MAX // steps, seen, steps=steps, shrink=False, playing=playing)
        except Violation as found:
            if re.search(mutation.found, str(found)) is None:
                raise
            return seen.steps
    return None
