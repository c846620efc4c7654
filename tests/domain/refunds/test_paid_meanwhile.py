"""A retry never pays what the refund that it repeats, or somebody in the PSE's back office, has paid after all."""

from uuid import UUID

import pytest

from domain.access.tokens import Role
from domain.models import Event, Finding, Payment, Refund
from domain.money import Money
from domain.payments import unnamed
from domain.problems import InvalidState
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, Declined, InDoubt, KnownRefund, Succeeded
from domain.refunds import by_hand, next_step, schedule, withdraw
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import retry
from domain.refunds.work import Ask, Send, Snapshot
from tests.kit.factories import (
    CAUSE,
    OwnerRows,
    Shop,
    a_key,
    a_payment,
    a_person,
    a_refund,
    a_shop,
    an_answer,
    sent_earlier,
)
from tests.kit.lines import Telling, a_line, a_night

pytestmark = pytest.mark.usefixtures("books")


async def _failed(look_up: LookUp = LookUp.NONE) -> tuple[Shop, Payment, Refund]:
    registry.register(Telling(look_up=look_up))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Declined("NO", "no"))
    return shop, payment, refund


async def _retried(shop: Shop, failed: Refund) -> Refund:
    return (await retry(shop.id, failed.id, a_key(), CAUSE)).refund


async def _due(refund_id: UUID) -> Send | Ask | Snapshot | None:
    return await next_step.take(refund_id, lease_seconds=60, send_seconds=20)


async def _paid_after_its_end(refund: Refund) -> None:
    await record(refund.id, Succeeded("one"), Source(Door.LOOK_UP), CAUSE)


async def test_a_failed_refund_whose_money_left_after_all_is_not_retried_until_it_comes_back() -> None:
    shop, _, failed = await _failed()
    await _paid_after_its_end(failed)
    with pytest.raises(InvalidState, match="may have this money already"):
        await _retried(shop, failed)
    assert await Refund.all().count() == 1
    await record(failed.id, Declined("BACK", "it came back"), Source(Door.LOOK_UP), CAUSE)
    assert (await _retried(shop, failed)).retry_of_id == failed.id


@pytest.mark.parametrize("told", ["line", "listing"])
async def test_what_somebody_paid_by_hand_because_it_had_failed_is_not_retried(told: str) -> None:
    shop, payment, failed = await _failed()
    if told == "line":
        await a_night(shop, a_line(payment, "REFUND", 3_000))
    else:
        panel = KnownRefund("X", "X", Money(3_000, "BRL"), Succeeded("X"), False, "panel", None, None)
        await unnamed.from_listing(payment, [panel], CAUSE)
    with pytest.raises(InvalidState, match="refundCreate"):
        await _retried(shop, failed)


async def test_another_amount_that_somebody_took_hinders_no_retry() -> None:
    shop, payment, failed = await _failed()
    await a_night(shop, a_line(payment, "REFUND", 2_000))
    retried = await _retried(shop, failed)
    assert isinstance(await _due(retried.id), Send)


async def test_a_returned_refund_beside_equal_money_that_stays_gone_is_not_retried() -> None:
    registry.register(Telling(look_up=LookUp.NONE))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Accepted("one"))
    await record(refund.id, Succeeded("one"), Source(Door.NOTICE), CAUSE)
    left, back = a_line(payment, "REFUND", 3_000), a_line(payment, "REFUND", 3_000, "RETURNED")
    own = a_line(payment, "REFUND", 3_000, pse_refund_reference="one")
    for day, line in enumerate([left, back, own]):
        await a_night(shop, line, days=day)
    assert (await Refund.get(id=refund.id)).state == "RETURNED"
    with pytest.raises(InvalidState, match="may have this money already"):
        await _retried(shop, refund)


async def test_a_retry_that_was_not_sent_yet_is_withdrawn_when_the_first_one_was_paid_after_all() -> None:
    shop, payment, failed = await _failed()
    retried = await _retried(shop, failed)
    await _paid_after_its_end(failed)
    assert await _due(retried.id) is None
    now = await Refund.get(id=retried.id)
    assert (now.state, (await Payment.get(id=payment.id)).reserved) == ("CANCELED", 0)
    last = await Event.filter(refund_id=retried.id).order_by("-sequence").first()
    assert last is not None
    assert last.code == "PAID_MEANWHILE"


@pytest.mark.parametrize("look_up", [LookUp.NONE, LookUp.BY_REFERENCE])
async def test_a_retry_that_may_be_at_the_pse_waits_for_a_person_when_the_first_one_was_paid_after_all(
    look_up: LookUp, owner_rows: OwnerRows
) -> None:
    shop, _, failed = await _failed(look_up)
    retried = await _retried(shop, failed)
    await an_answer(retried, InDoubt("TIMEOUT", "no answer"))
    await sent_earlier(owner_rows, "10 minutes")
    await _paid_after_its_end(failed)
    await schedule.postpone(retried.id, 0)
    step = await _due(retried.id)
    if look_up is LookUp.BY_REFERENCE:
        assert isinstance(step, Ask)  # a question pays nobody
        return
    assert step is None
    assert await Finding.exists(kind="DOUBT_UNRESOLVED", refund_id=retried.id, resolved_at=None)


async def test_the_payment_instruction_of_a_retry_is_not_shown_once_the_first_one_was_paid_after_all() -> None:
    shop, _, failed = await _failed()
    retried = await _retried(shop, failed)
    person = a_person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(person, retried.id, "the PSE is down", CAUSE)
    await _paid_after_its_end(failed)
    with pytest.raises(InvalidState, match="may have this money already"):
        await by_hand.instruction(person, retried.id, b"s" * 32, CAUSE)
    assert (await withdraw.cancel(shop.id, retried.id, None, a_key(), CAUSE, settles_manually=True)).refund.state == (
        "CANCELED"
    )
