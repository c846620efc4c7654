"""What any server can send, and what must hold whatever it is."""

from collections.abc import Sequence
from dataclasses import replace

import httpx
from hypothesis import strategies as st

from domain.pse.connector import Connector
from domain.pse.vocabulary import Accepted, Declined, InDoubt, Outcome, RefundOrder, Returned, Succeeded, Unsent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
_OUTCOMES = Accepted | Succeeded | Declined | Returned | Unsent | InDoubt


def check_reading(
    wire: Connector, order: RefundOrder, status: int, body: bytes, *, attempt: int, succeeded: bool
) -> Sequence[Outcome]:
    """The answer to the order and to its look-up are read as outcomes, and a server's trouble is never a refusal."""
    asked = replace(order, attempt=attempt, succeeded=succeeded)
    outcomes = [read(asked, httpx.Response(status, content=body)) for read in (wire.read_refund, wire.read_look_up)]
    for outcome in outcomes:
        assert isinstance(outcome, _OUTCOMES)
        assert not isinstance(outcome, Declined) or status < 500
    return outcomes
