"""Sweeps through a shop: what cannot be taken in holds up nothing else, and nothing is passed over."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.commerce import shops, waiting
from domain.commerce.vocabulary import ShopKind
from domain.models import ShopRefund
from domain.models.refunds import State
from domain.platform.database import execute
from domain.refunds.request import retry
from jobs import shops as jobs
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_key, a_person
from tests.kit.shops import ShopWorld, a_world, connected
from tests.sandbox.shops import woocommerce as woo
from tests.sandbox.shops.erp import SECRET, Erp
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
    assert (failing.polled_until > before, failing.failing_since is not None) == (True, True)
    assert bad in (failing.failing_because or "")
    del shop.refunds[int(bad)][1:]
    await world.later()
    assert [one.amount for one in await world.refunds()] == [4_000, 10]
    await world.look()
    assert (await world.reload()).failing_since is None


async def test_a_shop_that_takes_few_questions_at_once_is_asked_about_each_order_in_the_end(
    world: ShopWorld, shop: WooShop
) -> None:
    for _ in range(13):
        await world.payment(last := shop.order())
    shop.refund(last, "40.00")
    shop.taken = 2  # orders, and then it answers 429
    await world.look()
    assert await world.refunds() == []
    assert (await world.reload()).failing_since is not None
    shop.taken = 11
    await world.later()
    assert [one.amount for one in await world.refunds()] == [4_000]
    shop.taken = None
    await world.look()
    assert (await world.reload()).failing_since is None


async def test_of_what_a_sweep_had_put_aside_a_retired_shop_leaves_orders_with_refunds_to_a_person_alone(
    world: ShopWorld, shop: WooShop
) -> None:
    with_refund, _ = shop.order(), shop.order()
    shop.refund(with_refund, "40.00")
    shop.taken = 0
    await world.look()
    await shops.step(a_person(world.merchant, "ana", Role.ADMIN), world.shop.id, "shopRetire", CAUSE)
    await world.later()
    assert [(row.order_reference, row.why) for row in await world.all()] == [(with_refund, "ORDER_UNREADABLE")]


async def test_a_sweep_that_has_no_time_for_all_orders_leaves_none_of_them_out(
    world: ShopWorld, shop: WooShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_TURN_SECONDS", 0.0)
    order = shop.order()
    await world.payment(order)
    before = world.shop.polled_until
    for amount in ("40.00", "10.00"):
        shop.refund(order, amount)
        await world.look()
    assert [one.amount for one in await world.refunds()] == [4_000, 1_000]
    well = await world.reload()
    assert (well.polled_until > before, well.failing_since) == (True, None)


async def test_what_a_shop_had_said_before_it_was_retired_is_a_persons_and_not_lost(
    world: ShopWorld, shop: WooShop
) -> None:
    ana = a_person(world.merchant, "ana", Role.ADMIN)
    order = shop.order()
    payment = await world.payment(order)
    shop.refund(order, "40.00")
    await shops.step(ana, world.shop.id, "shopPause", CAUSE)
    assert (await world.post(shop.webhook(order))).status_code == 200
    erp = await connected(world.merchant, ShopKind.GENERIC, {"webhook_secret": SECRET}, "ERP")
    await shops.step(ana, erp.id, "shopPause", CAUSE)
    body = {"external_id": "R-1", "order": {"id": order}, "amount": "5.00", "currency": "BRL"}
    raw, headers = Erp().signed(body)
    posted = await world.http.post(f"{world.url}/shops/{erp.id}/refunds", content=raw, headers=headers)
    assert posted.status_code == 202
    await world.work()
    for one in (world.shop.id, erp.id):
        await shops.step(ana, one, "shopRetire", CAUSE)
    await world.work()
    found = await ShopRefund.filter(merchant_id=world.merchant.id, waits_since__isnull=False).order_by("created_at")
    assert [(one.order_reference, one.amount, one.why) for one in found] == [
        (order, None, "ORDER_UNREADABLE"),
        (order, 500, "ORDER_UNREADABLE"),
    ]
    assert await world.refunds() == []
    await waiting.match(ana, found[1].id, payment.id, None, None, "The customer is owed it.", CAUSE)
    assert [one.amount for one in await world.refunds()] == [500]


async def test_a_promise_to_a_shop_that_nobody_keeps_is_found_by_the_check_of_the_books(
    world: ShopWorld, shop: WooShop
) -> None:
    order = shop.order()
    await world.payment(order)
    shop.refund(order, "40.00")
    await world.post(shop.webhook(order))
    await world.work()
    await world.pay()
    assert await invariants.check() == []
    for forgotten, said in (
        ("UPDATE shop_refunds SET told_state = NULL", "told nothing"),
        ("UPDATE shop_notices SET applied_at = NULL", "not worked out"),
    ):
        await execute(forgotten)
        (broken,) = await invariants.check()
        assert broken.name.startswith("shops:")
        assert said in broken.detail
        await execute("UPDATE shop_refunds SET told_state = 'SUCCEEDED'")
        await execute("UPDATE shop_notices SET applied_at = now() WHERE applied_at IS NULL")


async def test_what_the_shops_own_gateway_may_be_paying_this_moment_is_looked_at_again_before_it_is_paid(
    world: ShopWorld, shop: WooShop
) -> None:
    """WooCommerce writes a refund, calls its gateway, and says afterwards that it has paid it."""
    order = shop.order()
    await world.payment(order)
    number = shop.refund(order, "40.00", ago=timedelta())
    await world.post(shop.webhook(order))
    await world.work()
    await world.look()
    assert await world.refunds() == []
    assert (await world.reload()).failing_since is None
    shop.moves(order, number)
    await world.later()
    assert [(row.why, row.refund_id) for row in await world.all()] == [("MOVED_BY_SHOP", None)]


@pytest.mark.parametrize("sent", [False, True])
async def test_what_the_shops_own_gateway_is_said_later_to_have_paid_is_withdrawn_or_a_persons(
    world: ShopWorld, shop: WooShop, sent: bool
) -> None:
    order = shop.order()
    await world.payment(order)
    number = shop.refund(order, "40.00")
    await world.look()
    if sent:
        await world.pay()
    shop.moves(order, number)
    await world.look()
    row = await world.only()
    (refund,) = await world.refunds()
    assert refund.state is (State.SUCCEEDED if sent else State.CANCELED)
    assert (row.why, row.waits_since is not None) == (("MOVED_BY_SHOP", True) if sent else (None, False))
