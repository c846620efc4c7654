"""A connection that is suspended: nothing leaves, its refunds say why they wait, and all goes on when it may."""

from datetime import UTC, datetime, timedelta

from domain.access.tokens import Role
from domain.models import Call, Connection, Event, Refund
from domain.models.connections import ConnectionState
from domain.models.refunds import State
from domain.onboarding import applications, preflight
from domain.refunds import schedule
from jobs import onboarding, reconciliation, refunds
from tests.kit.factories import CAUSE, a_person, a_refund
from tests.kit.nights import today
from tests.kit.world import World


async def test_nothing_leaves_while_the_connection_is_suspended_and_all_goes_on_afterwards(world: World) -> None:
    boss = a_person(world.shop, "boss", Role.ADMINISTRATOR)
    payment = await world.payment()
    refund = await a_refund(world.shop, payment)
    connection_id = world.shop.connection.id
    await applications.step(boss, connection_id, ConnectionState.SUSPENDED, "The key leaked.", CAUSE)
    for _ in range(2):
        await schedule.postpone(refund.id, 0)
        await refunds.step(refund.id, world.sender, world.settings)
    assert await world.sandbox.refund_requests(payment.pse_reference) == 0
    waiting = await Refund.get(id=refund.id)
    assert waiting.state is State.REQUESTED
    told = await Event.filter(refund_id=refund.id, kind="RESTING")
    assert [one.code for one in told] == ["CONNECTION_SUSPENDED"]
    await applications.step(boss, connection_id, ConnectionState.ACTIVE, "A new key is in place.", CAUSE)
    await refunds.step(refund.id, world.sender, world.settings)  # due at once: nobody need wait for the next look
    done = await world.finish(await Refund.get(id=refund.id))
    assert done.state is State.SUCCEEDED
    assert (await Connection.get(id=connection_id)).state is ConnectionState.ACTIVE


async def test_who_waits_for_a_person_waits_as_before(world: World) -> None:
    boss = a_person(world.shop, "boss", Role.ADMINISTRATOR)
    refund = await a_refund(world.shop, await world.payment())
    await Refund.filter(id=refund.id).update(due_at=None)
    await applications.step(boss, world.shop.connection.id, ConnectionState.SUSPENDED, "The key leaked.", CAUSE)
    await applications.step(boss, world.shop.connection.id, ConnectionState.ACTIVE, "It did not.", CAUSE)
    assert (await Refund.get(id=refund.id)).due_at is None


async def test_nobody_asks_a_suspended_connections_pse_anything_but_whether_it_works(world: World) -> None:
    """Neither a webhook's question nor a night's: that nothing leaves is not the refunds' alone."""
    boss, connection_id = a_person(world.shop, "boss", Role.ADMINISTRATOR), world.shop.connection.id
    payment = await world.payment()
    refund = await world.finish(await a_refund(world.shop, payment))
    await applications.step(boss, connection_id, ConnectionState.SUSPENDED, "The key leaked.", CAUSE)
    calls = await Call.filter(connection_id=connection_id).count()
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=refund.reference)
    await world.apply_notices()
    await schedule.postpone(refund.id, 0)
    await refunds.step(refund.id, world.sender, world.settings)
    night = await reconciliation.run(connection_id, today(), world.sender)
    assert night.state == "FAILED"
    assert await Call.filter(connection_id=connection_id).count() == calls
    asked = await preflight.ask_for(world.shop.id, connection_id, CAUSE)
    await onboarding.run_preflight(asked.id, world.sender, world.settings)
    assert await Call.filter(connection_id=connection_id, purpose="PREFLIGHT").exists()
    assert await reconciliation.ring_the_night(datetime.now(UTC) + timedelta(days=3)) == 0
    await applications.step(boss, connection_id, ConnectionState.ACTIVE, "It is another one.", CAUSE)
    assert await reconciliation.ring_the_night(datetime.now(UTC) + timedelta(days=3)) > 0
