"""Before the first refund of a payment leaves, its PSE is asked whether there is such a payment."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Call, Event, Finding, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.notices import inbox
from domain.payments import confirmations, listed_payments, register, withdrawals
from domain.payments.confirmations import ConfirmedBy
from domain.problems import AmountExceedsRefundable, InvalidInput, InvalidState, NotRefundable, PaymentContradicted
from domain.pse.capabilities import LookUp, Route
from domain.pse.vocabulary import CapturedPayment, DestinationKind, Method, Shown, WebhookRequest
from domain.refunds import by_hand, confirming, next_step, withdraw
from domain.refunds.destination.destinations import Given
from domain.refunds.work import AskPayment
from jobs import refunds
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_key, a_payment, a_person, a_refund, a_yes
from tests.kit.lab_connector import Lab
from tests.kit.lines import Telling, a_line, a_night
from tests.kit.world import Lay, World
from tests.sandbox.lab.server import signature

PIX_KEY = Given(
    DestinationKind.PIX_KEY,
    {"pix_key": "529.982.247-25", "holder_name": "Ana Lima", "holder_tax_id": "529.982.247-25"},
)


@pytest.fixture
async def shop_at_lab(lay: Lay) -> World:
    return await lay(Lab(payment_look_up=True))


async def _asked(payment: Payment) -> int:
    """How often the PSE was asked for the payment: every call is written down."""
    mine = await Refund.filter(payment_id=payment.id).values_list("id", flat=True)
    return await Call.filter(purpose="PAYMENT", refund_id__in=list(mine)).count()


async def _ended(refund: Refund) -> tuple[State, str | None]:
    now = await Refund.get(id=refund.id)
    return now.state, now.failure_code


async def _unknown_longer_ago(owner_rows: OwnerRows) -> None:
    await owner_rows("UPDATE payments SET unknown_since = unknown_since - interval '1 hour'")


async def test_a_payment_that_the_pse_knows_is_asked_for_once_and_its_refund_leaves_at_once(
    shop_at_lab: World,
) -> None:
    payment = await shop_at_lab.payment(confirmed=False)
    refund = await shop_at_lab.step(await a_refund(shop_at_lab.shop, payment, 4_000))
    assert refund.state is State.SUCCEEDED
    await payment.refresh_from_db()
    assert (payment.confirmed_by, payment.contradicted_at) == ("PSE", None)
    await shop_at_lab.step(await a_refund(shop_at_lab.shop, payment, 1_000))
    assert await _asked(payment) == 1
    assert await shop_at_lab.sandbox.paid(payment.pse_reference) == 5_000


async def test_a_payment_that_the_pse_does_not_know_is_believed_to_be_none_after_the_grace_and_never_paid(
    shop_at_lab: World, owner_rows: OwnerRows
) -> None:
    world = shop_at_lab
    payment = await a_payment(world.shop, reference="lab-that-never-was", confirmed=False)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.REQUESTED  # "unknown" is not "never": it is asked again
    assert [one.code for one in await Event.filter(refund_id=refund.id, kind="HELD")] == ["PAYMENT_UNKNOWN_YET"]
    await _unknown_longer_ago(owner_rows)
    await world.step(refund)
    assert await _ended(refund) == (State.FAILED, "PAYMENT_UNKNOWN")
    await payment.refresh_from_db()
    assert (payment.reserved, payment.refunded, payment.confirmed_at) == (0, 0, None)
    assert payment.contradicted_at is not None
    assert [one.kind for one in await Finding.filter(resolved_at=None)] == ["PAYMENT_UNKNOWN"]
    assert await world.sandbox.get("log") == await world.sandbox.get("log") | {"movements": []}
    assert await invariants.check() == []


@pytest.mark.parametrize(
    ("at_pse", "said"),
    [
        ({"currency": "MXN"}, "it is of MXN 100.00, and BRL 100.00 was registered"),
        ({"method": "BOLETO"}, "it was paid by BOLETO, and PIX was registered"),
        ({"uncaptured": True}, "it is not captured (open)"),
    ],
    ids=["another currency", "another method", "not captured"],
)
async def test_a_payment_that_is_another_at_the_pse_fails_its_refund_before_anything_is_sent(
    shop_at_lab: World, owner_rows: OwnerRows, at_pse: dict[str, Any], said: str
) -> None:
    payment = await shop_at_lab.payment(confirmed=False, at_pse=at_pse)
    refund = await shop_at_lab.step(await a_refund(shop_at_lab.shop, payment, 4_000))
    if "uncaptured" in at_pse:  # a capture may be shown a second late, too
        assert (refund.state, refund.failure_code) == (State.REQUESTED, None)
        assert [one.code for one in await Event.filter(refund_id=refund.id, kind="HELD")] == ["PAYMENT_DIFFERS_YET"]
        await _unknown_longer_ago(owner_rows)
        refund = await shop_at_lab.step(refund)
    assert await _ended(refund) == (State.FAILED, "PAYMENT_DIFFERS")
    assert said in (refund.failure_message or "")
    assert await shop_at_lab.sandbox.refund_requests(payment.pse_reference) == 0
    await payment.refresh_from_db()
    assert (payment.reserved, said in (payment.contradiction or "")) == (0, True)
    with pytest.raises(PaymentContradicted, match=r"paymentWithdraw.*paymentAskAgain"):
        await a_refund(shop_at_lab.shop, payment, 4_000)
    assert register.refundable(payment).minor_units == 0
    assert await invariants.check() == []


async def test_more_registered_than_was_captured_leaves_up_to_what_was_captured_and_not_beyond(
    shop_at_lab: World,
) -> None:
    world = shop_at_lab
    payment = await world.payment(confirmed=False, at_pse={"amount": 5_000})
    beyond, within = await a_refund(world.shop, payment, 6_000), await a_refund(world.shop, payment, 4_000)
    for refund in (beyond, within):
        await world.step(refund)
    assert await _ended(beyond) == (State.FAILED, "PAYMENT_DIFFERS")
    assert await _ended(within) == (State.SUCCEEDED, None)
    (found,) = await Finding.filter(resolved_at=None)
    assert (found.kind, "captured BRL 50.00" in found.explanation) == ("PAYMENT_DIFFERS", True)
    await payment.refresh_from_db()
    assert register.refundable(payment).minor_units == 1_000
    with pytest.raises(AmountExceedsRefundable):
        await a_refund(world.shop, payment, 1_001)
    assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
    assert (await world.sandbox.paid(payment.pse_reference), await _asked(payment)) == (5_000, 1)
    assert await invariants.check() == []


async def test_less_registered_than_was_captured_leaves_with_a_finding(shop_at_lab: World) -> None:
    payment = await shop_at_lab.payment(confirmed=False, at_pse={"amount": 30_000})
    refund = await shop_at_lab.step(await a_refund(shop_at_lab.shop, payment, 4_000))
    assert refund.state is State.SUCCEEDED
    (found,) = await Finding.filter(resolved_at=None)
    assert (found.kind, found.payment_id) == ("PAYMENT_DIFFERS", payment.id)


@pytest.mark.parametrize("mood", ["unavailable", "internal", "rate_limited", "bad_gateway", "no_route", "lost_answer"])
async def test_a_pse_that_says_nothing_of_the_payment_holds_the_refund_up_and_never_fails_it(
    shop_at_lab: World, mood: str
) -> None:
    world = shop_at_lab
    await world.sandbox.post("payment-moods", moods=[mood])
    payment = await world.payment(confirmed=False)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert (refund.state, refund.unsent) == (State.REQUESTED, 1)
    assert refund.due_at is not None
    assert [one.code for one in await Event.filter(refund_id=refund.id, kind="HELD")] == ["PAYMENT_UNCONFIRMED"]
    await payment.refresh_from_db()
    assert (payment.confirmed_at, payment.contradicted_at, payment.unknown_since) == (None, None, None)
    await asyncio.sleep(world.sender.rest(world.shop.connection.id))
    assert (await world.finish(refund)).state is State.SUCCEEDED


async def test_a_pse_that_is_down_for_hours_calls_a_person_and_the_refund_leaves_when_it_is_up(
    shop_at_lab: World, owner_rows: OwnerRows
) -> None:
    world = shop_at_lab
    await world.sandbox.post("payment-moods", moods=["rate_limited"])
    payment = await world.payment(confirmed=False)
    refund = await a_refund(world.shop, payment, 4_000)
    await owner_rows("UPDATE refunds SET unsent = 8 WHERE id = $1", refund.id)  # as after hours of the schedule
    await world.step(refund)
    assert [one.kind for one in await Finding.filter(resolved_at=None)] == ["NOT_SENT"]
    await asyncio.sleep(world.sender.rest(world.shop.connection.id))
    await world.step(refund)
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await Finding.filter(resolved_at=None).count() == 0


async def test_of_two_refunds_at_once_each_asks_harmlessly_and_both_leave(shop_at_lab: World) -> None:
    world = shop_at_lab
    payment = await world.payment(confirmed=False)
    both = [await a_refund(world.shop, payment, 2_000) for _ in range(2)]
    await asyncio.gather(*(refunds.step(one.id, world.sender, world.settings) for one in both))
    assert [(await world.finish(one)).state for one in both] == [State.SUCCEEDED] * 2
    assert await world.sandbox.paid(payment.pse_reference) == 4_000
    assert await _asked(payment) in (1, 2)


async def test_of_two_refunds_of_no_payment_both_fail_and_the_second_is_not_asked_about(
    shop_at_lab: World, owner_rows: OwnerRows
) -> None:
    world = shop_at_lab
    payment = await world.payment(confirmed=False, at_pse={"currency": "MXN"})
    first, second = [await a_refund(world.shop, payment, 2_000) for _ in range(2)]
    await world.step(first)
    await world.step(second)
    assert [await _ended(one) for one in (first, second)] == [(State.FAILED, "PAYMENT_DIFFERS")] * 2
    assert await _asked(payment) == 1
    assert await invariants.check() == []


async def _question(refund: Refund) -> AskPayment:
    """The worker's claim of a refund whose payment must be asked for first."""
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=1)
    assert isinstance(work, AskPayment), "The payment was not to be asked for."
    return work


