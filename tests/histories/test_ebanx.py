"""What EBANX itself says can happen: a refund is requested, pending, then confirmed or cancelled, and told twice."""

from domain.models.refunds import State
from tests.histories.conftest import At
from tests.histories.ends import ended, tell
from tests.histories.mortal import Deaths
from tests.kit.factories import a_refund
from tests.kit.world import World
from tests.sandbox.ebanx.server import INTEGRATION_KEY, notification


async def test_a_cancelled_refund_frees_its_amount_and_two_notices_are_one_refund(at: At, deaths: Deaths) -> None:
    world = await at("ebanx")

    async def history(world: World) -> None:
        payment = await world.payment("pending", "pending", amount=10_000)
        told = notification("", "refund", payment.pse_reference)
        gone = await world.finish(await a_refund(world.shop, payment), wait_for=State.PENDING)
        cancel = {"operation": "cancel", "refund_id": gone.pse_refund_reference, "integration_key": INTEGRATION_KEY}
        answer = await world.sandbox.http.post(f"{world.sandbox.url}/ebanx/ws/refund", data=cancel)
        assert answer.json()["status"] == "SUCCESS"
        await ended(world, await world.finish(gone, wait_for=State.FAILED), State.FAILED, left=0)
        kept = await world.finish(await a_refund(world.shop, payment), wait_for=State.PENDING)
        await tell(world, told.body, told.headers)  # it is pending
        assert (await world.step(kept)).state is State.PENDING
        await world.sandbox.post("settle", payment=payment.pse_reference, refund=kept.pse_refund_reference)
        await tell(world, told.body, told.headers)  # it is confirmed
        await ended(world, await world.finish(kept, wait_for=State.SUCCEEDED), State.SUCCEEDED, left=10_000)

    assert await deaths.at_every_point(world, history, "notice.") == {"notice.taken", "notice.applied"}
