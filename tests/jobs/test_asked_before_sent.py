"""While a send may have arrived, the next one is preceded by a question, made with a living key, and not for ever."""

from datetime import timedelta

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Attempt, Payment, Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.pse.capabilities import LookUp
from domain.pse.registry import connector
from domain.pse.vocabulary import InDoubt, Unsent
from domain.refunds import listing, next_step, schedule
from domain.refunds.doubt import Verdict, resolve
from domain.refunds.work import Ask, Snapshot
from tests.kit.factories import (
    CAUSE,
    OwnerRows,
    a_look_up,
    a_payment,
    a_person,
    a_refund,
    a_shop,
    an_answer,
    sent_earlier,
)
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay, World

DAY = timedelta(days=1)
LOST = InDoubt("TIMEOUT", "no answer")
SLOW_DOWN = Unsent("TOO_MANY_REQUESTS", "The PSE wants us to slow down.")
UNKNOWN = Unsent("UNKNOWN", "The PSE does not know it.")


async def _sends(world: World, refund: Refund) -> int:
    seen = (await world.sandbox.get("requests"))["requests"]
    return sum(one["method"] == "POST" and one["refund"] == refund.reference for one in seen)


async def _waiting_after_a_refused_pace(lay: Lay, lab: Lab, *moods: str) -> tuple[World, Payment, Refund]:
    """A first send that got no answer and was then unknown, and a second that never left."""
    world = await lay(lab)
    payment = await world.payment(*(moods or ("lost_request",)), "rate_limited", seconds=0.4)
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    while await _sends(world, refund) < 2:
        refund = await world.step(refund)
    assert refund.state is State.REQUESTED
    world.sender._lines[world.shop.connection.id].breaker.rests_until = 0.0  # the PSE asked for a second of peace
    return world, payment, refund


@pytest.mark.parametrize("look_up", [LookUp.BY_REFERENCE, LookUp.BY_LISTING])
async def test_a_first_send_that_arrives_while_the_second_waits_is_found_and_not_paid_again(
    lay: Lay, look_up: LookUp
) -> None:
    lab = Lab(key_lifetime=None, look_up=look_up)
    world, payment, refund = await _waiting_after_a_refused_pace(lay, lab, "late_request")
    await world.until_paid(payment, 3_000)
    refund = await world.finish(refund)
    assert (refund.state, await world.sandbox.paid(payment.pse_reference)) == (State.SUCCEEDED, 3_000)
    assert await invariants.check() == []


async def test_the_question_and_its_send_are_one_step_of_the_worker(lay: Lay) -> None:
    lab = Lab(key_lifetime=None)
    world, payment, refund = await _waiting_after_a_refused_pace(lay, lab)
    seen = len((await world.sandbox.get("requests"))["requests"])
    assert (await world.step(refund)).state is State.SUCCEEDED
    asked, sent = (await world.sandbox.get("requests"))["requests"][seen:]
    assert (asked["method"], sent["method"]) == ("GET", "POST")


async def test_a_key_that_has_lived_its_life_is_not_sent_again_even_where_the_pse_can_be_asked(
    lay: Lay, owner_rows: OwnerRows
) -> None:
    lab = Lab(key_lifetime=DAY)
    world, payment, refund = await _waiting_after_a_refused_pace(lay, lab)
    await sent_earlier(owner_rows, "30 hours")
    refund = await world.finish(refund)
    assert (refund.needs_person_since is not None, await _sends(world, refund)) == (True, 2)
    for name in ("ana", "bia"):
        person = a_person(world.shop, name, Role.ADMINISTRATOR)
        await resolve(person, refund.id, Verdict.NOT_PAID, "The back office lists nothing.", CAUSE)
    assert (await Refund.get(id=refund.id)).state is State.FAILED
    assert await invariants.check() == []


async def test_where_each_send_would_be_paid_a_person_is_called_after_three_that_may_have_arrived(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None))
    payment = await world.payment(*["lost_request"] * 8)
    refund = await world.finish(await a_refund(world.shop, payment, 3_000))
    assert refund.needs_person_since is not None
    assert await _sends(world, refund) == schedule.SENDS_MAX


async def test_sends_that_never_left_are_not_counted(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None))
    payment = await world.payment("lost_request", *["rate_limited"] * 4)
    refund = await world.finish(await a_refund(world.shop, payment, 3_000))
    assert (refund.state, await _sends(world, refund)) == (State.SUCCEEDED, 6)


