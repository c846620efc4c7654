"""Which moves of the table a run has seen."""

from collections.abc import Mapping
from typing import Final

from rich.table import Table

from domain.models.refunds import State
from domain.refunds.states import MOVES

Move = tuple[State | None, State]

# The simulated PSEs send the money back by themselves, so nothing leads here.
_UNREACHABLE: Final = {State.AWAITING_DESTINATION, State.AWAITING_APPROVAL, State.REJECTED}
REACHABLE: Final = [move for move in MOVES if not _UNREACHABLE & set(move)]


def table(seen: Mapping[Move, int]) -> Table:
    """In how many examples each reachable move was seen."""
    made = Table("from", "to", "examples", title="Moves")
    for move in REACHABLE:
        made.add_row(str(move[0] or "-"), str(move[1]), str(seen[move]) if seen.get(move) else "never")
    return made
