"""The worker against the Pix sandbox: whatever the network and the PSE do, the money leaves once or not at all."""

import pytest

from domain import invariants
from domain.models import Answer, Attempt, Call, Event, Refund
from domain.models.refunds import State
from domain.refunds import schedule
from tests.kit.factories import OwnerRows, a_refund, sent_earlier
from tests.kit.world import World

_END = [
    ("ok", State.SUCCEEDED, 1),
    ("refused", State.FAILED, 1),
    ("lost_answer", State.SUCCEEDED, 1),
    ("applied_then_500", State.SUCCEEDED, 1),
    ("half_response", State.SUCCEEDED, 1),
    ("hang", State.SUCCEEDED, 1),
    ("rate_limited", State.SUCCEEDED, 2),
]


@pytest.mark.parametrize(("mood", "ends", "requests"), _END)
async def test_whatever_the_pse_does_the_refund_ends_right_and_is_paid_at_most_once(
    world: World, mood: str, ends: State, requests: int
) -> None:
    payment = await world.payment(mood, seconds=3)
    refund = await world.finish(await a_refund(world.shop, payment, 6_000))
    assert refund.state is ends
    assert await world.sandbox.paid(payment.pse_reference) == (6_000 if ends is State.SUCCEEDED else 0)
    assert await world.sandbox.refund_requests(payment.pse_reference) == requests
    assert await invariants.check() == []


@pytest.mark.parametrize("mood", ["lost_request", "unavailable"])
async def test_a_request_that_never_arrived_is_sent_again_only_after_the_look_up_and_its_grace(
    world: World, owner_rows: OwnerRows, mood: str
) -> None:
    payment = await world.payment(mood)
    refund = await a_refund(world.shop, payment, 6_000)
    for _ in range(4):  # the send, and look-ups within the grace
        assert (await world.step(refund)).state is State.SUBMITTED
    assert await world.sandbox.refund_requests(payment.pse_reference) == 1
    await sent_earlier(owner_rows, "1 minute")
    refund = await world.finish(refund)
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 6_000


async def test_a_request_that_arrives_after_it_was_sent_again_pays_once(world: World, owner_rows: OwnerRows) -> None:
    payment = await world.payment("late_request", seconds=0.5)
    refund = await a_refund(world.shop, payment, 6_000)
    await world.step(refund)
    await sent_earlier(owner_rows, "1 minute")
    refund = await world.finish(refund)
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 6_000


async def test_a_look_up_that_lags_does_not_lead_to_a_second_send(world: World) -> None:
    payment = await world.payment("look_up_lag", seconds=1)
    refund = await a_refund(world.shop, payment, 6_000)
    await world.sandbox.post(
        "moods", payment=payment.pse_reference, moods=[{"name": "look_up_lag", "seconds": 1}, {"name": "lost_answer"}]
    )
    refund = await world.finish(refund)
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.refund_requests(payment.pse_reference) == 1


async def test_a_refund_more_than_the_pse_has_left_fails_after_the_look_up(world: World, owner_rows: OwnerRows) -> None:
    payment = await world.payment()
    await world.sandbox.post("med", payment=payment.pse_reference, amount=9_000)
    refund = await a_refund(world.shop, payment, 6_000)
    assert (await world.step(refund)).state is State.SUBMITTED
    await sent_earlier(owner_rows, "1 minute")
    refund = await world.finish(refund)
    assert (refund.state, refund.failure_code) == (State.FAILED, "PixDevolucaoInvalida")
    assert await world.sandbox.paid(payment.pse_reference) == 0


async def test_a_pending_refund_is_looked_up_until_the_pse_decides(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 6_000))
    assert refund.state is State.PENDING
    assert (await world.step(refund)).state is State.PENDING
    await world.sandbox.post("settle", payment=payment.pse_reference, refund=refund.reference)
    refund = await world.step(refund)
    assert refund.state is State.SUCCEEDED
    assert refund.pse_refund_reference is not None
    assert await world.sandbox.refund_requests(payment.pse_reference) == 1


async def test_money_that_comes_back_is_returned_when_the_pse_is_asked(world: World) -> None:
    payment = await world.payment()
    refund = await world.finish(await a_refund(world.shop, payment, 6_000))
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.reference)
    refund = await world.step(refund)
    assert refund.state is State.RETURNED
    await payment.refresh_from_db()
    assert (payment.refunded, await invariants.check()) == (0, [])


@pytest.mark.parametrize("mood", ["refused", "lost", "hang"])
async def test_without_a_token_nothing_was_sent(world: World, mood: str) -> None:
    await world.sandbox.post("tokens", moods=[mood] * 5)
    payment = await world.payment()
    refund = await world.step(await a_refund(world.shop, payment, 6_000))
    assert (refund.state, refund.unsent) == (State.REQUESTED, 1)
    assert await world.sandbox.refund_requests(payment.pse_reference) == 0
    await world.sandbox.post("tokens", moods=[])
    assert (await world.finish(refund)).state is State.SUCCEEDED


async def test_a_token_that_the_pse_forgot_is_renewed_once_without_a_word(world: World) -> None:
    payment = await world.payment()
    await world.finish(await a_refund(world.shop, payment, 1_000))
    await world.sandbox.post("tokens", moods=[], forget=True)
    refund = await world.step(await a_refund(world.shop, payment, 2_000))
    assert refund.state is State.SUCCEEDED


async def test_every_call_is_written_down_with_its_answer_and_without_secrets(world: World) -> None:
    payment = await world.payment("lost_answer")
    refund = await world.finish(await a_refund(world.shop, payment, 6_000))
    calls = await Call.filter(refund_id=refund.id).order_by("sent_at")
    assert [call.purpose for call in calls] == ["TOKEN", "REFUND", "LOOK_UP"]
    answers = [await Answer.get(call_id=call.id) for call in calls]
    assert [answer.status for answer in answers] == [200, None, 200]
    assert "RemoteProtocolError" in (answers[1].error or "")
    assert all(call.request_id == refund.request_id for call in calls)
    written = repr([(call.headers, call.body, call.url) for call in calls] + [(a.headers, a.body) for a in answers])
    assert "sandbox-secret" not in written
    assert "Bearer ey" not in written
    assert '"access_token":"[redacted]"' in answers[0].body.replace(" ", "")


async def test_a_refund_that_is_not_due_is_left_alone(world: World) -> None:
    from jobs import refunds

    payment = await world.payment()
    refund = await a_refund(world.shop, payment)
    await schedule.postpone(refund.id, 3600)
    await refunds.step(refund.id, world.sender, world.settings)
    assert not await Attempt.filter(refund_id=refund.id).exists()


async def test_too_slow_to_send_within_the_lease_is_not_sent(world: World) -> None:
    from jobs import refunds

    payment = await world.payment()
    refund = await a_refund(world.shop, payment)
    late = world.settings.with_(lease_seconds=1.0, send_limit_seconds=1.0)
    await refunds.step(refund.id, world.sender, late)
    refund = await Refund.get(id=refund.id)
    assert refund.state is State.REQUESTED
    assert (await Event.filter(refund_id=refund.id).order_by("-sequence").first() or Event()).code == "LEASE_PASSED"
    assert await world.sandbox.refund_requests(payment.pse_reference) == 0
