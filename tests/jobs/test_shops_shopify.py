"""Shopify: told by webhooks and by looking, told back on the order; nothing is paid twice, and no echo is heard."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from domain.access.tokens import Role
from domain.commerce import checks, credentials, shops
from domain.commerce.vocabulary import ShopKind
from domain.models import Refund, ShopCheck, ShopNotice, ShopRefund
from domain.models.shops import ShopRefundOrigin
from domain.platform.database import execute, rows
from domain.pse.vocabulary import Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from jobs import shops as jobs
from tests.conftest import Database
from tests.kit.factories import CAUSE, KEY, a_person, a_refund, an_answer
from tests.kit.shops import ShopWorld, a_world
from tests.sandbox.shops.shopify import ShopifyShop

_VALUES = {"address": "{url}", "client_id": "estorno", "client_secret": "hush"}


@pytest.fixture
def shopify() -> ShopifyShop:
    return ShopifyShop()


@pytest.fixture
async def world(books: Database, shopify: ShopifyShop) -> AsyncIterator[ShopWorld]:
    async with a_world(ShopKind.SHOPIFY, shopify, {**_VALUES, "records": "yes"}) as made:
        yield made


def _noted(shopify: ShopifyShop, order: str) -> dict[str, str]:
    """The states that the order's metafield has, by our references."""
    told = json.loads(shopify.orders[order]["metafields"].get("estorno/refunds", "{}"))
    return {name: one["state"] for name, one in told.items()}


async def test_a_refund_of_the_shop_is_paid_once_and_its_status_stands_on_the_order(
    world: ShopWorld, shopify: ShopifyShop
) -> None:
    order = shopify.order()
    await world.payment(order)
    number = shopify.refund(order, "40.00", note="customer")
    hook = shopify.webhook(order, number)
    # Told twice, by another topic too, with other headers, and found by looking: it is one refund.
    body, headers = hook
    others = {**headers, "x-shopify-topic": "orders/updated", "x-shopify-shop-domain": "other.myshopify.com"}
    for said in (hook, hook, (body, others), shopify.webhook(order, number, "order_transactions/create")):
        assert (await world.post(said)).status_code == 200
    await world.look()
    (refund,) = await world.refunds()
    row = await world.only()
    assert (refund.amount, row.name, row.origin) == (4_000, number, ShopRefundOrigin.TOLD)
    notice = await ShopNotice.all().first()
    assert notice is not None
    assert notice.times_received == 4
    refund = await world.pay()
    assert _noted(shopify, order) == {refund.reference: "SUCCEEDED"}
    assert "estorno-succeeded" in shopify.orders[order]["tags"]
    # A second part of the same amount is another refund; the first stays noted.
    shopify.refund(order, "40.00")
    await world.look()
    assert len(await world.refunds()) == 2
    await world.pay()
    assert sorted(_noted(shopify, order).values()) == ["SUCCEEDED", "SUCCEEDED"]
    assert shopify.moved == [], "Shopify itself has moved nothing."
    assert len(shopify.orders[order]["refunds"]) == 2
    assert shopify.tokens_given == 1
    kept = await rows("SELECT headers::text || body || coalesce(answer, '') AS all FROM shop_calls")
    assert kept
    assert not any("hush" in one["all"] or "shopify-token" in one["all"] for one in kept)
    # The money comes back: that is told, too.
    await record(refund.id, Returned("BACK", "account closed"), Source(Door.NOTICE), CAUSE)
    await world.work()
    assert _noted(shopify, order)[refund.reference] == "RETURNED"


async def test_told_and_looked_for_at_one_moment_by_workers_that_die_it_is_one_refund(
    world: ShopWorld, shopify: ShopifyShop
) -> None:
    order = shopify.order()
    await world.payment(order)
    for _ in range(2):
        await world.post(shopify.webhook(order, shopify.refund(order, "40.00")))
    found = [row["id"] for row in await rows("SELECT id FROM shop_notices")]
    await execute("UPDATE shops SET due_at = now()")
    at_once = [jobs.apply(one, world.sender, world.settings) for one in found]
    await asyncio.gather(*at_once, jobs.look_at(world.shop.id, world.sender, world.settings))
    await world.work()
    assert [(row.state.value, row.waits_since) for row in await world.all()] == [("LINKED", None)] * 2
    assert [one.amount for one in await world.refunds()] == [4_000, 4_000]
    # A worker that died after it had asked for the refund, and before it wrote that down.
    await execute(
        "UPDATE shop_refunds SET state = 'RECEIVED', refund_id = NULL, payment_id = NULL, told_state = NULL, "
        "due_at = now()"
    )
    await execute("UPDATE shop_notices SET applied_at = NULL, due_at = now()")
    await world.work()
    await world.look()
    assert [(row.state.value, row.waits_since) for row in await world.all()] == [("LINKED", None)] * 2
    assert len(await world.refunds()) == 2
    # Two at once tell the shop what became of it; one of them dies before it writes down that it did.
    refund = await world.pay((await world.refunds())[0])
    row = await ShopRefund.get(refund_id=refund.id)
    await execute("UPDATE shop_refunds SET told_state = NULL, due_at = now() WHERE id = $1", row.id)
    await asyncio.gather(*(jobs.step(row.id, world.sender, world.settings) for _ in range(2)))
    await world.work()
    assert _noted(shopify, order)[refund.reference] == "SUCCEEDED"


