"""What happened to others between a shop and a PSE, and what hostile shops say."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from domain.commerce.vocabulary import ShopKind
from domain.models import Refund, ShopRefund
from tests.conftest import Database
from tests.kit.factories import a_payment, a_shop
from tests.kit.shops import a_world, connected
from tests.sandbox.shops.erp import SECRET, Erp
from tests.sandbox.shops.shopify import ShopifyShop
from tests.sandbox.shops.woocommerce import KEY as WOO_KEY
from tests.sandbox.shops.woocommerce import SECRET as WOO_SECRET
from tests.sandbox.shops.woocommerce import WEBHOOK_SECRET, WooShop

_OTHER = "whsec_" + "QUFB" * 8


async def test_a_part_ends_no_order_and_a_closed_order_still_takes_the_rest(books: Database) -> None:
    """A plugin canceled the order at the first part; another took no refund of an order that was closed."""
    shop = WooShop()
    values = {
        "address": "{url}", "consumer_key": WOO_KEY, "consumer_secret": WOO_SECRET, "webhook_secret": WEBHOOK_SECRET
    }  # fmt: skip
    async with a_world(ShopKind.WOOCOMMERCE, shop, values) as world:
        order = shop.order()
        shop.orders[int(order)]["status"] = "processing"
        before = deepcopy(shop.orders[int(order)])
        await world.payment(order)
        shop.refund(order, "40.00")
        for _ in range(2):  # told twice: a whole refund would hide that it counts once
            await world.post(shop.webhook(order))
            await world.work()
        await world.pay()
        assert shop.orders[int(order)] == before, "Its state is the shop's own."
        assert [one.amount for one in await world.refunds()] == [4_000]
        shop.orders[int(order)]["status"] = "refunded"
        shop.refund(order, "60.00")
        await world.post(shop.webhook(order))
        await world.work()
        await world.pay()
        assert [(one.amount, one.state.value) for one in await world.refunds()] == [
            (4_000, "SUCCEEDED"),
            (6_000, "SUCCEEDED"),
        ]
        assert shop.moved == []


async def test_the_same_order_and_id_at_two_merchants_are_two_and_no_message_counts_at_anothers_address(
    books: Database,
) -> None:
    """References overlap between merchants: one looked a refund up by its reference alone, and changed another's."""
    ours, theirs = Erp(), Erp(_OTHER)
    async with a_world(ShopKind.GENERIC, ours, {"webhook_secret": SECRET}) as world:
        merchant = await a_shop(name="Other")
        shop = await connected(merchant, ShopKind.GENERIC, {"webhook_secret": _OTHER})
        there = replace(world, merchant=merchant, shop=shop)
        for one, amount in ((world, 10_000), (there, 20_000)):
            await a_payment(one.merchant, amount=amount, order="1001")
        asked: dict[str, Any] = {"external_id": "R-1", "order": {"id": "1001"}}
        mine, others = ours.signed(asked), theirs.signed(asked)
        assert (await there.post(mine, "/refunds")).status_code == 401
        assert (await world.post(others, "/refunds")).status_code == 401
        canceled = theirs.signed({**asked, "canceled": True})
        for said, at in ((mine, world), (mine, world), (others, there)):
            assert (await at.post(said, "/refunds")).status_code == 202
        await world.work()
        await there.work()
        assert [one.amount for one in await world.refunds()] == [10_000]
        assert [one.amount for one in await there.refunds()] == [20_000]
        assert (await world.post(canceled, "/refunds")).status_code == 401
        await world.work()
        assert [one.state.value for one in await world.refunds()] == ["REQUESTED"]
        rows = await ShopRefund.filter(name="R-1")
        assert {one.merchant_id for one in rows} == {world.merchant.id, merchant.id}
        # What one of them is paid for is no payment to the other.
        assert await Refund.filter(payment__merchant_id=merchant.id).exclude(merchant_id=merchant.id).count() == 0


async def test_what_the_customer_paid_counts_and_not_the_shops_own_currency(books: Database) -> None:
    """An order has its amounts twice, in the customer's currency and in the shop's; and a body may name any order."""
    shopify = ShopifyShop()
    values = {"address": "{url}", "client_id": "estorno", "client_secret": "hush"}
    async with a_world(ShopKind.SHOPIFY, shopify, values) as world:
        orders = [shopify.order(), shopify.order()]
        await world.payment(orders[0])
        await world.payment(orders[1], currency="USD")
        for order in orders:
            number = shopify.refund(order, "40.00")
            (made,) = shopify.orders[order]["refunds"][-1]["transactions"]["nodes"]
            made["amountSet"]["shopMoney"] = {"amount": "7.90", "currencyCode": "USD"}
            await world.post(shopify.webhook(order, number))
        foreign = await a_payment(await a_shop(name="Other"), order="990017")
        body = {"id": 1, "order_id": 990017, "note": "", "refund_line_items": [], "transactions": [], "currency": "BRL"}
        forged = shopify.signed({**body, "order_adjustments": []}, "refunds/create")
        assert (await world.post(forged)).status_code == 200
        await world.work()
        assert [(one.amount, one.currency) for one in await world.refunds()] == [(4_000, "BRL")]
        found = {row.order_reference: row.why for row in await world.all()}
        assert found[orders[1]] == "OTHER_CURRENCY"
        assert await Refund.filter(payment_id=foreign.id).count() == 0
