"""What a PSE cannot prove of a payment, and what counts no more: a second person says yes, or the PSE is asked anew."""

from datetime import timedelta
from typing import Any

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Call, Connection, Finding, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.onboarding import drafts
from domain.payments import confirmations, withdrawals
from domain.problems import Forbidden, InvalidState
from domain.pse.capabilities import LookUp, Route
from domain.pse.vocabulary import DestinationKind, Method, NotThere, NotTold, Shown, Standing
from domain.refunds import by_hand, confirming, next_step, withdraw
from domain.refunds.approvals import decide
from domain.refunds.destination.destinations import Given
from domain.refunds.work import AskPayment
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_key, a_payment, a_person, a_refund, a_yes
from tests.kit.lab_connector import Lab
from tests.kit.lines import Telling, a_line, a_night
from tests.kit.world import Lay, World

CPF = "529.982.247-25"
GIVEN = Given(DestinationKind.PIX_KEY, {"pix_key": CPF, "holder_name": "Ana Lima", "holder_tax_id": CPF})
OTHER = Shown(frozenset({"x"}), Money(10_000, "MXN"), "paid", True, frozenset({Method.PIX}), "PIX")
YEAR: dict[str, Any] = {"payment_look_up": True, "payment_look_up_age": timedelta(days=365)}
PAID_TO: dict[str, Any] = {"route": Route.PAYOUT_WITH_DESTINATION, "look_up": LookUp.NONE, "payment_look_up": True}


async def _asked(payment: Payment) -> int:
    mine = await Refund.filter(payment_id=payment.id).values_list("id", flat=True)
    return await Call.filter(purpose="PAYMENT", refund_id__in=list(mine)).count()


async def _question(refund: Refund) -> AskPayment:
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=1)
    assert isinstance(work, AskPayment), "The payment was not to be asked for."
    return work


async def _unknown_longer_ago(owner_rows: OwnerRows) -> None:
    await owner_rows("UPDATE payments SET unknown_since = unknown_since - interval '1 hour'")


async def test_a_payment_that_says_it_is_too_old_to_be_shown_is_asked_for_all_the_same(lay: Lay) -> None:
    world = await lay(Lab(**YEAR))
    payment = await world.payment(confirmed=False, days_ago=366, at_pse={"method": "BOLETO"})
    refund = await a_yes(world.shop, await a_refund(world.shop, payment, 2_000))
    refund = await world.step(refund)
    assert (refund.state, refund.failure_code, await _asked(payment)) == (State.FAILED, "PAYMENT_DIFFERS", 1)


async def test_that_a_payment_too_old_is_not_there_proves_nothing_and_a_second_person_decides(
    lay: Lay, owner_rows: OwnerRows
) -> None:
    world = await lay(Lab(**YEAR))
    payment = await a_payment(world.shop, reference="lab-of-old", days_ago=364, confirmed=False)
    refund = await world.step(await a_refund(world.shop, payment, 2_000))
    assert refund.state is State.REQUESTED  # it was asked for a day too early for anybody to be needed
    await owner_rows("UPDATE payments SET captured_at = captured_at - interval '2 days'")
    await _unknown_longer_ago(owner_rows)
    refund = await world.step(refund)
    assert (refund.state, refund.failure_code) == (State.AWAITING_APPROVAL, None)
    assert await invariants.check() == []
    await world.sandbox.capture(10_000, reference="lab-of-old")
    refund = await a_yes(world.shop, refund)
    work = await _question(refund)
    assert (await confirming.take_in(work, NotThere("UNKNOWN", "none"))).due_in == 0
    assert (await world.step(refund)).state is State.SUCCEEDED
    await payment.refresh_from_db()
    assert (payment.confirmed_at, payment.contradicted_at, await Finding.all().count()) == (None, None, 0)


async def test_a_report_proves_an_amount_and_not_how_it_was_paid(lay: Lay) -> None:
    world = await lay(Telling(**PAID_TO))
    payment = await world.payment(confirmed=False, tax_id=CPF, at_pse={"method": "BOLETO"})
    await a_night(world.shop, a_line(payment, "CAPTURE", 10_000))
    refund = await a_yes(world.shop, await a_refund(world.shop, payment, 2_000, given=GIVEN))
    refund = await world.step(refund)
    assert (refund.state, refund.failure_code, await _asked(payment)) == (State.FAILED, "PAYMENT_DIFFERS", 1)


@pytest.mark.parametrize(
    "standing",
    [
        NotThere("4\x00", "no\x00ne \ud800"),
        NotTold("A\x00", "x\x00\ud800"),
        Shown(
            frozenset({"\x00"}), Money(10_000, "BRL"), "\ud800", True, frozenset({Method.BOLETO}), "kl\x00arna\ud800"
        ),
        Shown(frozenset({"x"}), Money(10_000, "BRL"), "pa\x00id", False, frozenset({Method.PIX}), "PIX"),
    ],
    ids=["not there", "not told", "another", "not captured"],
)
async def test_words_that_no_database_holds_stop_no_refund(lay: Lay, owner_rows: OwnerRows, standing: Standing) -> None:
    world = await lay(Lab(payment_look_up=True))
    refund = await a_refund(world.shop, await world.payment(confirmed=False), 2_000)
    work = await _question(refund)
    await owner_rows("UPDATE payments SET unknown_since = now() - interval '1 hour'")
    await confirming.take_in(work, standing)
    assert (await Refund.get(id=refund.id)).state is (
        State.REQUESTED if isinstance(standing, NotTold) else State.FAILED
    )


