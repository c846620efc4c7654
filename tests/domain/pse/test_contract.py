"""The contract of every connector with its PSE. A connector of the registry and its account get it for free.

Every connector meets every mood of its sandbox and must come out with the same answers: paid once or not at all, known
in the end, and the books equal to the sandbox's own log.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from domain import invariants
from domain.models.refunds import State
from domain.platform.settings import Settings
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.connector import Connector
from domain.pse.vocabulary import Method
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import OwnerRows, Shop, a_refund, a_yes
from tests.kit.lab_connector import Lab
from tests.kit.world import World, a_sandbox, a_shop_at, our_door, quick_settings, set_abilities, show_door
from tests.sandbox.client import SandboxClient

DAY = timedelta(days=1)
LABS: dict[str, Callable[[], Lab]] = {
    "lab": Lab,
    "lab without a key": lambda: Lab(key_lifetime=None),
    "lab without a look-up": lambda: Lab(look_up=LookUp.NONE),
    "lab that lists": lambda: Lab(look_up=LookUp.BY_LISTING, key_lifetime=None),
    "lab that knows its own ids": lambda: Lab(look_up=LookUp.BY_PSE_REFERENCE, key_lifetime=DAY),
}


pytestmark = pytest.mark.asyncio(loop_scope="module")
lasting = pytest_asyncio.fixture(scope="module", loop_scope="module")


@dataclass(frozen=True, slots=True)
class Stage:
    """What all the worlds of the module share: each test has its own payments, and a breaker of its own."""

    sandbox: SandboxClient
    settings: Settings
    played: dict[UUID, str]  # which test has made a payment


@lasting
async def stage(lasting_books: Database) -> AsyncIterator[Stage]:
    async with a_sandbox() as sandbox, our_door(quick_settings()) as settings:
        made = Stage(sandbox, settings, {})
        yield made
        # Once for all of them, for each question is about the whole of the books.
        broken = await invariants.check()
        assert [(made.played.get(one.payment_id) if one.payment_id else None, one) for one in broken] == []


@pytest.fixture(scope="module", params=[*registry.connectors(), *LABS])
def connector(request: pytest.FixtureRequest) -> Iterator[Connector]:
    if request.param not in LABS:
        yield registry.connector(request.param)
        return
    made = LABS[request.param]()
    registry.register(made)
    yield made
    registry._CONNECTORS.pop(made.name)


@lasting
async def shop(stage: Stage, connector: Connector) -> Shop:
    at_pse = stage.sandbox.at(connector.name)
    if isinstance(connector, Lab):
        await set_abilities(stage.sandbox, connector)
    made = await a_shop_at(at_pse)
    await show_door(at_pse, made, stage.settings)
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def world(stage: Stage, connector: Connector, shop: Shop, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    settings = stage.settings
    async with sender(settings.secret_key, settings.send_limit_seconds) as sending:
        made = World(shop, stage.sandbox.at(connector.name), sending, settings)
        yield made
        stage.played.update(dict.fromkeys(made.payments, request.node.name))


def _able(connector: Connector) -> LookUp:
    return connector.capabilities[Method(ACCOUNTS[connector.name].method)].look_up


def _shows(connector: Connector) -> bool:
    return connector.capabilities[Method(ACCOUNTS[connector.name].method)].payment_look_up


@pytest.mark.parametrize(("mood", "ends"), [("ok", State.SUCCEEDED), ("refused", State.FAILED)])
async def test_done_and_refused_are_understood(world: World, connector: Connector, mood: str, ends: State) -> None:
    payment = await world.payment(mood, confirmed=False)
    asked = _shows(connector)
    refund = await a_refund(world.shop, payment, 4_000)
    if not asked:
        refund = await a_yes(world.shop, refund)
    refund = await world.finish(refund)
    assert refund.state is ends
    await payment.refresh_from_db()
    assert payment.confirmed_by == ("PSE" if asked else None)
    assert await world.sandbox.paid(payment.pse_reference) == (4_000 if ends is State.SUCCEEDED else 0)


@pytest.mark.parametrize("mood", ["lost_answer", "applied_then_500", "half_response", "look_up_lag", "hang"])
async def test_done_but_silent_is_found_out_and_paid_once(world: World, mood: str) -> None:
    payment = await world.payment(mood, seconds=1.5)
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000


@pytest.mark.parametrize("mood", ["unavailable", "bad_gateway", "lost_request", "rate_limited"])
async def test_down_is_not_failed_and_the_refund_is_paid_when_the_pse_is_back(
    world: World, lasting_owner_rows: OwnerRows, mood: str
) -> None:
    payment = await world.payment(mood)
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state in (State.SUBMITTED, State.REQUESTED)
    assert (await world.finish(refund, lasting_owner_rows)).state is State.SUCCEEDED
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


@pytest.mark.parametrize("mood", ["missing", "late", "duplicate"])
async def test_webhooks_that_go_astray_change_nothing(world: World, connector: Connector, mood: str) -> None:
    if mood == "missing" and _able(connector) is LookUp.NONE:
        pytest.skip("Without its webhook only the report of this PSE tells.")
    payment = await world.payment("pending", webhook_moods=[{"name": mood, "seconds": 0.3, "times": 3}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    await world.sandbox.post("settle", payment=payment.pse_reference, refund=await world.name_of(payment))
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000


async def test_every_capability_names_its_source_and_when_it_was_read(connector: Connector) -> None:
    assert all(able.source and able.as_of for able in connector.capabilities.values())


async def test_every_connector_has_an_account_at_the_sandbox(connector: Connector) -> None:
    assert connector.name in ACCOUNTS
