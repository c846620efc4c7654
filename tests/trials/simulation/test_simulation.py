"""The seeded run of the simulation: whatever happens in whatever order, nothing is paid twice and nothing is lost."""

from domain.models.refunds import State
from tests.conftest import Servers
from tests.trials.simulation.focus import PLAIN
from tests.trials.simulation.machine import Seen
from tests.trials.simulation.run import simulate
from tests.trials.simulation.stage import a_stage

_SEED = 20_260_301
_EXAMPLES = 5
_OFTEN = {
    (State.REQUESTED, State.SUBMITTED),
    (State.REQUESTED, State.CANCELED),
    (State.SUBMITTED, State.REQUESTED),
    (State.SUBMITTED, State.PENDING),
    (State.SUBMITTED, State.SUCCEEDED),
    (State.SUBMITTED, State.FAILED),
    (State.PENDING, State.SUCCEEDED),
    (State.SUCCEEDED, State.RETURNED),
}


def test_whatever_happens_nothing_is_paid_twice_and_nothing_is_lost(servers: Servers) -> None:
    seen = Seen()
    with a_stage(servers) as stage:
        simulate(stage, _SEED, _EXAMPLES, seen, playing=PLAIN)
    assert seen.examples >= _EXAMPLES
    assert seen.closed, "No month was closed."
    assert set(seen.moves) >= _OFTEN, "The run no longer comes to what it is there for."
