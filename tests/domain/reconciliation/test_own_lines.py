"""A nameless line that was given to a refund of ours, and then the refund's own line comes: they are two monies."""

from typing import Any

import pytest

from domain import invariants
from domain.models import Payment
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from domain.reconciliation import to_repeat
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, today

pytestmark = pytest.mark.usefixtures("books")


async def _shop() -> tuple[Shop, Payment, str]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=20_000, days_ago=0)
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Succeeded("p1"))
    return shop, payment, refund.reference


def _nameless(payment: Payment) -> dict[str, Any]:
    return a_line(payment, "REFUND", 3_000, by_amount=True, reference="n1")


def _own(payment: Payment, name: str, kind: str = "refund") -> dict[str, Any]:
    return a_line(payment, "REFUND", 3_000, reference=name, kind=kind)


async def _taken(payment: Payment) -> int:
    return int((await Payment.get(id=payment.id)).taken_by_bank)


async def _repeat(shop: Shop, *days: list[dict[str, Any]]) -> None:
    """Repeat the nights that are wanted again, until none is."""
    for _ in range(3):
        for day in sorted(await to_repeat.dates(shop.connection.id)):
            await a_night(shop, *days[(day - today()).days], days=(day - today()).days)
    assert await to_repeat.dates(shop.connection.id) == set()


async def test_the_own_line_of_a_refund_makes_the_nameless_one_that_it_was_given_other_money() -> None:
    shop, payment, name = await _shop()
    days = [[_nameless(payment)], [_own(payment, name)]]
    await a_night(shop, *days[0])
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (0, -3_000)
    await a_night(shop, *days[1], days=1)
    assert await _taken(payment) == 3_000, "before the date is repeated, nobody may refund it"
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await _repeat(shop, *days)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (3_000, -6_000)
    assert (await open_findings(), await invariants.check()) == (["MISSING_IN_LEDGER"], [])


async def test_it_is_other_money_in_every_report_that_tells_of_it() -> None:
    shop, payment, name = await _shop()
    days = [[_nameless(payment)], [_nameless(payment)], [_own(payment, name)]]
    for number, lines in enumerate(days):
        await a_night(shop, *lines, days=number)
    await _repeat(shop, *days)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (3_000, -6_000)
    assert await invariants.check() == []


async def test_the_own_line_in_another_kind_of_report_is_the_same_money() -> None:
    shop, payment, name = await _shop()
    days = [[_nameless(payment)], [_own(payment, name, "withdrawal")]]
    for number, lines in enumerate(days):
        await a_night(shop, *lines, days=number)
    await _repeat(shop, *days)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (0, -3_000)
    assert await invariants.check() == []


async def test_a_line_by_amount_that_has_the_refunds_name_is_no_other_money() -> None:
    shop, payment, name = await _shop()
    by_name = a_line(payment, "REFUND", 3_000, by_amount=True, pse_refund_reference="p1", reference=None)
    days = [[by_name], [_own(payment, name)]]
    for number, lines in enumerate(days):
        await a_night(shop, *lines, days=number)
    await _repeat(shop, *days)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (0, -3_000)
