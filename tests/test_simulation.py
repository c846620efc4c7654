"""The seeded run of the simulation: whatever happens in whatever order, nothing is paid twice and nothing is lost."""

from tests.conftest import Servers
from tests.simulation.machine import Seen
from tests.simulation.run import simulate
from tests.simulation.stage import a_stage

_SEED = 20_260_301
_EXAMPLES = 150


def test_whatever_happens_nothing_is_paid_twice_and_nothing_is_lost(servers: Servers) -> None:
    seen = Seen()
    with a_stage(servers) as stage:
        simulate(stage, _SEED, _EXAMPLES, seen, shrink=False)
    print(seen.examples, seen.steps, seen.moves)