async def test_what_shopify_moves_itself_or_does_not_show_is_a_persons(world: ShopWorld, shopify: ShopifyShop) -> None:
    cards = shopify.order(gateway="shopify_payments", manual=False)
    await world.payment(cards)
    shopify.refund(cards, "40.00")
    old = shopify.order()
    await world.payment(old)
    hook = shopify.webhook(old, shopify.refund(old, "30.00"))
    shopify.hidden.add(old)  # older than 60 days
    await world.post(hook)
    dollars = shopify.order(currency="USD")
    await world.payment(dollars)  # in BRL here
    shopify.refund(dollars, "20.00")
    pesos = shopify.order(currency="CLP")
    shopify.refund(pesos, "1050.50")
    earlier = shopify.order()  # refunded long before the shop was connected; the order changes today
    await world.payment(earlier)
    shopify.made_at = "2026-01-02T03:04:05Z"
    shopify.refund(earlier, "40.00")
    shopify.made_at = None
    goods = shopify.order()
    shopify.orders[goods]["refunds"].append(
        {"id": "gid://shopify/Refund/9", "note": "", "updatedAt": "", "transactions": {"nodes": []}}
    )
    failed = shopify.order()
    shopify.refund(failed, "10.00", status="FAILURE")
    await world.look()
    found = {row.order_reference: (row.state.value, row.why) for row in await world.all()}
    assert found == {
        cards: ("WAITING", "MOVED_BY_SHOP"),
        old: ("WAITING", "ORDER_UNREADABLE"),
        dollars: ("WAITING", "OTHER_CURRENCY"),
        pesos: ("WAITING", "AMOUNT_UNCLEAR"),
        earlier: ("WAITING", "BEFORE_CONNECTED"),
    }
    assert await world.refunds() == []


async def test_hostile_webhooks_make_us_ask_and_no_more(world: ShopWorld, shopify: ShopifyShop) -> None:
    order = shopify.order()
    await world.payment(order)
    await world.payment("999")
    body, headers = shopify.signed({"id": 1, "order_id": int(order), "refund_line_items": []}, "refunds/create")
    assert (await world.post((body + b" ", headers))).status_code == 401
    assert (await world.post((body, {}))).status_code == 401
    strange = [
        {"id": 1, "order_id": 999, "refund_line_items": [], "transactions": [{"kind": "refund", "amount": "100"}]},
        {"id": [], "order_id": {"a": 1}, "refund_line_items": []},
        {"id": 2, "order_id": "1' OR '1'='1", "refund_line_items": []},
        {"id": 1, "order_id": int(order), "gateway": "x", "kind": "refund", "amount": -5},
        {"shop_id": 1, "shop_domain": "loja.myshopify.com", "customer": {"id": 1}},
        {"id": 5, "line_items": [], "refunds": []},
        [1, 2, 3],
    ]
    for one in strange:
        assert (await world.post(shopify.signed(one, "refunds/create"))).status_code == 200, one
    assert (await world.post((body, headers))).status_code == 200
    await world.work()
    assert await world.refunds() == []
    assert {row.why for row in await world.all()} <= {"ORDER_UNREADABLE"}
    other = f"{world.url}/shops/00000000-0000-0000-0000-000000000000"
    assert (await world.http.post(other, content=body, headers=headers)).status_code == 401


async def test_a_refund_made_here_is_recorded_there_once_and_its_echo_is_not_heard(
    world: ShopWorld, shopify: ShopifyShop
) -> None:
    order = shopify.order()
    payment = await world.payment(order)
    refund = await a_refund(world.merchant, payment, 2_500)
    shopify.lost = 1  # the answer to our write never comes
    await an_answer(refund, Succeeded("paid"))
    await world.work()
    (recorded,) = shopify.orders[order]["refunds"]
    row = await world.only()
    assert (row.origin, row.name, row.told_state) == (ShopRefundOrigin.OURS, None, None)
    # Their webhook about it comes before we know its name.
    number = recorded["id"].rpartition("/")[2]
    await world.post(shopify.webhook(order, number))
    await world.work()
    assert (await world.only()).name == number
    await world.later()
    await world.look()
    assert len(shopify.orders[order]["refunds"]) == len(await world.refunds()) == 1
    row = await world.only()
    assert (row.name, row.told_state, row.waits_since) == (number, "SUCCEEDED", None)
    assert shopify.moved == []
    # A refund that says it is ours, and is not, is a person's.
    shopify.refund(order, "25.00", note=f"estorno:{refund.reference}")
    shopify.refund(order, "25.00", note="estorno:zzzzzzzzzzzzzzzzzzzz")
    await world.look()
    assert [row.why for row in await world.all()] == [None, "CLAIMS_OURS", "CLAIMS_OURS"]
    assert len(await world.refunds()) == 1


