"""Webhooks applied: ours by a look-up, the bank's by asking for the payment, each once, and never lost."""

import json
from typing import Any

from domain import invariants
from domain.models import Finding, Notice, NoticeRefund, Payment, Refund
from domain.models.refunds import State
from domain.notices import inbox
from domain.platform.database import rows
from domain.pse.vocabulary import WebhookRequest
from domain.refunds import intervals
from jobs import notices as jobs
from tests.kit.factories import KEY, OwnerRows, a_payment, a_refund
from tests.kit.world import World


async def _told(world: World, payment: str, *refunds: dict[str, Any]) -> Notice:
    body = json.dumps({"pix": [{"endToEndId": payment, "devolucoes": list(refunds)}]}).encode()
    path = f"/webhooks/{world.shop.connection.id}/hook-secret-of-the-test/pix"
    notice_id = await inbox.store(
        world.shop.connection.id, WebhookRequest("POST", path, "", {}, body), "request-of-the-webhook", KEY
    )
    assert notice_id is not None
    return await Notice.get(id=notice_id)


async def _apply(world: World, notice: Notice) -> Notice:
    await rows("UPDATE notices SET due_at = now() WHERE id = $1 AND applied_at IS NULL RETURNING id", notice.id)
    await jobs.apply(notice.id, world.sender)
    return await Notice.get(id=notice.id)


async def test_a_notice_about_our_refund_makes_the_pse_be_asked(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 6_000))
    await world.sandbox.post("settle", payment=payment.pse_reference, refund=refund.reference)
    notice = await _apply(world, await _told(world, payment.pse_reference, {"id": refund.reference}))
    assert notice.applied_at is not None
    assert (await Refund.get(id=refund.id)).state is State.PENDING  # the notice itself proves nothing
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert await NoticeRefund.exists(notice_id=notice.id, refund_id=refund.id)


async def test_a_lying_notice_changes_nothing(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 6_000))
    await _apply(world, await _told(world, payment.pse_reference, {"id": refund.reference, "status": "DEVOLVIDO"}))
    assert (await world.step(refund)).state is State.PENDING


async def test_a_notice_that_comes_before_the_answer_is_not_lost(world: World) -> None:
    payment = await world.payment("lost_answer")
    refund = await a_refund(world.shop, payment, 6_000)
    await _apply(world, await _told(world, payment.pse_reference, {"id": refund.reference}))
    assert (await world.finish(refund)).state is State.SUCCEEDED


async def test_money_that_the_bank_took_is_booked_once_however_often_it_is_told(world: World) -> None:
    payment = await world.payment(amount=10_000)
    med = (await world.sandbox.post("med", payment=payment.pse_reference, amount=10_000))["refund"]
    for number in range(3):
        await _apply(world, await _told(world, payment.pse_reference, {"id": med, "rtrId": f"D{number}"}))
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 10_000
    assert await Finding.filter(kind="BANK_INITIATED").count() == 1
    assert await invariants.check() == []


async def test_a_med_after_a_full_refund_is_recorded_and_nothing_is_refundable(world: World) -> None:
    payment = await world.payment(amount=10_000)
    await world.finish(await a_refund(world.shop, payment, 10_000))
    med = (await world.sandbox.post("med", payment=payment.pse_reference, amount=10_000))["refund"]
    await _apply(world, await _told(world, payment.pse_reference, {"id": med}))
    payment = await Payment.get(id=payment.id)
    assert (payment.refunded, payment.taken_by_bank) == (10_000, 10_000)
    log = await world.sandbox.get("log")
    assert log["balance"] - log["opening"] == payment.captured - payment.refunded - payment.taken_by_bank
    assert await invariants.check() == []


async def test_a_refund_that_is_not_there_when_the_pse_is_asked_is_not_booked(world: World) -> None:
    payment = await world.payment()
    await _apply(world, await _told(world, payment.pse_reference, {"id": "invented", "natureza": "MED_FRAUDE"}))
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 0


async def test_a_notice_of_an_unknown_payment_waits_until_it_is_registered(world: World) -> None:
    reference = await world.sandbox.capture(10_000)
    med = (await world.sandbox.post("med", payment=reference, amount=4_000))["refund"]
    notice = await _apply(world, await _told(world, reference, {"id": med}))
    assert (notice.applied_at, notice.tries) == (None, 1)
    assert notice.due_at is not None
    payment = await a_payment(world.shop, amount=10_000, reference=reference)
    assert (await _apply(world, notice)).applied_at is not None
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 4_000


async def test_a_notice_that_can_never_be_applied_calls_a_person_in_the_end(
    world: World, owner_rows: OwnerRows
) -> None:
    await owner_rows("UPDATE merchants SET country = 'MX'")
    notice = await _told(world, "E" + "0" * 31, {"id": "x"})
    for _ in range(len(intervals.NOTICE.delays)):
        notice = await _apply(world, notice)
    assert (notice.due_at, notice.applied_at) == (None, None)
    (finding,) = await Finding.filter(kind="NOTICE_UNMATCHED")
    assert (finding.amount, finding.currency) == (0, "MXN")


async def test_a_pse_that_does_not_answer_delays_the_notice(world: World) -> None:
    payment = await world.payment()
    await world.sandbox.post("tokens", moods=["refused"] * 3)
    notice = await _apply(world, await _told(world, payment.pse_reference, {"id": "med1"}))
    assert notice.applied_at is None
    assert "TOKEN_REFUSED" in (notice.result or "")