async def test_what_was_asked_before_it_is_to_be_asked_anew_counts_no_more(lay: Lay) -> None:
    world = await lay(Lab(payment_look_up=True))
    payment = await world.payment(confirmed=False)
    refund = await a_refund(world.shop, payment, 2_000)
    work = await _question(refund)
    await confirmations.ask_again(a_person(world.shop, "Ana", Role.ADMIN), payment.id, CAUSE)
    await confirming.take_in(work, OTHER)
    assert (await world.step(refund)).state is State.SUCCEEDED
    assert await Finding.all().count() == 0


async def test_what_is_said_of_a_payment_that_was_withdrawn_opens_no_finding_that_nobody_can_end(lay: Lay) -> None:
    world = await lay(Lab(payment_look_up=True))
    payment = await world.payment(confirmed=False)
    refund = await a_refund(world.shop, payment, 2_000)
    work = await _question(refund)
    await withdraw.cancel(world.shop.id, refund.id, None, a_key(), CAUSE)
    admin = a_person(world.shop, "Ana", Role.ADMIN)
    await withdrawals.withdraw(admin, payment.id, "It was never paid.", a_key(), CAUSE)
    await confirming.take_in(work, OTHER)
    await payment.refresh_from_db()
    assert (payment.contradicted_at, await Finding.all().count()) == (None, 0)


async def _taken(world: World, refund: Refund, name: str) -> Refund:
    return await by_hand.take(a_person(world.shop, name, Role.ADMIN), refund.id, "The contract ended.", CAUSE)


@pytest.mark.parametrize("why", ["suspended", "does not say"])
async def test_where_the_pse_cannot_be_asked_a_second_person_lets_a_refund_be_paid_by_hand(
    lay: Lay, owner_rows: OwnerRows, why: str
) -> None:
    world = await lay(Lab(payment_look_up=True))
    refund = await a_refund(world.shop, await world.payment(confirmed=False), 2_000)
    if why == "suspended":
        await owner_rows("UPDATE connections SET state = 'SUSPENDED' WHERE id = $1", world.shop.connection.id)
    else:
        await world.sandbox.post("payment-moods", moods=["no_route"])
        refund = await world.step(refund)
    waiting = await _taken(world, refund, "Bia")
    assert waiting.state is State.AWAITING_APPROVAL
    clerk = a_person(world.shop, "Bia", Role.ADMIN)
    await a_yes(world.shop, refund)
    assert (await by_hand.take(clerk, refund.id, "The contract ended.", CAUSE)).state is State.MANUAL
    assert await invariants.check() == []


async def test_who_has_approved_an_unproven_payment_does_not_pay_it_by_hand(lay: Lay, owner_rows: OwnerRows) -> None:
    world = await lay(Lab(payment_look_up=True))
    refund = await a_refund(world.shop, await world.payment(confirmed=False), 2_000)
    await owner_rows("UPDATE connections SET state = 'SUSPENDED' WHERE id = $1", world.shop.connection.id)
    refund = await _taken(world, refund, "Bia")
    clerk = a_person(world.shop, "Caio", Role.ADMIN)
    await decide.approve(clerk, refund.id, None, None, CAUSE)
    with pytest.raises(Forbidden, match="another person pays"):
        await by_hand.take(clerk, refund.id, "The contract ended.", CAUSE)


async def test_a_refund_by_hand_whose_payment_is_contradicted_shows_no_account(lay: Lay, owner_rows: OwnerRows) -> None:
    world = await lay(Lab(**PAID_TO))
    payment = await world.payment(confirmed=False, tax_id=CPF)
    refund = await world.step(await a_yes(world.shop, await a_refund(world.shop, payment, 2_000, given=GIVEN)))
    assert refund.state is State.MANUAL
    await owner_rows(
        "UPDATE payments SET confirmed_at = NULL, confirmed_by = NULL, shown_captured = NULL, shown_gone = NULL"
    )
    assert await confirmations.contradict(payment.id, "The PSE has another.", unknown=False)
    with pytest.raises(InvalidState, match="has another"):
        await by_hand.instruction(a_person(world.shop, "Bia", Role.ADMIN), refund.id, KEY, CAUSE)


async def test_what_another_account_said_of_payments_counts_no_more(lay: Lay) -> None:
    """The test environment's address and keys are replaced by the live ones: what was invented there is asked for."""
    world = await lay(Lab(payment_look_up=True))
    told, listed = await world.payment(confirmed=False), await world.payment()
    await world.step(await a_refund(world.shop, told, 100))
    await Payment.filter(id=listed.id).update(confirmed_by="LISTING")
    connection = await Connection.get(id=world.shop.connection.id)
    for moved, left in ((False, [None, "LISTING"]), (True, [None, None])):
        await confirmations.forget(connection.id, listed=moved)
        assert [(await Payment.get(id=one.id)).confirmed_by for one in (told, listed)] == left
    await world.step(await a_refund(world.shop, told, 100))
    assert await _asked(told) == 2


async def test_what_the_test_environment_confirmed_is_asked_anew_at_the_live_address(
    lay: Lay, owner_rows: OwnerRows
) -> None:
    world = await lay(Lab(payment_look_up=True))
    payment = await world.payment(confirmed=False)
    await world.step(await a_refund(world.shop, payment, 100))
    await owner_rows("UPDATE connections SET state = 'SANDBOX', pse = 'stripe' WHERE id = $1", world.shop.connection.id)
    values = {"base_url": "https://api.stripe.com/v1", "api_key": "sk_live_1", "webhook_secret": "whsec_1"}
    admin = a_person(world.shop, "Ana", Role.ADMIN)
    await drafts.replace(admin, world.shop.connection.id, values, None, CAUSE, KEY)
    await payment.refresh_from_db()
    assert (payment.confirmed_at, payment.asked_from is None) == (None, False)
