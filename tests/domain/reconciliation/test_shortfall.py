"""Two equal monies of which one stood in for the other: both are booked, or what is left could be refunded twice."""

from typing import Any

import pytest

from domain.models import Payment
from domain.pse.vocabulary import Declined
from tests.domain.reconciliation.test_died_unstored import _dies, _shop
from tests.kit.factories import a_refund, an_answer
from tests.kit.lines import a_line, a_night

pytestmark = pytest.mark.usefixtures("books")


def _nameless(payment: Payment, name: str, state: str = "SUCCEEDED") -> dict[str, Any]:
    return a_line(payment, "REFUND", 3_000, state, by_amount=True, reference=name)


async def _taken(payment: Payment) -> int:
    return int((await Payment.get(id=payment.id)).taken_by_bank)


async def test_what_a_night_that_died_had_booked_does_not_stand_in_for_another_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    await _dies(monkeypatch, shop, _nameless(payment, "n1"))
    await a_night(shop, _nameless(payment, "n2"), days=1)
    await a_night(shop, _nameless(payment, "n1"))
    assert await _taken(payment) == 6_000
    await a_night(shop, _nameless(payment, "n2"), days=1)
    assert await _taken(payment) == 6_000


async def test_money_under_our_own_reference_does_not_stand_in_for_somebody_elses_that_is_told_later() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Declined("NO", "no"))
    await a_night(shop, a_line(payment, "REFUND", 3_000, reference=refund.reference))
    await a_night(shop, _nameless(payment, "n1"), days=1)
    assert await _taken(payment) == 6_000


async def test_what_came_back_is_not_booked_again() -> None:
    shop, payment = await _shop()
    await a_night(shop, _nameless(payment, "n1"))
    await a_night(shop, _nameless(payment, "b1", "RETURNED"), days=1)
    await a_night(shop, _nameless(payment, "n2"), days=2)
    assert await _taken(payment) == 3_000
