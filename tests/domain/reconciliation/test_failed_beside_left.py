"""A refund of nobody's that one report tells to have left and to have failed: it came back, in whatever order."""

from typing import Any

import pytest

from domain import invariants
from domain.models import Payment, SettlementLine
from domain.pse import registry
from tests.kit.factories import a_payment, a_shop
from tests.kit.lines import Telling, a_line, a_night

pytestmark = pytest.mark.usefixtures("books")


@pytest.mark.parametrize("named", [{"pse_refund_reference": "R3"}, {"reference": "R3", "by_amount": True}])
@pytest.mark.parametrize("states", [("FAILED", "SUCCEEDED"), ("SUCCEEDED", "FAILED")])
async def test_it_left_and_came_back_and_is_read_again_as_the_same(
    states: tuple[str, str], named: dict[str, Any]
) -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=20_000, days_ago=0, reference="pi_1")
    both = [a_line(payment, "REFUND", 2_000, state, **named) for state in states]
    another = a_line(payment, "REFUND", 500, pse_refund_reference="R9")
    # What another report tells has nothing to do with it, and makes the first one be matched anew.
    for name, lines, taken in (("one", both, 0), ("one", both, 0), ("two", [another], 500), ("one", both, 500)):
        await a_night(shop, *lines, days=-1, name=name)
        assert (await Payment.get(id=payment.id)).taken_by_bank == taken
        assert await invariants.check() == []
    told = await SettlementLine.filter(amount=2_000, voided_at=None)
    assert {(one.state, one.effect) for one in told} == {("SUCCEEDED", "TAKEN"), ("FAILED", "TAKEN_BACK")}