async def test_a_refund_that_was_canceled_during_the_question_stays_canceled(shop_at_lab: World) -> None:
    payment = await shop_at_lab.payment(confirmed=False)
    refund = await a_refund(shop_at_lab.shop, payment, 2_000)
    work = await _question(refund)
    await withdraw.cancel(shop_at_lab.shop.id, refund.id, None, a_key(), CAUSE)
    other = Shown(frozenset(), Money(1, "MXN"), "paid", True, frozenset({Method.PIX}))
    await confirming.take_in(work, other)
    now = await Refund.get(id=refund.id)
    assert (now.state, now.due_at) == (State.CANCELED, None)
    await payment.refresh_from_db()
    assert (payment.reserved, payment.contradicted_at is None) == (0, False)
    assert await invariants.check() == []


async def test_an_answer_that_comes_when_another_has_confirmed_the_payment_fails_nothing(shop_at_lab: World) -> None:
    payment = await shop_at_lab.payment(confirmed=False)
    refund = await a_refund(shop_at_lab.shop, payment, 2_000)
    work = await _question(refund)
    await confirmations.confirm(payment.id, ConfirmedBy.WEBHOOK)
    await confirming.take_in(work, Shown(frozenset(), Money(1, "BRL"), "paid", True, frozenset({Method.PIX})))
    assert (await shop_at_lab.step(refund)).state is State.SUCCEEDED


