"""The simulation bites: each planted bug is found within so many steps."""

import pytest

from tests.conftest import Servers
from tests.planted.mutations import MUTATIONS
from tests.planted.plant import Edit, Mutation, SourceChanged, planted
from tests.simulation.features import FOCUS
from tests.simulation.machine import Seen
from tests.simulation.run import simulate
from tests.simulation.stage import a_stage
from tests.simulation.truth import Violation

_STEPS_MAX = 2_000
_STEPS = 15  # short lives, but many
_SEED = 1


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_simulation_finds(servers: Servers, mutation: Mutation) -> None:
    seen, playing = Seen(), FOCUS[mutation.focus]
    with a_stage(servers) as stage, planted(mutation):
        for statement in mutation.without:
            stage.run(stage.hand.execute(statement))
        with pytest.raises(Violation, match=mutation.found):
            simulate(stage, _SEED, _STEPS_MAX // _STEPS, seen, steps=_STEPS, shrink=False, playing=playing)
    assert seen.steps <= _STEPS_MAX


def test_a_mutation_of_code_that_has_changed_fails_loudly() -> None:
    changed = Mutation("gone", "", (Edit(simulate, "this is not in its source", ""),))
    with pytest.raises(SourceChanged), planted(changed):
        pass
