"""The contract of every connector with its PSE: done, refused, down, done but silent, queued. One line adds a PSE."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from domain import invariants
from domain.lifecycle import State
from domain.pse import registry
from domain.pse.pix import Pix
from domain.pse.vocabulary import Connector
from jobs.http import sender
from tests.conftest import Database
from tests.factories import OwnerRows, Shop, a_refund, a_shop
from tests.sandbox.lab_connector import Lab
from tests.world import World, a_sandbox, quick_settings

# The connector, and the path of its PSE in the sandbox.
PSES: list[tuple[Callable[[], Connector], str]] = [
    (Pix, "/pix/v2"),
    (Lab, "/lab"),
    (lambda: Lab(key_lifetime=None), "/lab"),
    (lambda: Lab(look_up=False), "/lab"),
]


@pytest.fixture(params=PSES, ids=["pix", "lab", "lab without a key", "lab without a look-up"])
def connector(request: pytest.FixtureRequest) -> Iterator[tuple[Connector, str]]:
    make, path = request.param
    made = make()
    before = registry._CONNECTORS.get(made.name)
    registry.register(made)
    yield made, path
    if before is None:
        del registry._CONNECTORS[made.name]


@pytest.fixture
async def world(books: Database, connector: tuple[Connector, str]) -> AsyncIterator[World]:
    made, path = connector
    settings = quick_settings()
    async with a_sandbox() as sandbox, sender(settings.secret_key, settings.send_limit_seconds) as sending:
        able = next(iter(made.capabilities.values()))
        abilities = {"key": able.key_lifetime is not None, "look_up": able.look_up}
        await sandbox.http.post(f"{sandbox.url}/lab/_abilities", json=abilities)
        shop: Shop = await a_shop(
            pse=made.name, base_url=f"{sandbox.url}{path}", token_url=f"{sandbox.url}/oauth/token"
        )
        yield World(shop, sandbox, sending, settings)


@pytest.mark.parametrize(("mood", "ends"), [("ok", State.SUCCEEDED), ("refused", State.FAILED)])
async def test_done_and_refused_are_understood(world: World, mood: str, ends: State) -> None:
    payment = await world.payment(mood)
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    assert refund.state is ends
    assert await world.sandbox.paid(payment.pse_reference) == (4_000 if ends is State.SUCCEEDED else 0)
    assert await invariants.check() == []


@pytest.mark.parametrize("mood", ["lost_answer", "applied_then_500", "half_response"])
async def test_done_but_silent_is_found_out_and_paid_once(world: World, mood: str) -> None:
    payment = await world.payment(mood)
    refund = await world.finish(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000


async def test_down_is_not_failed_and_the_refund_is_paid_when_the_pse_is_back(
    world: World, owner_rows: OwnerRows
) -> None:
    payment = await world.payment("unavailable")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUBMITTED
    await owner_rows("UPDATE attempts SET sent_at = sent_at - interval '1 minute'")
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000


async def test_queued_is_pending_until_the_pse_has_decided(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.PENDING
    assert await world.sandbox.paid(payment.pse_reference) == 0


async def test_partial_refunds_come_one_after_the_other(world: World) -> None:
    payment = await world.payment(amount=10_000)
    for amount in (2_500, 2_500, 5_000):
        assert (await world.finish(await a_refund(world.shop, payment, amount))).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 10_000
    await payment.refresh_from_db()
    assert (payment.refunded, payment.reserved) == (10_000, 0)


def test_every_capability_names_its_source(connector: tuple[Connector, str]) -> None:
    assert all(able.source for able in connector[0].capabilities.values())