async def test_a_worker_that_dies_between_the_question_and_the_record_does_no_harm(shop_at_lab: World) -> None:
    """The claim is a lease: who comes after it asks again."""
    world = shop_at_lab
    payment = await world.payment(confirmed=False)
    refund = await a_refund(world.shop, payment, 2_000)
    await _question(refund)
    await refunds.step(refund.id, world.sender, world.settings)
    assert await _asked(payment) == 0  # somebody has it in hand
    assert (await world.step(refund)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 2_000


async def test_a_suspended_connection_is_asked_nothing(shop_at_lab: World, owner_rows: OwnerRows) -> None:
    world = shop_at_lab
    payment = await world.payment(confirmed=False)
    refund = await a_refund(world.shop, payment, 2_000)
    await owner_rows("UPDATE connections SET state = 'SUSPENDED' WHERE id = $1", world.shop.connection.id)
    await world.step(refund)
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED
    assert await _asked(payment) == 0


async def test_a_payment_of_the_listing_and_one_that_the_listing_repeats_need_no_question(
    shop_at_lab: World,
) -> None:
    world = shop_at_lab
    mine = await world.payment(confirmed=False)
    other = await world.payment(confirmed=False, at_pse={"amount": 5_000})
    new = await world.sandbox.capture(7_000)
    names = ((mine.pse_reference, 10_000), (other.pse_reference, 5_000), (new, 7_000))
    now = datetime.now(UTC)
    listed = [CapturedPayment(name, Method.PIX, Money(amount, "BRL"), now) for name, amount in names]
    (made,) = await listed_payments.register(world.shop.connection, listed, "night")
    known = {one.pse_reference: one.confirmed_by for one in await Payment.all()}
    assert known == {mine.pse_reference: "LISTING", other.pse_reference: None, new: "LISTING"}
    for payment in (mine, await Payment.get(id=made)):
        assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
        assert await _asked(payment) == 0


async def test_a_payment_that_a_report_proves_needs_no_question(lay: Lay) -> None:
    world = await lay(Telling(payment_look_up=True))
    proven, in_part = [await world.payment(confirmed=False) for _ in range(2)]
    await a_night(world.shop, a_line(proven, "CAPTURE", 10_000), a_line(in_part, "CAPTURE", 9_000))
    for payment in (proven, in_part):
        assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
    assert [await _asked(one) for one in (proven, in_part)] == [0, 1]
    assert [(await Payment.get(id=one.id)).confirmed_by for one in (proven, in_part)] == ["REPORT", "PSE"]


async def test_a_signed_webhook_of_the_capture_confirms_first_and_only_what_was_registered(
    shop_at_lab: World,
) -> None:
    world = shop_at_lab
    mine, other = [await world.payment(confirmed=False) for _ in range(2)]
    for payment, amount in ((mine, 10_000), (other, 9_999)):
        told = {"status": "captured", "payment": payment.pse_reference, "amount": amount}
        body = json.dumps({"events": [{**told, "currency": "BRL", "method": "PIX"}]}).encode()
        request = WebhookRequest("POST", "/", "", {"x-lab-signature": signature(body)}, body)
        assert await inbox.store(world.shop.connection.id, request, "request-of-the-webhook", KEY)
        await world.apply_notices()
        await world.step(await a_refund(world.shop, payment, 1_000))
    assert [await _asked(one) for one in (mine, other)] == [0, 1]
    assert [(await Payment.get(id=one.id)).confirmed_by for one in (mine, other)] == ["WEBHOOK", "PSE"]


async def test_a_payment_registered_twice_is_one_and_after_it_is_corrected_it_is_asked_for_anew(
    shop_at_lab: World,
) -> None:
    world = shop_at_lab
    payment = await world.payment(confirmed=False, at_pse={"currency": "MXN"})
    right: dict[str, Any] = {"reference": payment.pse_reference, "currency": "MXN", "confirmed": False}
    with pytest.raises(InvalidInput, match="registered on the connection already"):
        await a_payment(world.shop, **right)
    await world.step(await a_refund(world.shop, payment, 2_000))
    admin = a_person(world.shop, "Ana", Role.ADMIN)
    assert await Finding.filter(resolved_at=None).count() == 1
    await withdrawals.withdraw(admin, payment.id, "The currency was wrong.", a_key(), CAUSE)
    assert await Finding.filter(resolved_at=None).count() == 0
    true = await a_payment(world.shop, **right)
    assert (await world.step(await a_refund(world.shop, true, 2_000))).state is State.SUCCEEDED
    with pytest.raises(NotRefundable):
        await a_refund(world.shop, payment, 1_000)
    with pytest.raises(InvalidState):
        await confirmations.ask_again(admin, payment.id, CAUSE)


async def test_a_person_has_the_pse_asked_again_and_the_finding_ends_when_it_confirms(
    shop_at_lab: World, owner_rows: OwnerRows
) -> None:
    world = shop_at_lab
    payment = await a_payment(world.shop, reference="lab-that-comes-late", confirmed=False)
    await world.step(await a_refund(world.shop, payment, 2_000))
    await _unknown_longer_ago(owner_rows)
    await world.step((await Refund.all())[0])
    admin = a_person(world.shop, "Ana", Role.ADMIN)
    await confirmations.ask_again(admin, payment.id, CAUSE)
    assert await Finding.filter(resolved_at=None).count() == 1
    await world.sandbox.capture(10_000, reference="lab-that-comes-late")
    assert (await world.step(await a_refund(world.shop, payment, 2_000))).state is State.SUCCEEDED
    assert await Finding.filter(resolved_at=None).count() == 0
    await payment.refresh_from_db()
    assert (payment.confirmed_by, payment.contradiction, payment.unknown_since) == ("PSE", None, None)


async def test_no_payment_by_hand_before_the_pse_knows_the_payment(lay: Lay) -> None:
    lab = Lab(payment_look_up=True, route=Route.PAYOUT_WITH_DESTINATION, look_up=LookUp.NONE)
    world = await lay(lab)
    facts: dict[str, Any] = {"tax_id": "529.982.247-25", "confirmed": False}
    real, invented = await world.payment(**facts), await world.payment(at_pse={"amount": 1}, **facts)
    clerk = a_person(world.shop, "Bia", Role.ADMIN)
    for payment, ends in ((real, State.MANUAL), (invented, State.FAILED)):
        refund = await a_yes(world.shop, await a_refund(world.shop, payment, 2_000, given=PIX_KEY))
        with pytest.raises(InvalidState, match="asked first"):
            await by_hand.take(clerk, refund.id, "The customer is waiting.", CAUSE)
        assert (await world.step(refund)).state is ends


async def test_a_pse_that_cannot_be_asked_is_asked_nothing_and_a_second_person_is(lay: Lay) -> None:
    world = await lay(Lab())
    payment = await world.payment(confirmed=False, at_pse={"amount": 20_000})
    refund = await a_refund(world.shop, payment, 1_000)
    assert refund.state is State.AWAITING_APPROVAL  # nobody but the client says that there is such a payment
    assert (await world.step(await a_yes(world.shop, refund))).state is State.SUCCEEDED
    await payment.refresh_from_db()
    assert (payment.confirmed_at, await _asked(payment)) == (None, 0)
