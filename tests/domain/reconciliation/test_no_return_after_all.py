"""A report told that a refund came back, and its revised form tells it no longer: the money has left after all."""

import pytest

from domain import invariants
from domain.models import Event, Finding, Payment, Refund
from domain.money import Money
from domain.payments import register
from domain.pse import registry
from domain.pse.vocabulary import Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night

pytestmark = pytest.mark.usefixtures("books")


async def _left() -> tuple[Shop, Payment, Refund]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    await a_night(shop, a_line(payment, "REFUND", 4_000, reference=refund.reference))
    return shop, payment, refund


async def _refundable(payment: Payment) -> Money:
    return register.refundable(await Payment.get(id=payment.id))


async def test_what_a_revised_report_says_did_not_come_back_cannot_be_refunded_again() -> None:
    shop, payment, refund = await _left()
    back = a_line(payment, "REFUND", 4_000, "RETURNED", reference=refund.reference)
    seen = []
    for lines in ([back], [], [], [back], [back], []):
        await a_night(shop, *lines, days=1)
        assert await invariants.check() == []
        seen.append((await _refundable(payment)).minor_units)
    assert seen == [10_000, 6_000, 6_000, 10_000, 10_000, 6_000]
    assert await Finding.filter(kind="CONTRADICTION", resolved_at=None).count() == 1
    assert await Event.filter(refund_id=refund.id, code="PAID_AFTER_END").count() == 2


async def test_what_the_pse_itself_said_came_back_has_come_back_whatever_a_report_drops() -> None:
    shop, payment, refund = await _left()
    await record(refund.id, Returned("BACK", "It came back.", "one"), Source(Door.NOTICE), CAUSE)
    await a_night(shop, a_line(payment, "REFUND", 4_000, "RETURNED", reference=refund.reference), days=1)
    await a_night(shop, days=1)
    assert (await _refundable(payment)).minor_units == 10_000


async def test_a_file_whose_newest_row_stands_first_tells_of_a_return_before_its_leaving() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    rows = [a_line(payment, "REFUND", 7_000, state, pse_refund_reference="T") for state in ("RETURNED", "SUCCEEDED")]
    for _ in range(2):
        await a_night(shop, *rows)
        assert await invariants.check() == []
        assert (await _refundable(payment)).minor_units == 10_000
