"""What happened to others at Adyen: `received` that is no success, success that is undone, events of other names."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.problems import AmountExceedsRefundable, NotRefundable
from jobs import reconciliation
from tests.histories.conftest import At
from tests.histories.ends import ended, findings, heard, tell
from tests.histories.mortal import Deaths
from tests.kit.factories import a_payment, a_refund
from tests.kit.held import books_hold_what_the_pse_holds
from tests.kit.world import World
from tests.sandbox.adyen.server import ACCOUNT, API_KEY, posted


async def _told(world: World, payment: Payment, event: str, amount: int, **more: str) -> None:
    item: dict[str, Any] = {
        "amount": {"currency": "BRL", "value": amount},
        "eventCode": event,
        "eventDate": "2026-11-24T12:00:00+01:00",
        "merchantAccountCode": ACCOUNT,
        "merchantReference": "order-1",
        "originalReference": payment.pse_reference,
        "pspReference": "OTHERREFERENCE00",
        "reason": "",
        "success": "true",
        **more,
    }
    hook = posted("", [item])
    await tell(world, hook.body, hook.headers)


async def _batch(world: World, number: int) -> None:
    """Adyen closes a batch, and the night of today reads it."""
    before = len(await _announced(world))
    await world.sandbox.post("close-batch")
    for _ in range(200):
        await world.apply_notices()
        if len(await _announced(world)) > before:
            break
        await asyncio.sleep(0.02)
    today = datetime.now(UTC).astimezone(ZoneInfo("America/Sao_Paulo")).date()
    run = await reconciliation.run(world.shop.connection.id, today, world.sender)
    assert (run.state, run.error, len(await _announced(world))) == ("COMPLETED", None, number)


async def _announced(world: World) -> list[Any]:
    return await rows("SELECT name FROM announced_reports WHERE connection_id = $1", world.shop.connection.id)


async def _at_adyen(world: World, *moods: str, **more: Any) -> Payment:
    reference = await world.sandbox.capture(10_000, *moods, **more)
    return await a_payment(world.shop, amount=10_000, reference=reference)


@pytest.mark.parametrize("event", ["REFUND_FAILED", "REFUNDED_REVERSED"])
async def test_success_true_of_a_failure_is_a_failure_and_each_batch_adds_up(at: At, event: str) -> None:
    world = await at("adyen")
    payment = await _at_adyen(world, return_event=event)
    refund = await world.finish(await a_refund(world.shop, payment))
    await _batch(world, 1)
    await books_hold_what_the_pse_holds(world)
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.reference)
    refund = await world.finish(refund, wait_for=State.RETURNED)
    await ended(world, refund, State.RETURNED, left=0)
    await _batch(world, 2)
    await books_hold_what_the_pse_holds(world)
    assert (await findings(), await invariants.check()) == (["RETURNED"], [])


async def test_a_refund_that_failed_with_success_true_is_owed_again_whenever_the_worker_dies(
    at: At, deaths: Deaths
) -> None:
    world = await at("adyen")

    async def history(world: World) -> None:
        payment = await _at_adyen(world, return_event="REFUND_FAILED")
        refund = await world.finish(await a_refund(world.shop, payment), wait_for=State.SUCCEEDED)
        await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.reference)
        await ended(world, await world.finish(refund, wait_for=State.RETURNED), State.RETURNED, left=0)

    assert await deaths.at_every_point(world, history, "notice.") == {"notice.taken", "notice.applied"}


async def test_received_is_not_done_and_a_refusal_comes_by_webhook(at: At, deaths: Deaths) -> None:
    world = await at("adyen")

    async def history(world: World) -> None:
        payment = await _at_adyen(world, "refused")
        refund = await world.finish(await a_refund(world.shop, payment, 4_000), wait_for=State.FAILED)
        refund = await ended(world, refund, State.FAILED, left=0)
        assert refund.failure_code == "REFUND_REFUSED"

    payment = await _at_adyen(world, "refused", webhook_moods=[{"name": "missing"}])
    assert (await world.step(await a_refund(world.shop, payment, 4_000))).state is State.PENDING
    assert await deaths.at_every_point(world, history, "notice.") == {"notice.taken", "notice.applied"}


async def test_cancel_or_refund_of_adyens_own_pages_is_kept_and_its_batch_says_what_it_was(at: At) -> None:
    world = await at("adyen")
    payment = await _at_adyen(world, order="order-1", webhook_moods=[{"name": "missing"}])
    base = world.shop.connection.base_url
    made = await world.sandbox.http.post(
        f"{base}/payments/{payment.pse_reference}/refunds",
        json={"merchantAccount": ACCOUNT, "amount": {"value": 10_000, "currency": "BRL"}},
        headers={"x-api-key": API_KEY},
    )
    await _told(world, payment, "CANCEL_OR_REFUND", 10_000, pspReference=made.json()["pspReference"])
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    await _batch(world, 1)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await findings()) == (10_000, ["MISSING_IN_LEDGER"])
    with pytest.raises((NotRefundable, AmountExceedsRefundable)):
        await a_refund(world.shop, payment)
    assert await invariants.check() == []


async def test_a_webhook_that_confirms_another_amount_than_was_asked_for_calls_a_person(at: At) -> None:
    world = await at("adyen")
    payment = await _at_adyen(world, "pending")
    refund = await world.step(await a_refund(world.shop, payment, 3_200))
    assert refund.pse_refund_reference is not None
    await _told(
        world,
        payment,
        "REFUND",
        10_000,
        pspReference=refund.pse_refund_reference,
        merchantReference=refund.reference,
    )
    refund = await Refund.get(id=refund.id)
    assert (refund.state, refund.needs_person_since is not None) == (State.PENDING, True)
    await world.sandbox.post("settle", payment=payment.pse_reference, refund=refund.reference)
    await heard(world, 2)
    await ended(world, refund, State.SUCCEEDED, left=3_200)


@pytest.mark.parametrize("first", ["refund", "chargeback"])
async def test_a_refund_and_a_chargeback_are_two_facts_in_either_order(at: At, first: str) -> None:
    world = await at("adyen")
    payment = await _at_adyen(world, "pending")
    refund = await world.step(await a_refund(world.shop, payment))
    for what in ("refund", "chargeback") if first == "refund" else ("chargeback", "refund"):
        if what == "chargeback":
            await _told(world, payment, "CHARGEBACK", 10_000)
        else:
            await world.sandbox.post("settle", payment=payment.pse_reference, refund=refund.reference)
            refund = await world.finish(refund, wait_for=State.SUCCEEDED)
    payment = await Payment.get(id=payment.id)
    assert (refund.state, payment.refunded, payment.charged_back) == (State.SUCCEEDED, 10_000, 10_000)
    assert "CHARGEBACK" in await findings()
    assert await invariants.check() == []
