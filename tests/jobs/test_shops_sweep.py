"""Sweeps through a shop: what cannot be taken in holds up nothing else, and nothing is passed over."""

from collections.abc import AsyncIterator

import pytest

from domain.access.tokens import Role
from domain.commerce.vocabulary import ShopKind
from domain.models.refunds import State
from domain.refunds.request import retry
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_key, a_person
from tests.kit.shops import ShopWorld, a_world
from tests.sandbox.shops import woocommerce as woo
from tests.sandbox.shops.woocommerce import WooShop


@pytest.fixture
def shop() -> WooShop:
    return WooShop()


@pytest.fixture
async def world(books: Database, shop: WooShop) -> AsyncIterator[ShopWorld]:
    keys = {"consumer_key": woo.KEY, "consumer_secret": woo.SECRET, "webhook_secret": woo.WEBHOOK_SECRET}
    async with a_world(ShopKind.WOOCOMMERCE, shop, {"address": "{url}", "records": "yes", **keys}) as made:
        yield made


async def test_what_a_person_asked_for_again_is_not_withdrawn_by_old_news_and_holds_up_no_sweep(
    world: ShopWorld, shop: WooShop
) -> None:
    order, other = shop.order(), shop.order()
    for one in (order, other):
        await world.payment(one)
    number = shop.refund(order, "40.00")
    await world.look()
    shop.delete(order, number)
    await world.look()
    (refund,) = await world.refunds()
    assert refund.state is State.CANCELED
    boss = a_person(world.merchant, "boss", Role.ADMIN)
    again = (await retry(boss, refund.id, a_key(), CAUSE)).refund
    await world.work()
    shop.refund(other, "10.00")
    await world.look()
    assert (await world.reload()).failing_since is None
    assert [(one.state, one.amount) for one in await world.refunds()][1:] == [
        (State.REQUESTED, 4_000),
        (State.REQUESTED, 1_000),
    ]
    (row,) = [one for one in await world.all() if one.name == number]
    assert (row.why, row.waits_since is not None) == ("CANCELED_TOO_LATE", True)
    assert again.reference in (row.because or "")


async def test_an_order_that_the_shop_cannot_show_holds_up_no_other_and_is_not_passed_over(
    world: ShopWorld, shop: WooShop
) -> None:
    bad, good = shop.order(), shop.order()
    for one in (bad, good):
        await world.payment(one)
    for _ in range(100):  # more than are shown at once
        shop.refund(bad, "0.10")
    shop.refund(good, "40.00")
    before = world.shop.polled_until
    await world.look()
    assert [one.amount for one in await world.refunds()] == [4_000]
    failing = await world.reload()
    assert (failing.polled_until, failing.failing_since is not None) == (before, True)
    assert bad in (failing.failing_because or "")
    del shop.refunds[int(bad)][1:]
    await world.look()
    assert [one.amount for one in await world.refunds()] == [4_000, 10]
    well = await world.reload()
    assert (well.polled_until > before, well.failing_since) == (True, None)
