"""What happened to others at Mercado Pago: errors that are none, and answers without a refund in them."""

from domain.models import Attempt
from domain.models.refunds import State
from tests.histories.conftest import At
from tests.histories.ends import ended, findings
from tests.histories.mortal import DEATHS, Deaths
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.world import World


async def test_a_pix_refund_that_is_answered_400_although_it_is_in_process_is_paid_once(at: At, deaths: Deaths) -> None:
    world = await at("mercadopago")

    async def history(world: World) -> None:
        payment = await world.payment("in_process_400")
        refund = await a_refund(world.shop, payment, 4_000)
        refund = await world.finish(refund, wait_for=State.PENDING)
        await world.sandbox.post("settle", payment=payment.pse_reference, refund=refund.pse_refund_reference)
        await ended(world, await world.finish(refund), State.SUCCEEDED, left=4_000)

    passed = await deaths.at_every_point(world, history, ("send.", "ask.", "record.", "notice."))
    assert passed == {point for point in DEATHS if point != "take.committed"}
    assert await findings() == []


async def test_a_400_in_process_that_the_list_does_not_show_yet_is_no_refusal(at: At) -> None:
    world = await at("mercadopago")
    payment = await world.payment("in_process_400", "ok", seconds=0.3)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert (refund.state, refund.needs_person_since) == (State.SUBMITTED, None)
    assert (await Attempt.get(refund_id=refund.id)).outcome == "IN_DOUBT"
    await ended(world, await world.finish(refund), State.SUCCEEDED, left=4_000)
    assert await world.sandbox.refund_requests(payment.pse_reference) == 1


async def test_an_answer_whose_inside_says_400_is_no_success_and_the_refund_is_sent_again(
    at: At, owner_rows: OwnerRows
) -> None:
    world = await at("mercadopago")
    payment = await world.payment("inner_400")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUBMITTED
    await ended(world, await world.finish(refund, owner_rows), State.SUCCEEDED, left=4_000)
    assert await world.sandbox.refund_requests(payment.pse_reference) == 2


async def test_an_empty_account_fails_no_refund_which_leaves_when_the_account_has_money(at: At) -> None:
    world = await at("mercadopago")
    payment = await world.payment()
    await world.sandbox.post("balance", amount=3_999)  # what the fee has left of the sale is not enough
    refund = await a_refund(world.shop, payment, 4_000)
    for _ in range(2):
        refund = await world.step(refund)
        assert (refund.state, refund.due_at is not None) == (State.REQUESTED, True)
    assert (await Attempt.filter(refund_id=refund.id).first()).code == "2031"  # type: ignore[union-attr]
    await world.sandbox.post("balance", amount=4_000)
    await ended(world, await world.finish(refund), State.SUCCEEDED, left=4_000)
