"""Two equal monies of which one stood in for the other: both are booked, or what is left could be refunded twice."""

from typing import Any

import pytest

from domain import invariants
from domain.cause import Cause
from domain.models import Payment, Refund
from domain.pse.vocabulary import Declined, Succeeded
from domain.reconciliation import to_repeat
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.domain.reconciliation.test_died_unstored import _dies, _shop
from tests.kit.factories import Shop, a_refund, an_answer
from tests.kit.lines import a_line, a_night, open_findings, today

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


def _own(refund: Refund, payment: Payment, kind: str = "refund") -> dict[str, Any]:
    return a_line(payment, "REFUND", 3_000, reference=refund.reference, kind=kind)


async def _failed(shop: Shop, payment: Payment) -> Refund:
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Declined("NO", "no"))
    return refund


async def test_a_nameless_line_before_the_own_line_of_a_refund_that_had_failed_is_other_money() -> None:
    shop, payment = await _shop()
    refund = await _failed(shop, payment)
    for _ in range(2):
        await a_night(shop, _nameless(payment, "n1"))
        await a_night(shop, _own(refund, payment), days=1)
        assert await _taken(payment) == 6_000
    assert await invariants.check() == []


async def test_a_nameless_line_beside_the_own_line_of_a_refund_that_had_failed_is_other_money() -> None:
    shop, payment = await _shop()
    refund = await _failed(shop, payment)
    for _ in range(2):
        await a_night(shop, _nameless(payment, "n1"), _own(refund, payment))
        assert await _taken(payment) == 6_000
    await a_night(shop, _nameless(payment, "n2"), days=1)
    assert await _taken(payment) == 9_000
    assert await open_findings() == ["CONTRADICTION", "MISSING_IN_LEDGER", "MISSING_IN_LEDGER", "STATUS_MISMATCH"]


async def test_a_nameless_line_told_before_the_pses_own_late_news_is_other_money_once_the_own_line_comes() -> None:
    shop, payment = await _shop()
    refund = await _failed(shop, payment)
    await a_night(shop, _nameless(payment, "n1"))
    await record(refund.id, Succeeded("p1"), Source(Door.ANSWER), Cause("webhook-1", "pse"))
    assert await _taken(payment) == 3_000, "until the own line comes, it may be the same money"
    await a_night(shop, _own(refund, payment), days=1)
    assert await _taken(payment) == 6_000


async def test_another_kind_of_report_that_tells_of_the_own_line_without_a_name_tells_of_the_same_money() -> None:
    shop, payment = await _shop()
    refund = await _failed(shop, payment)
    await a_night(shop, _nameless(payment, "n1"), name="other.json")
    await a_night(shop, _own(refund, payment, "withdrawal"), days=1)
    assert await _taken(payment) == 3_000
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await a_night(shop, _nameless(payment, "n1"), name="other.json")
    assert (await to_repeat.dates(shop.connection.id), await _taken(payment)) == (set(), 3_000)


async def test_what_was_booked_once_more_comes_back_by_a_nameless_line() -> None:
    shop, payment = await _shop()
    refund = await _failed(shop, payment)
    await a_night(shop, _nameless(payment, "n1"), _own(refund, payment))
    await a_night(shop, _nameless(payment, "b1", "RETURNED"), days=1)
    assert await _taken(payment) == 3_000
    await a_night(shop, _nameless(payment, "n1"), _own(refund, payment))
    assert await _taken(payment) == 3_000