async def test_each_send_that_may_have_arrived_doubles_the_grace(lay: Lay, owner_rows: OwnerRows) -> None:
    world = await lay(Lab(key_lifetime=None, look_up_grace=timedelta(minutes=1)))
    payment = await world.payment("lost_request", "lost_request")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    await sent_earlier(owner_rows, "65 seconds")
    refund = await world.step(await world.step(refund))
    assert await _sends(world, refund) == 2
    await sent_earlier(owner_rows, "65 seconds")
    assert (await world.step(refund)).state is State.SUBMITTED
    await sent_earlier(owner_rows, "60 seconds")
    assert (await world.step(refund)).state is State.REQUESTED


@pytest.mark.usefixtures("books")
class TestAtARealPse:
    """Pix: it can be asked, and has no key."""

    async def _requested(self, days_ago: float = 0.01) -> Refund:
        shop = await a_shop()
        refund = await a_refund(shop, await a_payment(shop, days_ago=days_ago))
        await an_answer(refund, LOST)
        await rows("UPDATE attempts SET ended_at = ended_at - interval '1 minute' RETURNING id")
        assert (await a_look_up(refund, UNKNOWN)).state is State.REQUESTED
        await an_answer(refund, SLOW_DOWN)
        await schedule.postpone(refund.id, 0)
        return refund

    async def test_no_clear_answer_to_the_question_means_no_send_and_a_longer_wait(self) -> None:
        refund = await self._requested()
        waits = []
        for _ in range(6):
            recorded = await a_look_up(refund, InDoubt("HTTP_500", "trouble"))
            waits.append(recorded.due_in or 0)
        assert recorded.state is State.REQUESTED
        assert waits[-1] > 4 * waits[0] > 0

    async def test_an_answer_that_grows_old_is_asked_for_again(self) -> None:
        refund = await self._requested()
        await a_look_up(refund, UNKNOWN)
        await rows("UPDATE refunds SET unknown_at = unknown_at - interval '2 minutes' RETURNING id")
        work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
        assert isinstance(work, Ask)

    async def test_a_window_that_closes_releases_nothing_that_may_have_arrived(self, owner_rows: OwnerRows) -> None:
        refund = await self._requested(days_ago=89)
        await owner_rows("UPDATE payments SET captured_at = captured_at - interval '2 days'")
        work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
        assert isinstance(work, Ask)
        assert (await Refund.get(id=refund.id)).state is State.REQUESTED


async def test_no_other_refund_of_the_payment_is_sent_while_one_may_arrive_that_only_a_listing_would_tell(
    lay: Lay,
) -> None:
    lab = Lab(key_lifetime=None, look_up=LookUp.BY_LISTING)
    world, payment, _ = await _waiting_after_a_refused_pace(lay, lab)
    other = await world.step(await a_refund(world.shop, payment, 3_000))
    assert not await Attempt.filter(refund_id=other.id).exists()


async def test_a_refund_of_the_back_office_during_the_wait_is_not_taken_for_ours(
    lay: Lay, owner_rows: OwnerRows
) -> None:
    world = await lay(Lab(key_lifetime=None, look_up=LookUp.BY_LISTING))
    payment = await world.payment("rate_limited", "ok", "lost_request")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    by_hand = {"reference": "by-hand", "payment": payment.pse_reference, "amount": 3_000}
    (await world.sandbox.http.post(f"{world.shop.connection.base_url}/refunds", json=by_hand)).raise_for_status()
    await owner_rows("UPDATE refunds SET known_at = known_at - interval '1 hour' WHERE known_at IS NOT NULL")
    refund = await world.finish(refund)
    assert (refund.state, await world.sandbox.paid(payment.pse_reference)) == (State.SUCCEEDED, 3_000 + 3_000)


async def test_a_listing_that_comes_after_a_send_is_not_kept(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None, look_up=LookUp.BY_LISTING))
    refund = await a_refund(world.shop, await world.payment(), 3_000)
    slow = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(slow, Snapshot)
    await listing.keep_snapshot(refund.id, frozenset(), slow.asked_at)
    await an_answer(refund, LOST)
    assert (await a_look_up(refund, UNKNOWN)).state is State.REQUESTED
    await listing.keep_snapshot(refund.id, frozenset({"ours"}), slow.asked_at + timedelta(seconds=1))
    assert (await Refund.get(id=refund.id)).known_before == []


def test_the_same_order_would_be_paid_again_where_neither_a_key_nor_the_reference_hinders_it() -> None:
    pses = ("adyen", "conekta", "dlocal", "ebanx", "mercadopago", "pix", "stripe")
    sent = {
        pse: [one for one in connector(pse).capabilities.values() if one.look_up is not LookUp.NONE] for pse in pses
    }
    assert {pse for pse, ables in sent.items() if any(able.pays_again for able in ables)} == {"conekta", "ebanx"}
