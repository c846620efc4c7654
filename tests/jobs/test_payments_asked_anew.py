"""A payment that is asked for anew, because the keys are others: what our refunds do meanwhile is none of others'."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Deed, Finding, Notice, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.onboarding import drafts
from domain.payments import confirmations, register
from domain.platform.database import rows
from domain.problems import AmountExceedsRefundable
from domain.pse.vocabulary import Method, Shown
from domain.refunds import by_hand, confirming, next_step, schedule
from domain.refunds.evidence import Evidence, Way
from domain.refunds.work import AskPayment
from jobs import reconciliation
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import CAUSE, KEY, a_person, a_refund
from tests.kit.lines import today
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient

pytestmark = pytest.mark.usefixtures("books")
ASKED = ("pix", "stripe", "ebanx")  # what they show of a payment has what is not decided yet


async def _new_keys(world: World) -> None:
    secrets = ACCOUNTS[world.sandbox.pse].secrets
    await drafts.replace(a_person(world.shop, "Ana", Role.ADMIN), world.shop.connection.id, secrets, None, CAUSE, KEY)


async def _left(payment: Payment) -> int:
    return register.refundable(await Payment.get(id=payment.id)).minor_units


async def _heard(world: World, count: int) -> None:
    """So many webhooks are here, and applied."""
    for _ in range(200):
        if await Notice.filter(connection_id=world.shop.connection.id).count() >= count:
            break
        await asyncio.sleep(0.02)
    await world.apply_notices()


async def _findings() -> Sequence[str]:
    return [one.kind for one in await Finding.filter(resolved_at=None)]


@pytest.mark.parametrize("pse", ASKED)
async def test_a_refund_under_way_while_keys_are_renewed_is_not_taken_for_money_that_left_without_us(
    sandbox: SandboxClient, pse: str
) -> None:
    async with a_world(sandbox.at(pse)) as world:
        payment = await world.payment("pending")
        first = await world.step(await a_refund(world.shop, payment, 4_000))
        assert first.state is State.PENDING
        await _new_keys(world)
        second = await world.finish(await a_refund(world.shop, payment, 3_000))
        assert (second.state, await _findings()) == (State.SUCCEEDED, [])
        await world.sandbox.post("settle", payment=payment.pse_reference, refund=first.reference)
        assert (await world.finish(await Refund.get(id=first.id))).state is State.SUCCEEDED
        assert await _left(payment) == 3_000
        assert await world.sandbox.paid(payment.pse_reference) == 7_000
        assert await invariants.check() == []


async def test_a_refund_that_is_refused_between_the_pses_answer_and_our_record_was_none_of_others(
    sandbox: SandboxClient,
) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment("pending")
        first = await world.step(await a_refund(world.shop, payment, 4_000))
        await _new_keys(world)
        second = await a_refund(world.shop, payment, 3_000)
        await rows("UPDATE refunds SET due_at = now() WHERE id = $1 RETURNING id", second.id)
        work = await next_step.take(second.id, lease_seconds=60, send_seconds=20)
        assert isinstance(work, AskPayment)
        names, whole = frozenset({payment.pse_reference}), Money(10_000, "BRL")
        shown = Shown(names, whole, "received", True, frozenset({Method.PIX}), "Pix", given_back=4_000)
        await world.sandbox.post("refuse", payment=payment.pse_reference, refund=first.reference)
        assert (await world.finish(first)).state is State.FAILED
        assert (await confirming.take_in(work, shown)).state is State.REQUESTED
        assert (await world.finish(second)).state is State.SUCCEEDED
        assert (await _left(payment), await _findings()) == (7_000, [])


async def test_what_was_paid_from_the_bank_hides_nothing_that_left_at_the_pse(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment()
        by_transfer = await a_refund(world.shop, payment, 4_000)
        who, day = a_person(world.shop, "Bia", Role.ADMIN), datetime.now(UTC).date() - timedelta(days=1)
        await by_hand.take(who, by_transfer.id, "The PSE is down.", CAUSE)
        await by_hand.settle(who, by_transfer.id, Evidence(Way.BANK_TRANSFER, "T-1", day), CAUSE)
        await world.sandbox.post("med", payment=payment.pse_reference, amount=3_000)
        await _new_keys(world)
        assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
        assert await _left(payment) == 2_000


async def test_what_was_gone_when_the_pse_was_asked_and_came_back_is_refundable_again(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment(confirmed=False)
        taken = (await world.sandbox.post("med", payment=payment.pse_reference, amount=3_000))["refund"]
        assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
        await reconciliation.run(world.shop.connection.id, today(), world.sender)
        assert await _left(payment) == 6_000
        await world.sandbox.post("give-back", payment=payment.pse_reference, refund=taken)
        await reconciliation.run(world.shop.connection.id, today(), world.sender)
        assert (await Payment.get(id=payment.id)).taken_by_bank == 0
        assert await _left(payment) == 9_000
        assert (await world.finish(await a_refund(world.shop, payment, 9_000))).state is State.SUCCEEDED
        assert await invariants.check() == []


async def test_what_a_person_has_paid_at_the_pse_is_ours_once_it_is_settled(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment()
        who, day = a_person(world.shop, "Bia", Role.ADMIN), datetime.now(UTC).date() - timedelta(days=1)
        by_person = await a_refund(world.shop, payment, 4_000)
        await by_hand.take(who, by_person.id, "The PSE is down.", CAUSE)
        made = await world.sandbox.post("med", payment=payment.pse_reference, amount=4_000, nature="ORIGINAL")
        await _new_keys(world)
        assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
        await by_hand.settle(who, by_person.id, Evidence(Way.PSE_BACK_OFFICE, made["refund"], day), CAUSE)
        assert await _left(payment) == 5_000


async def test_what_the_pse_lists_takes_the_place_of_what_it_had_shown_to_be_gone(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment(confirmed=False)
        taken = (await world.sandbox.post("med", payment=payment.pse_reference, amount=3_000))["refund"]
        assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
        await world.sandbox.post("give-back", payment=payment.pse_reference, refund=taken)
        await _heard(world, 2)
        assert await _left(payment) == 9_000


async def test_a_person_has_the_pse_asked_again_what_of_a_payment_is_gone(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment(confirmed=False, webhook_moods=[{"name": "missing"}] * 3)
        taken = (await world.sandbox.post("med", payment=payment.pse_reference, amount=3_000))["refund"]
        assert (await world.step(await a_refund(world.shop, payment, 1_000))).state is State.SUCCEEDED
        await world.sandbox.post("give-back", payment=payment.pse_reference, refund=taken)
        with pytest.raises(AmountExceedsRefundable):
            await a_refund(world.shop, payment, 9_000)
        who = a_person(world.shop, "Ana", Role.ADMIN)
        await confirmations.ask_again(who, payment.id, CAUSE)
        assert (await world.finish(await a_refund(world.shop, payment, 8_000))).state is State.SUCCEEDED
        before = await Payment.get(id=payment.id)
        await confirmations.ask_again(who, payment.id, CAUSE)
        assert (await Payment.get(id=payment.id)).confirmed_at == before.confirmed_at, "Nothing is against it."
        assert await Deed.filter(operation="paymentAskAgain", kind="CHANGE").count() == 1


async def test_what_is_at_the_pse_is_asked_about_with_new_keys_at_once(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment("pending", webhook_moods=[{"name": "missing"}])
        refund = await world.step(await a_refund(world.shop, payment, 4_000))
        await schedule.postpone(refund.id, 86_400)  # it was asked about in vain for long
        await _new_keys(world)
        assert await rows("SELECT 1 FROM refunds WHERE id = $1 AND due_at <= now()", refund.id)
