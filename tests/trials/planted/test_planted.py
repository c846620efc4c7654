"""The simulation bites: each planted bug is found within so many steps."""

import pytest

from tests.conftest import Servers
from tests.trials.planted.find import STEPS_MAX, steps_to_find
from tests.trials.planted.mutations import MUTATIONS
from tests.trials.planted.plant import Edit, Mutation, SourceChanged, planted
from tests.trials.simulation.run import simulate

_OF_THE_GATE = [mutation for mutation in MUTATIONS if mutation.gate]


@pytest.mark.parametrize("mutation", _OF_THE_GATE, ids=lambda mutation: mutation.name)
def test_the_simulation_finds(servers: Servers, mutation: Mutation) -> None:
    steps = steps_to_find(servers, mutation)
    assert steps is not None, "The simulation does not see it."
    assert steps <= STEPS_MAX


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_mutation_fits_the_code_as_it_is(mutation: Mutation) -> None:
    with planted(mutation):
        pass


def test_a_mutation_of_code_that_has_changed_fails_loudly() -> None:
    changed = Mutation("gone", "", (Edit(simulate, "this is not in its source", ""),))
    with pytest.raises(SourceChanged), planted(changed):
        pass