async def test_it_is_not_recorded_where_shopify_would_pay_it_again(world: ShopWorld, shopify: ShopifyShop) -> None:
    order = shopify.order(gateway="shopify_payments", manual=False)
    payment = await world.payment(shopify.orders[order]["name"])
    refund = await a_refund(world.merchant, payment, 2_500)
    await an_answer(refund, Succeeded("paid"))
    await world.work()
    row = await world.only()
    assert (row.why, shopify.moved, shopify.orders[order]["refunds"]) == ("NOT_TOLD", [], [])
    assert _noted(shopify, order) == {refund.reference: "SUCCEEDED"}


async def test_of_an_order_that_is_not_shown_what_the_shop_asked_for_is_a_persons_and_ours_is_put_to_rest(
    world: ShopWorld, shopify: ShopifyShop
) -> None:
    order = shopify.order()
    await world.payment(order)
    await world.post(shopify.webhook(order, shopify.refund(order, "40.00")))
    await world.work()
    shopify.hidden.add(order)
    await world.pay()
    elsewhere = await a_refund(world.merchant, await world.payment("ML-2000017"))
    await world.pay(elsewhere)
    assert [(row.why, row.told_state) for row in await world.all()] == [("NOT_TOLD", None), (None, "NO_ORDER")]


async def test_a_shop_that_is_asked_too_much_or_away_is_asked_again(world: ShopWorld, shopify: ShopifyShop) -> None:
    order = shopify.order()
    await world.payment(order)
    hook = shopify.webhook(order, shopify.refund(order, "40.00"))
    shopify.throttled = 1
    await world.post(hook)
    await world.work()
    shop = await world.reload()
    assert shop.failing_because is not None
    assert "THROTTLED" in shop.failing_because
    before = shop.polled_until
    shopify.throttled = 1
    await world.look()
    shop = await world.reload()
    assert shop.polled_until == before, "What was not read is read the next time."
    assert await world.all() == []
    await world.later()
    await world.look()
    shop = await world.reload()
    assert shop.polled_until > before
    assert shop.failing_since is None
    assert len(await world.refunds()) == 1
    shopify.throttled = 1
    await world.pay()
    assert (await world.only()).told_state is None
    await world.later()
    assert (await world.only()).told_state == "SUCCEEDED"


async def test_secrets_are_changed_without_a_gap_and_the_preflight_says_what_is_wrong(
    world: ShopWorld, shopify: ShopifyShop
) -> None:
    order = shopify.order()
    await world.payment(order)
    old = shopify.webhook(order, shopify.refund(order, "10.00"))
    admin = a_person(world.merchant, "ana", Role.ADMIN)
    run = await checks.ask_for(admin, world.shop.id, CAUSE)
    shopify.scopes = ["read_orders"]
    await jobs.run_check(run.id, world.sender, world.settings)
    done = await ShopCheck.get(id=run.id)
    assert done.checks is not None
    assert {one["code"]: one["outcome"] for one in done.checks} == {
        "CREDENTIALS": "PASSED",
        "MAY_REFUND": "FAILED",
        "CALLBACK_REGISTERED": "UNKNOWN",
        "CLOCK": "PASSED",
    }
    assert "write_orders" in ((await world.reload()).failing_because or "")
    until = datetime.now(UTC) + timedelta(hours=1)
    shopify.secret = "shh"
    await shops.change(admin, world.shop.id, {"client_secret": "shh"}, until, CAUSE, KEY)
    new = shopify.webhook(order, shopify.refund(order, "20.00"))
    assert (await world.post(old)).status_code == (await world.post(new)).status_code == 200
    await execute("UPDATE shops SET old_valid_until = now() - interval '1 second'")
    assert (await world.post(old)).status_code == 401
    assert await credentials.forget_old_secrets() == 1
    await world.reload()
    await world.work()
    assert sorted(one.amount for one in await world.refunds()) == [1_000, 2_000]
    # While it is paused what comes is kept; retired, it is nobody's address.
    await shops.step(admin, world.shop.id, "shopPause", CAUSE)
    third = shopify.webhook(order, shopify.refund(order, "30.00"))
    assert (await world.post(third)).status_code == 200
    await world.work()
    assert await Refund.all().count() == 2
    await shops.step(admin, world.shop.id, "shopResume", CAUSE)
    await world.work()
    assert await Refund.all().count() == 3
    await shops.step(admin, world.shop.id, "shopRetire", CAUSE)
    assert (await world.post(third)).status_code == 401


async def test_our_app_taken_away_is_seen_at_once(world: ShopWorld, shopify: ShopifyShop) -> None:
    await world.post(shopify.signed({"id": 1, "myshopify_domain": "loja.myshopify.com"}, "app/uninstalled"))
    await world.work()
    assert (await world.reload()).failing_since is not None
    assert await ShopCheck.filter(finished_at=None).count() == 1
    assert await ShopRefund.all().count() == 0
