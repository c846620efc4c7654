"""Reports that name the order alone: what they told counts from the moment that one payment has the order."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from domain import invariants
from domain.models import Payment, SettlementLine
from domain.money import Money
from domain.payments import listed_payments
from domain.pse import registry
from domain.pse.vocabulary import CapturedPayment, Method
from domain.reconciliation import to_repeat
from tests.kit.factories import Shop, a_payment, a_refund, a_shop
from tests.kit.lines import Telling, a_line, a_night, effects, today

pytestmark = pytest.mark.usefixtures("books")
ORDER = "order-9"


async def _shop() -> tuple[Shop, Payment]:
    """A shop, and another payment of it, of no order."""
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


def _of_order(other: Payment, kind: str = "REFUND", /, **more: Any) -> dict[str, Any]:
    line = a_line(other, kind, 4_000, **{"reference": "panel", **more})
    return {**line, "payment_reference": None, "order_reference": ORDER}


async def _registered(shop: Shop, **more: Any) -> Payment:
    payment = await a_payment(shop, amount=20_000, order=ORDER, days_ago=0, **more)
    return await Payment.get(id=payment.id)


async def test_what_left_of_the_order_is_booked_when_its_payment_is_registered_and_proven_by_the_next_night() -> None:
    shop, other = await _shop()
    line = _of_order(other)
    await a_night(shop, line)
    payment = await _registered(shop)
    assert payment.taken_by_bank == 4_000
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await a_night(shop, line)
    assert await to_repeat.dates(shop.connection.id) == set()
    assert (await effects(), (await SettlementLine.get(voided_at=None)).payment_id) == (["TAKEN"], payment.id)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (4_000, [])


async def test_a_chargeback_of_the_order_counts_too() -> None:
    shop, other = await _shop()
    line = _of_order(other, "CHARGEBACK", reference="dispute-1")
    await a_night(shop, line)
    payment = await _registered(shop)
    assert payment.charged_back == 4_000
    await a_night(shop, line)
    assert ((await Payment.get(id=payment.id)).charged_back, await invariants.check()) == (4_000, [])


@pytest.mark.parametrize("kind", ["REFUND", "CHARGEBACK"])
async def test_a_listed_payment_takes_it_in_when_the_merchant_tells_its_order(kind: str) -> None:
    shop, other = await _shop()
    await a_night(shop, _of_order(other, kind))
    found = CapturedPayment("P-1", Method.PIX, Money(20_000, "BRL"), datetime.now(UTC), None, None)
    (payment_id,) = await listed_payments.register(shop.connection, [found], "listing")
    assert (await Payment.get(id=payment_id)).taken_by_bank == 0
    payment = await _registered(shop, reference="P-1")
    assert (payment.id, payment.taken_by_bank + payment.charged_back) == (payment_id, 4_000)
    assert await to_repeat.dates(shop.connection.id) == {today()}
    assert await invariants.check() == []


async def test_a_line_that_may_be_of_a_refund_of_ours_is_left_to_the_night() -> None:
    shop, other = await _shop()
    found = CapturedPayment("P-1", Method.PIX, Money(20_000, "BRL"), datetime.now(UTC), None, None)
    (payment_id,) = await listed_payments.register(shop.connection, [found], "listing")
    refund = await a_refund(shop, await Payment.get(id=payment_id), 3_000)
    line = {**_of_order(other, reference=refund.reference), "amount": 3_000}
    await a_night(shop, line)
    assert (await _registered(shop, reference="P-1")).taken_by_bank == 0
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await a_night(shop, line)
    payment = await Payment.get(id=payment_id)
    assert (payment.refunded, payment.taken_by_bank, await invariants.check()) == (3_000, 0, [])


@pytest.mark.parametrize("named", ["payment_reference", "payment_alias"])
async def test_the_order_helps_no_line_that_names_a_payment(named: str) -> None:
    shop, other = await _shop()
    await a_night(shop, {**_of_order(other), named: "P-unknown"})
    assert (await _registered(shop)).taken_by_bank == 0


async def test_where_two_payments_have_the_order_nothing_is_taken_in() -> None:
    shop, other = await _shop()
    await a_night(shop, _of_order(other))
    await a_payment(shop, order=ORDER, currency="USD", days_ago=0)  # not its money, and no proof of whose it is
    second = await _registered(shop)
    assert (second.taken_by_bank, await to_repeat.dates(shop.connection.id)) == (0, set())


async def test_the_same_report_may_tell_of_another_payment_of_the_order() -> None:
    shop, other = await _shop()
    capture = {**a_line(other, "CAPTURE", 20_000), "payment_reference": "P-unknown", "order_reference": ORDER}
    await a_night(shop, capture, _of_order(other))
    assert (await _registered(shop)).taken_by_bank == 0


async def test_payments_of_one_order_that_are_registered_at_once_take_it_in_once() -> None:
    shop, other = await _shop()
    await a_night(shop, _of_order(other))
    both = await asyncio.gather(*(_registered(shop) for _ in range(2)))
    assert sum(payment.taken_by_bank for payment in both) == 4_000


async def test_a_report_that_is_stored_while_the_payment_is_registered_is_repeated() -> None:
    shop, other = await _shop()
    line = _of_order(other)
    await asyncio.gather(a_night(shop, line), _registered(shop))
    for _ in await to_repeat.dates(shop.connection.id):
        await a_night(shop, line)
    payment = await Payment.get(order_reference=ORDER)
    assert (payment.taken_by_bank, await invariants.check()) == (4_000, [])
