"""What happened to others at Stripe: success that fails later, cancels, old news, and a refund that is none."""

import json
import time
from typing import Any

import pytest

from domain.models import LedgerEntry, Notice, Payment, Refund
from domain.models.refunds import State
from domain.pse.vocabulary import Method
from tests.histories.conftest import At
from tests.histories.ends import ended, findings, heard, tell
from tests.histories.mortal import Deaths
from tests.kit.factories import a_payment, a_refund
from tests.kit.world import World
from tests.sandbox.stripe.server import signed


def _event(kind: str, about: dict[str, Any]) -> bytes:
    event = {"id": f"evt_{time.monotonic_ns()}", "object": "event", "type": kind, "data": {"object": about}}
    return json.dumps(event).encode()


async def _told(world: World, kind: str, about: dict[str, Any]) -> None:
    body = _event(kind, about)
    await tell(world, body, signed(body))


async def test_a_refund_that_fails_after_its_success_is_owed_again_and_paid_once_more(at: At, deaths: Deaths) -> None:
    world = await at("stripe")

    async def history(world: World) -> None:
        payment = await world.payment(amount=10_000)
        refund = await world.finish(await a_refund(world.shop, payment))
        await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.reference)
        await ended(world, await world.finish(refund, wait_for=State.RETURNED), State.RETURNED, left=0)
        again = await world.finish(await a_refund(world.shop, payment))
        assert again.amount == 10_000
        await ended(world, again, State.SUCCEEDED, left=10_000)

    assert await deaths.at_every_point(world, history, "notice.") == {"notice.taken", "notice.applied"}


async def test_a_refund_that_is_canceled_in_the_dashboard_frees_its_amount(at: At, deaths: Deaths) -> None:
    world = await at("stripe")

    async def history(world: World) -> None:
        payment = await world.payment("pending", amount=10_000)
        refund = await world.finish(await a_refund(world.shop, payment), wait_for=State.PENDING)
        await world.sandbox.post("panel-cancel", payment=payment.pse_reference, refund=refund.reference)
        refund = await ended(world, await world.finish(refund, wait_for=State.FAILED), State.FAILED, left=0)
        assert refund.failure_code == "canceled"
        again = await world.finish(await a_refund(world.shop, payment))
        await ended(world, again, State.SUCCEEDED, left=10_000)

    assert "record.committed" in await deaths.at_every_point(world, history, "record.")


async def test_the_first_of_two_refunds_that_is_told_again_later_is_still_the_first(at: At) -> None:
    world = await at("stripe")
    payment = await world.payment(amount=10_000)
    first, second = [await world.finish(await a_refund(world.shop, payment, 98)) for _ in range(2)]
    await heard(world, 4)
    entries = await LedgerEntry.all().count()
    for notice in await Notice.all():
        await tell(world, bytes(notice.body), signed(bytes(notice.body)))
    assert await LedgerEntry.all().count() == entries
    asked = [row["payment"] for row in (await world.sandbox.get("requests"))["requests"] if row["method"] == "POST"]
    assert asked == [payment.pse_reference] * 2  # never a refund of a refund
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=first.reference)
    await ended(world, await world.finish(first, wait_for=State.RETURNED), State.RETURNED, left=98)
    await ended(world, second, State.SUCCEEDED, left=98)


async def test_whatever_shape_charge_refunded_has_it_moves_nothing_and_no_refund_is_lost(at: At) -> None:
    world = await at("stripe")
    payment = await world.payment("lost_answer", webhook_moods=[{"name": "missing"}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    charge: dict[str, Any] = {
        "id": "ch_1",
        "object": "charge",
        "payment_intent": payment.pse_reference,
        "amount_refunded": 4_000,
    }
    listed = {"object": "list", "has_more": False, "data": [{"id": "re_1", "object": "refund"}]}
    shapes: list[dict[str, Any]] = [
        charge,
        {**charge, "refunds": listed},
        {"id": "re_1", "object": "refund", "charge": "ch_1"},
    ]
    for shape in shapes:
        await _told(world, "charge.refunded", shape)
    await _told(world, "charge.refund.updated", charge)
    kept = await Notice.all()
    assert [(row.applied_at is not None, str(row.result)[:14]) for row in kept] == [(True, "Not understood")] * 4
    await ended(world, await world.finish(refund), State.SUCCEEDED, left=4_000)


async def test_events_of_another_account_or_mode_are_refused_at_the_door(at: At) -> None:
    world = await at("stripe")
    refund = await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    await heard(world, 2)
    body = _event("refund.failed", {"id": refund.pse_refund_reference, "object": "refund", "status": "failed"})
    await tell(world, body, signed(body, secret="whsec_of_the_clone"), 401)
    assert await Notice.all().count() == 2
    await ended(world, refund, State.SUCCEEDED, left=4_000)


async def test_what_was_authorised_and_not_captured_is_released_and_no_refund(at: At) -> None:
    world = await at("stripe")
    reference = await world.sandbox.capture(6_000, authorised=10_000, currency="MXN")
    payment = await a_payment(world.shop, amount=6_000, reference=reference, method=Method.CARD, currency="MXN")
    release = {
        "id": "re_release",
        "object": "refund",
        "amount": 4_000,
        "balance_transaction": None,
        "charge": None,
        "created": int(time.time()),
        "currency": "mxn",
        "metadata": {},
        "payment_intent": reference,
        "status": "succeeded",
    }
    await _told(world, "refund.updated", release)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await findings()) == (0, [])
    await ended(world, await world.finish(await a_refund(world.shop, payment)), State.SUCCEEDED, left=6_000)


@pytest.mark.parametrize(("method", "currency", "waits"), [(Method.CARD, "MXN", True), (Method.PIX, "BRL", False)])
async def test_without_a_balance_a_refund_to_a_card_waits_and_another_fails(
    at: At, method: Method, currency: str, waits: bool
) -> None:
    world = await at("stripe")
    payment = await world.payment(method=method, currency=currency)
    await world.sandbox.post("balance", amount=100)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    if waits:
        assert (refund.state, refund.due_at is not None) == (State.PENDING, True)
        await world.sandbox.post("balance", amount=10_000)
        await world.sandbox.post("settle", payment=payment.pse_reference, refund=refund.reference)
        await ended(world, await world.finish(refund), State.SUCCEEDED, left=4_000)
        return
    await ended(world, await world.finish(refund), State.FAILED, left=0)
    assert (await Refund.get(id=refund.id)).failure_code == "insufficient_funds"
