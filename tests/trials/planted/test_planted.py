"""The simulation bites: each planted bug is found within so many steps."""

from contextlib import nullcontext

import pytest

from tests.conftest import Servers
from tests.trials.planted.find import STEPS_MAX, steps_to_find
from tests.trials.planted.mutations import MUTATIONS
from tests.trials.planted.plant import Edit, Mutation, SourceChanged, planted
from tests.trials.simulation.machine import RefundMachine, Seen
from tests.trials.simulation.run import simulate
from tests.trials.simulation.stage import a_stage
from tests.trials.simulation.truth import Violation

_OF_THE_GATE = [mutation for mutation in MUTATIONS if mutation.gate]


@pytest.mark.parametrize("mutation", _OF_THE_GATE, ids=lambda mutation: mutation.name)
def test_the_simulation_finds(servers: Servers, mutation: Mutation) -> None:
    steps = steps_to_find(servers, mutation)
    assert steps is not None, "The simulation does not see it."
    assert steps <= STEPS_MAX


@pytest.mark.parametrize("bug", [True, False])
def test_a_request_that_is_written_although_the_payment_has_changed_is_seen_in_a_story_told_by_hand(
    servers: Servers, bug: bool
) -> None:
    """By chance the simulation comes to it after a thousand steps (`make planted`)."""
    (mutation,) = (one for one in MUTATIONS if one.name == "written although the payment has changed")
    with a_stage(servers) as stage, planted(mutation) if bug else nullcontext():
        for statement in mutation.without:
            stage.run(stage.hand.execute(statement))
        told = RefundMachine(stage, Seen())
        told.open(kind=0, captured=7_000, tax=0, amount=1, kill=None, drawn=set())
        with pytest.raises(Violation, match=mutation.found) if bug else nullcontext():
            for pause in range(1, 9):  # one looks, and stands still after so many statements; the other one writes
                told.request_twice(pick=1, pause=pause, amounts=(6_000, 6_000))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_mutation_fits_the_code_as_it_is(mutation: Mutation) -> None:
    with planted(mutation):
        pass


def test_a_mutation_of_code_that_has_changed_fails_loudly() -> None:
    changed = Mutation("gone", "", (Edit(simulate, "this is not in its source", ""),))
    with pytest.raises(SourceChanged), planted(changed):
        pass
