"""All that a network and a PSE can do × all that a PSE can or cannot: nothing in doubt fails or is paid twice."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from domain import invariants
from domain.models import Attempt, Event, Finding, Refund
from domain.models.refunds import State
from domain.pse import registry
from domain.pse.capabilities import LookUp
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.factories import OwnerRows, a_refund, sent_earlier
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay, World, a_sandbox, a_shop_at, quick_settings, set_abilities

DAY = timedelta(days=1)
LABS: dict[str, Callable[[], Lab]] = {
    "key and look-up": lambda: Lab(key_lifetime=DAY, look_up=LookUp.BY_REFERENCE),
    "key only": lambda: Lab(key_lifetime=DAY, look_up=LookUp.NONE),
    "look-up only": lambda: Lab(key_lifetime=None, look_up=LookUp.BY_REFERENCE),
    "listing only": lambda: Lab(key_lifetime=None, look_up=LookUp.BY_LISTING),
    "neither": lambda: Lab(key_lifetime=None, look_up=LookUp.NONE),
}
# What the PSE has done when the worker hears nothing clear: paid, or never heard of it.
PAID = ("lost_answer", "applied_then_500", "half_response", "hang")
NOT_PAID = ("lost_request", "unavailable", "bad_gateway")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(lasting_books: Database) -> AsyncIterator[World]:
    """One shop at the laboratory PSE for all of them: each has its own payment."""
    registry.register(Lab())
    settings = quick_settings()
    async with a_sandbox() as sandbox, sender(settings.secret_key, settings.send_limit_seconds) as sending:
        at_lab = sandbox.at("lab")
        yield World(await a_shop_at(at_lab), at_lab, sending, settings)
        # Once for all of them, for each question is about the whole of the books.
        assert await invariants.check() == []
    registry._CONNECTORS.pop("lab")


@pytest_asyncio.fixture(loop_scope="module")
async def lay(ground: World) -> AsyncIterator[Lay]:
    """As the worker's tests have it, around the shop that is there; the breaker is each test's own."""
    async with sender(ground.settings.secret_key, ground.settings.send_limit_seconds) as sending:

        async def make(lab: Lab) -> World:
            registry.register(lab)
            await set_abilities(ground.sandbox, lab)
            return World(ground.shop, ground.sandbox, sending, ground.settings)

        yield make


@pytest.mark.parametrize("mood", [*PAID, *NOT_PAID])
@pytest.mark.parametrize("abilities", LABS)
async def test_in_doubt_the_amount_stays_reserved_and_nothing_is_failed(lay: Lay, abilities: str, mood: str) -> None:
    world = await lay(LABS[abilities]())
    payment = await world.payment(mood, seconds=1.5)
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    await payment.refresh_from_db()
    assert (refund.state, refund.doubt_since is not None) == (State.SUBMITTED, True)
    assert (payment.reserved, payment.refunded) == (3_000, 0)
    assert await Event.filter(refund_id=refund.id, kind="IN_DOUBT").count() == 1


@pytest.mark.parametrize("mood", [*PAID, *NOT_PAID])
@pytest.mark.parametrize("abilities", LABS)
async def test_doubt_ends_by_the_table_and_is_paid_at_most_once(lay: Lay, abilities: str, mood: str) -> None:
    world = await lay(LABS[abilities]())
    payment = await world.payment(mood, seconds=1.5)
    refund = await world.finish(await a_refund(world.shop, payment, 3_000))
    paid, sends = await world.sandbox.paid(payment.pse_reference), await _sends(world, refund)
    if abilities == "neither":
        # Nobody can be asked and nothing may be sent again: only a person ends it.
        assert (refund.state, refund.needs_person_since is not None, sends) == (State.SUBMITTED, True, 1)
        assert await Finding.filter(kind="DOUBT_UNRESOLVED", refund_id=refund.id).count() == 1
        assert await Event.filter(refund_id=refund.id, kind="NEEDS_PERSON").count() == 1
        assert paid == (3_000 if mood in PAID else 0)
    else:
        assert (refund.state, paid) == (State.SUCCEEDED, 3_000)
        asked_first = abilities != "key only"
        assert sends == (1 if mood in PAID and asked_first else 2)


async def _sends(world: World, refund: Refund) -> int:
    seen = (await world.sandbox.get("requests"))["requests"]
    return sum(one["method"] == "POST" and one["refund"] == refund.reference for one in seen)


@pytest.mark.parametrize("abilities", LABS)
async def test_told_to_slow_down_is_certainly_not_done_and_is_sent_again_later(lay: Lay, abilities: str) -> None:
    world = await lay(LABS[abilities]())
    payment = await world.payment("rate_limited")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    assert (refund.state, refund.doubt_since) == (State.REQUESTED, None)
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 3_000


@pytest.mark.parametrize("abilities", ["key and look-up", "look-up only", "listing only"])
async def test_a_lost_request_that_arrives_within_the_grace_is_not_sent_again(lay: Lay, abilities: str) -> None:
    made = LABS[abilities]().able
    world = await lay(Lab(key_lifetime=made.key_lifetime, look_up=made.look_up, look_up_grace=timedelta(hours=1)))
    payment = await world.payment("late_request", seconds=1.0)
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    assert (await world.step(refund)).state is State.SUBMITTED  # unknown, and too early to believe it
    await world.until_paid(payment, 3_000)
    refund = await world.finish(refund)
    assert (refund.state, await _sends(world, refund)) == (State.SUCCEEDED, 1)


@pytest.mark.parametrize("abilities", ["look-up only", "listing only"])
async def test_a_look_up_that_lags_within_the_grace_leads_to_no_second_send(lay: Lay, abilities: str) -> None:
    look_up = LABS[abilities]().able.look_up
    world = await lay(Lab(key_lifetime=None, look_up=look_up, look_up_grace=timedelta(hours=1)))
    payment = await world.payment("look_up_lag", seconds=0.5)
    await world.sandbox.post("moods", payment=payment.pse_reference, moods=[{"name": "look_up_lag", "seconds": 0.5}])
    refund = await a_refund(world.shop, payment, 3_000)
    await world.sandbox.post("moods", payment=payment.pse_reference, moods=[{"name": "lost_answer"}])
    refund = await world.finish(refund)
    assert (refund.state, await _sends(world, refund)) == (State.SUCCEEDED, 1)


async def test_an_ambiguous_refusal_of_a_later_attempt_is_looked_up_and_never_a_refusal(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None, look_up=LookUp.BY_REFERENCE))
    payment = await world.payment("late_request", amount=3_000, seconds=0.3)
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    refund = await world.step(refund)  # unknown, believed (no grace): sent again
    await world.until_paid(payment, 3_000)
    refund = await world.finish(refund)
    # The second send finds the amount spoken for; the look-up then finds the first.
    assert (refund.state, await world.sandbox.paid(payment.pse_reference)) == (State.SUCCEEDED, 3_000)


async def test_the_end_of_a_look_up_schedule_calls_a_person_and_goes_on_asking(
    lay: Lay, lasting_owner_rows: OwnerRows
) -> None:
    world = await lay(Lab(key_lifetime=None, look_up=LookUp.BY_REFERENCE, look_up_grace=timedelta(days=9)))
    payment = await world.payment("lost_request")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    for _ in range(45):
        refund = await world.step(refund)
    assert refund.needs_person_since is not None
    assert refund.due_at is not None
    assert await Finding.filter(kind="DOUBT_UNRESOLVED", refund_id=refund.id).count() == 1
    assert await Event.filter(refund_id=refund.id, kind="NEEDS_PERSON").count() == 1
    await sent_earlier(lasting_owner_rows, "10 days", refund)
    assert (await world.finish(await world.step(refund))).state is State.SUCCEEDED
    assert await Finding.filter(kind="DOUBT_UNRESOLVED", refund_id=refund.id, resolved_at=None).count() == 0


async def test_two_refunds_of_one_payment_are_never_in_doubt_together_where_only_a_listing_tells(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None, look_up=LookUp.BY_LISTING, look_up_grace=timedelta(hours=1)))
    payment = await world.payment("lost_request", "ok")
    first = await world.step(await a_refund(world.shop, payment, 3_000))
    second = await world.step(await a_refund(world.shop, payment, 3_000))
    assert (first.state, second.state) == (State.SUBMITTED, State.REQUESTED)
    assert not await Attempt.filter(refund_id=second.id).exists()
    assert await world.sandbox.paid(payment.pse_reference) == 0
