"""The contract of every connector with its PSE. A connector of the registry and its account get it for free.

Every connector meets every mood of its sandbox and must come out with the same answers: paid once or not at all, known
in the end, and the books equal to the sandbox's own log.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest

from domain import invariants
from domain.models.refunds import State
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.connector import Connector
from domain.pse.vocabulary import Method
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.lab_connector import Lab
from tests.kit.world import World, a_sandbox, a_shop_at, listening, quick_settings, set_abilities

DAY = timedelta(days=1)
LABS: dict[str, Callable[[], Lab]] = {
    "lab": Lab,
    "lab without a key": lambda: Lab(key_lifetime=None),
    "lab without a look-up": lambda: Lab(look_up=LookUp.NONE),
    "lab that lists": lambda: Lab(look_up=LookUp.BY_LISTING, key_lifetime=None),
    "lab that knows its own ids": lambda: Lab(look_up=LookUp.BY_PSE_REFERENCE, key_lifetime=DAY),
}


@pytest.fixture(params=[*registry.connectors(), *LABS])
def connector(request: pytest.FixtureRequest) -> Iterator[Connector]:
    if request.param not in LABS:
        yield registry.connector(request.param)
        return
    made = LABS[request.param]()
    registry.register(made)
    yield made
    registry._CONNECTORS.pop(made.name)


@pytest.fixture
async def world(books: Database, connector: Connector) -> AsyncIterator[World]:
    settings = quick_settings()
    async with a_sandbox() as sandbox, sender(settings.secret_key, settings.send_limit_seconds) as sending:
        if isinstance(connector, Lab):
            await set_abilities(sandbox, connector)
        at_pse = sandbox.at(connector.name)
        shop = await a_shop_at(at_pse)
        async with listening(at_pse, shop, settings) as known:
            yield World(shop, at_pse, sending, known)


def _able(connector: Connector) -> LookUp:
    return connector.capabilities[Method(ACCOUNTS[connector.name].method)].look_up


def _shows(connector: Connector) -> bool:
    return connector.capabilities[Method(ACCOUNTS[connector.name].method)].payment_look_up


@pytest.mark.parametrize(("mood", "ends"), [("ok", State.SUCCEEDED), ("refused", State.FAILED)])
async def test_done_and_refused_are_understood(world: World, connector: Connector, mood: str, ends: State) -> None:
    asked = _shows(connector)  # of what cannot be asked for, a second person would have to say yes first
    payment = await world.payment(mood, confirmed=not asked)
    payment_was = payment.confirmed_by
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    assert refund.state is ends
    await payment.refresh_from_db()
    assert payment.confirmed_by == ("PSE" if asked else payment_was)
    assert await world.sandbox.paid(payment.pse_reference) == (4_000 if ends is State.SUCCEEDED else 0)
    assert await invariants.check() == []


@pytest.mark.parametrize("mood", ["lost_answer", "applied_then_500", "half_response", "look_up_lag", "hang"])
async def test_done_but_silent_is_found_out_and_paid_once(world: World, mood: str) -> None:
    payment = await world.payment(mood, seconds=1.5)
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000
    assert await invariants.check() == []


@pytest.mark.parametrize("mood", ["unavailable", "bad_gateway", "lost_request", "rate_limited"])
async def test_down_is_not_failed_and_the_refund_is_paid_when_the_pse_is_back(
    world: World, owner_rows: OwnerRows, mood: str
) -> None:
    payment = await world.payment(mood)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state in (State.SUBMITTED, State.REQUESTED)
    assert (await world.finish(refund, owner_rows)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000


async def test_a_request_that_arrives_late_is_not_paid_twice(world: World) -> None:
    payment = await world.payment("late_request", seconds=0.3)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    await world.until_paid(payment, 4_000)
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000


async def test_queued_is_pending_until_the_pse_has_decided(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.PENDING
    assert await world.sandbox.paid(payment.pse_reference) == 0
    await world.sandbox.post("settle", payment=payment.pse_reference, refund=await world.name_of(payment))
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000


async def test_partial_refunds_come_one_after_the_other(world: World) -> None:
    payment = await world.payment(amount=10_000)
    for amount in (2_500, 2_500, 5_000):
        assert (await world.finish(await a_refund(world.shop, payment, amount))).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 10_000
    await payment.refresh_from_db()
    assert (payment.refunded, payment.reserved) == (10_000, 0)


async def test_money_that_comes_back_is_returned(world: World) -> None:
    payment = await world.payment()
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    await world.sandbox.post("give-back", payment=payment.pse_reference, refund=await world.name_of(payment))
    assert (await world.finish(refund, wait_for=State.RETURNED)).state is State.RETURNED
    await payment.refresh_from_db()
    assert (payment.refunded, payment.reserved) == (0, 0)
    assert await invariants.check() == []


@pytest.mark.parametrize("mood", ["missing", "late", "duplicate"])
async def test_webhooks_that_go_astray_change_nothing(world: World, connector: Connector, mood: str) -> None:
    if mood == "missing" and _able(connector) is LookUp.NONE:
        pytest.skip("Without its webhook only the report of this PSE tells.")
    payment = await world.payment("pending", webhook_moods=[{"name": mood, "seconds": 0.3, "times": 3}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    await world.sandbox.post("settle", payment=payment.pse_reference, refund=await world.name_of(payment))
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000
    assert await invariants.check() == []


def test_every_capability_names_its_source_and_when_it_was_read(connector: Connector) -> None:
    assert all(able.source and able.as_of for able in connector.capabilities.values())


def test_every_connector_has_an_account_at_the_sandbox(connector: Connector) -> None:
    assert connector.name in ACCOUNTS
