"""A retry never pays what the refund that it repeats, or somebody in the PSE's back office, has paid after all."""

import json
from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

import pytest

from domain.access.tokens import Role
from domain.models import Event, Finding, Notice, Payment, Refund
from domain.money import Money
from domain.payments import chargebacks, unnamed
from domain.problems import InvalidState
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, ChargedBack, Declined, InDoubt, KnownRefund, Method, Returned, Succeeded
from domain.refunds import by_hand, listing, next_step, schedule, withdraw
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import retry
from domain.refunds.work import Ask, Send, Snapshot
from jobs import notices
from jobs.wire.sender import Sender
from tests.kit.factories import (
    CAUSE,
    OwnerRows,
    Shop,
    a_key,
    a_look_up,
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


async def _due(refund_id: UUID) -> next_step.Next | None:
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


async def test_a_retry_that_was_not_sent_yet_waits_while_the_first_one_may_have_been_paid_and_then_goes_out() -> None:
    shop, _, failed = await _failed()
    retried = await _retried(shop, failed)
    await _paid_after_its_end(failed)
    for _ in range(2):
        await schedule.postpone(retried.id, 0)
        assert await _due(retried.id) is None
    assert await Event.filter(refund_id=retried.id, kind="HELD", code="PAID_MEANWHILE").count() == 1
    assert await Finding.exists(kind="NOT_SENT", refund_id=retried.id, resolved_at=None)
    await record(failed.id, Returned("BACK", "it came back"), Source(Door.LOOK_UP), CAUSE)
    await schedule.postpone(retried.id, 0)
    assert isinstance(await _due(retried.id), Send)


async def test_a_held_retry_can_be_canceled_and_its_finding_closes() -> None:
    shop, payment, failed = await _failed()
    retried = await _retried(shop, failed)
    await _paid_after_its_end(failed)
    assert await _due(retried.id) is None
    await withdraw.cancel(shop.id, retried.id, None, a_key(), CAUSE)
    assert (await Payment.get(id=payment.id)).reserved == 0
    assert not await Finding.exists(kind="NOT_SENT", refund_id=retried.id, resolved_at=None)


async def test_the_nameless_line_of_another_refund_of_ours_ends_no_retry() -> None:
    shop, payment, failed = await _failed(LookUp.BY_REFERENCE)
    other = await a_refund(shop, payment, 3_000)
    await an_answer(other, Accepted("c1"))
    retried = await _retried(shop, failed)
    line = a_line(payment, "REFUND", 3_000)
    await a_night(shop, line)  # told of the other one, before its own news
    assert await _due(retried.id) is None
    await a_look_up(other, Succeeded("c1"))
    await schedule.postpone(retried.id, 0)
    assert isinstance(await _due(retried.id), Send)


@pytest.mark.parametrize("asked_in_vain", [0, 5])
async def test_no_retry_leaves_while_the_pse_is_asked_whether_the_first_one_was_paid_after_all(
    asked_in_vain: int,
) -> None:
    shop, _, failed = await _failed(LookUp.BY_REFERENCE)
    retried = await _retried(shop, failed)
    await record(failed.id, Succeeded("one"), Source(Door.NOTICE), CAUSE)
    for _ in range(asked_in_vain):
        await a_look_up(failed, InDoubt("HTTP_503", "trouble"))
    assert await _due(retried.id) is None
    await a_look_up(failed, Declined("NO", "no"))
    await schedule.postpone(retried.id, 0)
    assert isinstance(await _due(retried.id), Send)


@pytest.mark.parametrize("before", [False, True])
async def test_no_retry_pays_what_the_customers_bank_took_back(before: bool) -> None:
    shop, payment, failed = await _failed()
    retried = None if before else await _retried(shop, failed)
    told = ChargedBack(payment.pse_reference, None, "dp_1", Money(3_000, "BRL"), False)
    await chargebacks.from_notice(payment, told, CAUSE)
    if retried is None:
        with pytest.raises(InvalidState, match="customer's bank"):
            await _retried(shop, failed)
        return
    assert await _due(retried.id) is None


@pytest.mark.parametrize("taken_by", ["bank", "chargeback"])
async def test_nothing_is_sent_of_a_payment_of_which_more_has_left_than_was_captured(taken_by: str) -> None:
    registry.register(Telling(look_up=LookUp.NONE))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    refund = await a_refund(shop, payment)
    if taken_by == "bank":
        med = KnownRefund("X", "X", Money(10_000, "BRL"), Succeeded("X"), True, "MED", None, None)
        await unnamed.from_listing(payment, [med], CAUSE)
    else:
        whole = ChargedBack(payment.pse_reference, None, "dp", Money(10_000, "BRL"), False)
        await chargebacks.from_notice(payment, whole, CAUSE)
    assert await _due(refund.id) is None
    assert await Finding.exists(kind="NOT_SENT", refund_id=refund.id, resolved_at=None)
    with pytest.raises(InvalidState, match="than was captured"):
        await by_hand.take(a_person(shop, "ana", Role.ACCOUNTING), refund.id, "the PSE is down", CAUSE)


async def test_a_signed_webhook_about_the_payment_that_waits_to_be_understood_holds_a_retry() -> None:
    shop = await a_shop(pse="adyen", secrets={"api_key": "k", "hmac_key": "00"})
    payment = await a_payment(shop, amount=8_000, method=Method.CARD, currency="USD", reference="PSP1")
    failed = await a_refund(shop, payment, 3_000)
    await an_answer(failed, Declined("NO", "no"))
    item = {
        "pspReference": "R9",
        "originalReference": "PSP1",
        "merchantAccountCode": "estorno",
        "merchantReference": "order-1",
        "amount": {"value": 3_000, "currency": "USD"},
        "eventCode": "REFUND",
        "success": "true",
    }
    body = json.dumps({"notificationItems": [{"NotificationRequestItem": item}]}).encode()
    webhook = await Notice.create(
        id=uuid4(), connection_id=shop.connection.id, digest="d", body=body, headers={}, request_id="rq",
        received_at=datetime.now(UTC), times_received=1, due_at=datetime.now(UTC), tries=0,
    )  # fmt: skip
    await notices.apply(webhook.id, cast("Sender", None))
    with pytest.raises(InvalidState, match="webhook"):
        await _retried(shop, failed)


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


async def test_a_refund_that_waits_for_anothers_doubt_says_so_when_only_people_can_end_it() -> None:
    registry.register(Telling(look_up=LookUp.BY_LISTING, key_lifetime=None))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    doubtful, waiting = [await a_refund(shop, payment, 3_000) for _ in range(2)]
    for refund in (doubtful, waiting):
        await Refund.filter(id=refund.id).update(known_at=datetime.now(UTC), known_before=[])
    await an_answer(doubtful, InDoubt("ECHO_MISMATCH", "It lists two.", needs_person=True))
    for _ in range(2):
        await schedule.postpone(waiting.id, 0)
        assert await _due(waiting.id) is None
    assert await Event.filter(refund_id=waiting.id, kind="HELD", code="OTHER_IN_DOUBT").count() == 1


async def test_an_order_that_was_held_is_due_at_once_when_what_had_left_turns_out_to_be_another_refunds(
    owner_rows: OwnerRows,
) -> None:
    registry.register(Telling(look_up=LookUp.BY_REFERENCE))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    sent, held = await a_refund(shop, payment, 6_000), await a_refund(shop, payment, 4_000)
    await an_answer(sent, InDoubt("TIMEOUT", "no answer"))
    await a_night(shop, a_line(payment, "REFUND", 6_000, pse_refund_reference="X"))
    assert await _due(held.id) is None
    assert await Event.filter(refund_id=held.id, code="PAID_MEANWHILE").count() == 1
    await sent_earlier(owner_rows, "10 minutes")
    await a_look_up(sent, Succeeded("X"))
    assert isinstance(await _due(held.id), Send)


async def test_an_order_that_waits_for_another_in_doubt_says_so_at_once_and_for_one_under_way_it_does_not() -> None:
    registry.register(Telling(look_up=LookUp.BY_LISTING))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    sent, waiting = await a_refund(shop, payment, 6_000), await a_refund(shop, payment, 4_000)
    assert isinstance(await _due(sent.id), Snapshot)
    await listing.keep_snapshot(sent.id, frozenset(), datetime.now(UTC))
    work = await _due(sent.id)
    assert isinstance(work, Send)
    assert await _due(waiting.id) is None
    assert await Event.filter(refund_id=waiting.id, kind="HELD").count() == 0
    await record(sent.id, InDoubt("TIMEOUT", "no answer"), Source(Door.ANSWER, attempt=work.attempt), CAUSE)
    await schedule.postpone(waiting.id, 0)
    assert await _due(waiting.id) is None
    (event,) = await Event.filter(refund_id=waiting.id, kind="HELD")
    assert (event.code, "the PSE is asked about it" in str(event.message)) == ("OTHER_IN_DOUBT", True)
