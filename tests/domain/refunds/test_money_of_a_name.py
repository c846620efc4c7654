"""Money that was booked as nobody's under a PSE's name that turns out to be a refund's: one money, of its amount."""

import pytest

from domain.access.tokens import Role
from domain.models import Payment, Refund
from domain.problems import InvalidInput
from domain.pse import registry
from domain.pse.vocabulary import Declined, InDoubt, Succeeded
from domain.refunds import by_hand, doubt
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_person, a_refund, a_shop, an_answer, sent_earlier
from tests.kit.lines import Telling, a_line, a_night, open_findings, today

pytestmark = pytest.mark.usefixtures("books")


async def _a_refund() -> tuple[Shop, Payment, Refund]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, days_ago=0)
    return shop, payment, await a_refund(shop, payment, 3_000)


async def _left(payment: Payment) -> tuple[int, int]:
    await payment.refresh_from_db()
    return payment.refunded, payment.taken_by_bank


async def test_people_who_end_a_doubt_cannot_name_money_of_another_amount(owner_rows: OwnerRows) -> None:
    shop, payment, refund = await _a_refund()
    await an_answer(refund, InDoubt("TIMEOUT", "t"))
    await sent_earlier(owner_rows, "10 minutes")
    await a_night(shop, a_line(payment, "REFUND", 5_000, pse_refund_reference="X"))
    ana = a_person(shop, "ana", Role.ADMINISTRATOR)
    with pytest.raises(InvalidInput, match=r"BRL 50.00 left under this name, and the refund is of BRL 30.00"):
        await doubt.resolve(ana, refund.id, doubt.Verdict.PAID, "in the panel as X", CAUSE, "X")


async def test_nor_can_who_paid_by_hand_nor_our_reference_of_another_refund() -> None:
    shop, payment, refund = await _a_refund()
    await a_night(shop, a_line(payment, "REFUND", 5_000, pse_refund_reference="X"))
    other = await a_refund(shop, payment, 1_000)
    ana = a_person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(ana, refund.id, "the PSE is down", CAUSE)
    for name in ("X", other.reference):
        with pytest.raises(InvalidInput, match="look it up again"):
            await by_hand.settle(ana, refund.id, Evidence(Way.PSE_BACK_OFFICE, name, today()), CAUSE)
    assert await _left(payment) == (0, 5_000)


@pytest.mark.parametrize(("revised", "still"), [(5_000, ["AMOUNT_MISMATCH"]), (3_000, [])])
async def test_what_the_pse_itself_calls_so_blocks_both_amounts_and_is_found(revised: int, still: list[str]) -> None:
    shop, payment, refund = await _a_refund()
    await a_night(shop, a_line(payment, "REFUND", 5_000, pse_refund_reference="X"))
    await an_answer(refund, Succeeded("X"))
    assert await _left(payment) == (3_000, 5_000)
    assert await open_findings() == ["AMOUNT_MISMATCH", "MISSING_IN_LEDGER"]
    await a_night(shop, a_line(payment, "REFUND", revised, pse_refund_reference="X"))
    assert await _left(payment) == (3_000, 0)
    assert await open_findings() == still


async def test_a_refund_that_was_paid_after_its_end_takes_one_money_that_of_its_name() -> None:
    shop, payment, refund = await _a_refund()
    await an_answer(refund, Declined("NO", "no"))
    named = a_line(payment, "REFUND", 3_000, pse_refund_reference="re_1")
    await a_night(shop, a_line(payment, "REFUND", 3_000), named)
    assert await _left(payment) == (0, 6_000)
    await record(refund.id, Succeeded("re_1"), Source(Door.LOOK_UP), CAUSE)
    assert await _left(payment) == (0, 6_000)
