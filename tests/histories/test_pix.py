"""What happened to others at Pix PSPs: ids, webhooks that never come, and money that the bank takes back itself."""

import asyncio
import json
from typing import Any

import pytest

from domain import invariants
from domain.models import Finding, Payment, Refund
from domain.models.refunds import State
from domain.problems import AmountExceedsRefundable, NotRefundable
from tests.histories.conftest import At
from tests.histories.ends import ended, findings
from tests.histories.mortal import Deaths
from tests.kit.factories import a_payment, a_refund
from tests.kit.world import World


async def test_equal_partial_refunds_have_ids_of_their_own_and_the_last_one_leaves_too(at: At) -> None:
    world = await at("pix")
    payment = await world.payment(amount=5_780)
    made = [await world.finish(await a_refund(world.shop, payment, amount)) for amount in (100, 2_490, 2_490, 700)]
    assert len({refund.reference for refund in made}) == 4
    assert all(refund.reference.isalnum() and len(refund.reference) <= 35 for refund in made)
    await ended(world, made[-1], State.SUCCEEDED, left=5_780)


@pytest.mark.parametrize("end", ["settle", "refuse"])
async def test_a_pix_without_txid_has_no_webhook_and_is_asked_about_until_it_ends(at: At, end: str) -> None:
    world = await at("pix")
    reference = await world.sandbox.capture(10_000, "pending", order=None)
    payment = await a_payment(world.shop, amount=10_000, reference=reference)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert (refund.state, refund.due_at is not None) == (State.PENDING, True)
    await world.sandbox.post(end, payment=reference, refund=refund.reference)
    assert (await world.sandbox.get("delivered"))["digests"] == []
    expected = {"settle": (State.SUCCEEDED, 4_000), "refuse": (State.FAILED, 0)}
    state, left = expected[end]
    await ended(world, await world.finish(refund), state, left=left)


@pytest.mark.parametrize("suffix", ["", "/pix"])
async def test_one_webhook_tells_of_several_pix_at_either_address(at: At, suffix: str) -> None:
    world = await at("pix")
    told: list[dict[str, Any]] = []
    waiting: list[Refund] = []
    for _ in range(3):
        payment = await world.payment("pending", webhook_moods=[{"name": "missing"}])
        refund = await world.step(await a_refund(world.shop, payment, 4_000))
        await world.sandbox.post("settle", payment=payment.pse_reference, refund=refund.reference)
        # What the callback says differs from what the PSP's own GET says, which counts.
        said = {"id": refund.reference, "valor": "1.00", "status": "EM_PROCESSAMENTO"}
        told.append({"endToEndId": payment.pse_reference, "devolucoes": [said]})
        waiting.append(refund)
    address = f"{world.settings.webhook_url(world.shop.connection.id)}/hook-secret-of-the-test{suffix}"
    answer = await world.sandbox.http.post(address, content=json.dumps({"pix": told}))
    assert answer.status_code == 200
    await world.apply_notices()
    for refund in waiting:
        await ended(world, await world.finish(refund), State.SUCCEEDED, left=4_000)


async def test_two_pix_of_one_charge_are_each_refunded_up_to_their_own_amount(at: At) -> None:
    world = await at("pix")
    small, large = (
        await world.payment(amount=5_000, order="charge-1"),
        await world.payment(amount=20_000, order="charge-1"),
    )
    with pytest.raises(AmountExceedsRefundable):
        await a_refund(world.shop, small, 15_000)
    await ended(world, await world.finish(await a_refund(world.shop, large, 15_000)), State.SUCCEEDED, left=15_000)
    assert (await Payment.get(id=small.id)).refunded == 0


async def _taken(world: World, payment: Payment, amount: int) -> int:
    """What we have booked as taken, when as much is known."""
    for _ in range(200):
        await world.apply_notices()
        payment = await Payment.get(id=payment.id)
        if payment.taken_by_bank >= amount:
            break
        await asyncio.sleep(0.02)
    taken: int = payment.taken_by_bank
    return taken


async def test_what_the_bank_takes_in_parts_counts_part_by_part_beside_a_refund_of_ours(at: At, deaths: Deaths) -> None:
    world = await at("pix")

    async def history(world: World) -> None:
        payment = await world.payment(amount=10_000)
        refund = await world.finish(await a_refund(world.shop, payment, 3_000))
        for part, sum_of_parts in ((3_500, 3_500), (3_500, 7_000)):
            await world.sandbox.post("med", payment=payment.pse_reference, amount=part)
            assert await _taken(world, payment, sum_of_parts) == sum_of_parts
        await ended(world, refund, State.SUCCEEDED, left=3_000)
        with pytest.raises((NotRefundable, AmountExceedsRefundable)):
            await a_refund(world.shop, payment, 1)
        assert await Finding.filter(payment_id=payment.id, resolved_at=None).count() == 2

    passed = await deaths.at_every_point(world, history, "notice.")
    assert passed == {"notice.taken", "notice.applied"}


@pytest.mark.parametrize("nature", ["MED_FRAUDE", "MED_OPERACIONAL", "ORIGINAL"])
async def test_a_refund_that_the_pse_or_its_app_has_made_under_an_id_of_its_own_is_adopted_and_found(
    at: At, nature: str
) -> None:
    world = await at("pix")
    payment = await world.payment(amount=10_000)
    await world.sandbox.post("med", payment=payment.pse_reference, amount=10_000, nature=nature)
    assert await _taken(world, payment, 10_000) == 10_000
    assert await findings() == ["BANK_INITIATED" if nature.startswith("MED_") else "MISSING_IN_LEDGER"]
    with pytest.raises((NotRefundable, AmountExceedsRefundable)):
        await a_refund(world.shop, payment)
    assert await invariants.check() == []


async def test_an_empty_account_refuses_a_devolucao_and_another_leaves_when_it_has_money(at: At) -> None:
    world = await at("pix")
    payment = await world.payment()
    await world.sandbox.post("balance", amount=100)
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    await ended(world, refund, State.FAILED, left=0)
    assert "balance" in str(refund.failure_message)
    await world.sandbox.post("balance", amount=10_000)
    again = await world.finish(await a_refund(world.shop, payment, 4_000))
    await ended(world, again, State.SUCCEEDED, left=4_000)


async def test_a_rejected_devolucao_is_known_by_its_own_id_and_frees_its_amount(at: At) -> None:
    world = await at("pix")
    payment = await world.payment("pending")
    kept = await world.finish(await a_refund(world.shop, payment, 1_000), wait_for=State.PENDING)
    gone = await world.finish(await a_refund(world.shop, payment, 4_000))
    assert (gone.state, str(gone.pse_refund_reference)[0], payment.pse_reference[0]) == (State.SUCCEEDED, "D", "E")
    await world.sandbox.post("refuse", payment=payment.pse_reference, refund=kept.pse_refund_reference)
    await ended(world, await world.finish(kept), State.FAILED, left=4_000)
