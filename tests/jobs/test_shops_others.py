"""Magento, WooCommerce and Mabang: told where they tell, looked at where they do not, and never paid twice."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.access.tokens import Role
from domain.commerce import checks, shops
from domain.commerce.magento.dialect import Magento
from domain.commerce.vocabulary import ShopKind
from domain.models import Shop, ShopCheck, ShopRefund
from domain.models.shops import ShopRefundOrigin
from domain.problems import InvalidInput
from domain.pse.vocabulary import Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from jobs import shops as jobs
from tests.conftest import Database
from tests.kit.factories import CAUSE, KEY, a_person, a_refund, an_answer
from tests.kit.shops import ShopWorld, a_world, connected
from tests.kit.world import served
from tests.sandbox.conekta.key import PRIVATE_KEY
from tests.sandbox.shops import mabang as erp
from tests.sandbox.shops import magento as m2
from tests.sandbox.shops import woocommerce as woo
from tests.sandbox.shops.mabang import MabangErp
from tests.sandbox.shops.magento import MagentoShop
from tests.sandbox.shops.woocommerce import WooShop


@pytest.fixture
def magento() -> MagentoShop:
    return MagentoShop(PRIVATE_KEY.encode())


@pytest.fixture
async def at_magento(
    books: Database, magento: MagentoShop, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ShopWorld]:
    values = {"address": "{url}", "consumer_key": "ck", "io_client_id": "io-client", "records": "yes", **m2.SECRETS}
    async with a_world(ShopKind.MAGENTO, magento, values) as made:
        monkeypatch.setattr(Magento, "keys_at", made.shop.address)  # Adobe's host, here the sandbox's
        yield made


async def test_an_event_of_adobe_is_believed_by_its_published_key(at_magento: ShopWorld, magento: MagentoShop) -> None:
    world, order = at_magento, magento.order()
    await world.payment(f"{int(order):09d}")
    greeting = await world.http.get(f"{world.url}/shops/{world.shop.id}?challenge=8ec8d794-e0ab")
    assert (greeting.text, greeting.headers["content-type"].split(";")[0]) == ("8ec8d794-e0ab", "text/plain")
    event = magento.event(magento.refund(order, "40.00"))
    assert (await world.post(event)).status_code == 503, "Of a 503 Adobe tries again; the key is fetched meanwhile."
    await jobs.look_at(world.shop.id, world.sender, world.settings)
    assert magento.keys_given == 1
    for _ in range(2):
        assert (await world.post(event)).status_code == 200
    body, headers = event
    for forged in (
        (body + b" ", headers),
        (body, {**headers, "x-adobe-digital-signature-1": "AAAA"}),
        (body, {**headers, "x-adobe-public-key1-path": "/prod/keys/../../evil.pem"}),
        (body, {**headers, "x-adobe-public-key1-path": "https://evil.test/prod/keys/pub-key-1.pem"}),
        magento.signed({"recipientclientid": "another", "type": "x", "data": {}}),
    ):
        answer = await world.post(forged)
        assert answer.status_code in (401, 503), "503: it names a key that we do not have, and which does not exist."
    await jobs.look_at(world.shop.id, world.sender, world.settings)
    assert (await Shop.get(id=world.shop.id)).wanted_key is None
    await world.work()
    (refund,) = await world.refunds()
    assert refund.amount == 4_000
    await world.pay()
    memo = (await world.only()).name
    assert memo is not None
    (comment,) = magento.memos[memo]["comments"]
    assert "SUCCEEDED" in comment["comment"]
    # The comment is a save of the memo, which is an event again; and the sweep finds it, too.
    await world.post(magento.event(memo))
    await world.look()
    assert len(magento.memos[memo]["comments"]) == len(await world.refunds()) == 1
    assert magento.moved == []


async def test_credit_memos_are_found_by_looking_and_ours_are_offline_and_once(
    at_magento: ShopWorld, magento: MagentoShop
) -> None:
    world = at_magento
    online, offline, dollars = magento.order(online=True), magento.order(), magento.order(currency="USD")
    for order in (online, offline, dollars):
        await world.payment(order)
    magento.refund(online, "10.00", online=True)
    magento.refund(dollars, "10.00")
    canceled = magento.refund(offline, "10.0000")
    await world.look()
    assert {row.order_reference: row.why for row in await world.all()} == {
        online: "MOVED_BY_SHOP",
        dollars: "OTHER_CURRENCY",
        offline: None,
    }
    magento.memos[canceled]["state"] = 3
    await world.look()
    assert [one.state.value for one in await world.refunds()] == ["CANCELED"]
    before, moved = len(magento.memos), list(magento.moved)
    for order, amount in ((online, 2_500), (offline, None)):
        refund = await a_refund(world.merchant, await world.payment(f"{int(order):09d}"), amount)
        magento.lost = 1
        await an_answer(refund, Succeeded(f"paid {order}"))
        await world.work()
        await world.later()
    await an_answer(await a_refund(world.merchant, await world.payment("of another place")), Succeeded("paid"))
    await world.work()
    ours = [row for row in await world.all() if row.origin is ShopRefundOrigin.OURS]
    assert [row.told_state for row in ours] == ["SUCCEEDED", "SUCCEEDED", "NO_ORDER"]
    assert len(magento.memos) == before + 2
    assert magento.moved == moved, "An online refund would have moved it again."
    part = next(body for path, body in magento.posts if path.startswith("invoice/"))
    assert (part["isOnline"], str(part["arguments"]["adjustment_positive"])) == (False, "25.00")
    await world.look()
    assert len(await world.refunds()) == 4


async def test_a_part_of_an_order_in_another_currency_than_magentos_own_is_never_recorded_as_more(
    at_magento: ShopWorld, magento: MagentoShop
) -> None:
    """What is taken back without goods is said to Magento in its base currency, and not in the order's."""
    world, orders = at_magento, [magento.order(base=("USD", "5.40")) for _ in range(2)]
    for order, amount in zip(orders, (2_500, None), strict=True):
        refund = await a_refund(world.merchant, await world.payment(f"{int(order):09d}"), amount)
        await an_answer(refund, Succeeded(f"paid {order}"))
    await world.work()
    assert [str(one["grand_total"]) for one in magento.memos.values()] == ["100.00"]
    assert {(row.amount, row.why, row.told_state) for row in await world.all()} == {
        (2_500, "NOT_TOLD", None),
        (10_000, None, "SUCCEEDED"),
    }


@pytest.fixture
def shop() -> WooShop:
    return WooShop()


@pytest.fixture
async def at_woo(books: Database, shop: WooShop) -> AsyncIterator[ShopWorld]:
    keys = {"consumer_key": woo.KEY, "consumer_secret": woo.SECRET, "webhook_secret": woo.WEBHOOK_SECRET}
    async with a_world(ShopKind.WOOCOMMERCE, shop, {"address": "{url}", "records": "yes", **keys}) as made:
        yield made


async def test_a_refund_in_another_currency_than_the_orders_is_not_recorded_as_one_in_the_orders(
    at_woo: ShopWorld, shop: WooShop
) -> None:
    """A shop sells in dollars, and its PSE has charged the customer in reais."""
    order = shop.order(currency="USD")
    await an_answer(await a_refund(at_woo.merchant, await at_woo.payment(order), 5_400), Succeeded("paid"))
    await at_woo.work()
    assert shop.refunds[int(order)] == []
    assert [(row.why, row.told_state) for row in await at_woo.all()] == [("NOT_TOLD", None)]


async def test_a_number_that_may_be_another_orders_id_waits_for_a_person(at_woo: ShopWorld, shop: WooShop) -> None:
    """A plugin numbers orders anew: this one is called as another's id is, and the payment is the other's."""
    called, other = shop.order(), "1001"
    shop.orders[int(called)]["number"] = other
    await at_woo.payment(other)
    shop.refund(called, "40.00")
    await at_woo.post(shop.webhook(called))
    await at_woo.work()
    assert (await at_woo.only()).why == "OTHER_ORDER"
    assert await at_woo.refunds() == []


async def test_a_refund_of_an_order_that_is_none_of_the_shops_is_put_to_rest_and_calls_nobody(
    at_woo: ShopWorld, shop: WooShop
) -> None:
    """A store whose orders come from two places has payments of orders that one of its shops never had."""
    for order in ("990017", "ML-2000017"):
        refund = await a_refund(at_woo.merchant, await at_woo.payment(order))
        await an_answer(refund, Succeeded(f"paid {order}"))
    await at_woo.work()
    found = await at_woo.all()
    assert {(row.state.value, row.why, row.waits_since, row.due_at) for row in found} == {("LINKED", None, None, None)}
    assert {row.told_detail for row in found} == {"The shop has no such order."}
    await record(refund.id, Returned("BACK", "account closed"), Source(Door.NOTICE), CAUSE)
    await at_woo.work()
    assert [row.waits_since for row in await at_woo.all()] == [None, None], "Nor is it told there that it came back."


async def test_of_two_shops_of_a_store_the_one_that_has_the_order_has_the_refund_written_there(
    at_woo: ShopWorld, shop: WooShop
) -> None:
    second = WooShop()
    del second.orders[int(second.order())]  # else both have an order of the same number
    async with served(Starlette(routes=second.routes())) as there:
        keys = {"consumer_key": woo.KEY, "consumer_secret": woo.SECRET, "webhook_secret": woo.WEBHOOK_SECRET}
        await connected(at_woo.merchant, ShopKind.WOOCOMMERCE, {"address": there, "records": "yes", **keys}, "Second")
        ours, theirs = shop.order(), second.order()
        for order in (ours, theirs, "990017"):
            refund = await a_refund(at_woo.merchant, await at_woo.payment(order))
            await an_answer(refund, Succeeded(f"paid {order}"))
        await at_woo.work()
    assert (len(shop.refunds[int(ours)]), len(second.refunds[int(theirs)])) == (1, 1)
    assert await ShopRefund.filter(told_state="NO_ORDER", waits_since=None).count() >= 2
    assert not await ShopRefund.exists(waits_since__isnull=False)


async def test_woocommerce_tells_once_is_looked_at_and_its_gateway_is_never_called(
    at_woo: ShopWorld, shop: WooShop
) -> None:
    world = at_woo
    run = await checks.ask_for(a_person(world.merchant, "ana", Role.ADMIN), world.shop.id, CAUSE)
    await jobs.run_check(run.id, world.sender, world.settings)
    assert (await ShopCheck.get(id=run.id)).outcome == "FAILED", "No webhook leads to us."
    ping = await world.post((b"webhook_id=5", {"content-type": "application/x-www-form-urlencoded"}))
    assert ping.status_code == 200
    order, other = shop.order(), shop.order()
    payment = await world.payment(order)
    await world.payment(other)
    number = shop.refund(order, "40.00")
    assert (await world.post(shop.webhook(order))).status_code == 200
    body, headers = shop.webhook(order)
    assert (await world.post((body.replace(b"40", b"99"), headers))).status_code == 401
    await world.work()
    shop.refund(other, "15.00", by_gateway=True)  # and its webhook never came
    await world.look()
    found = {row.order_reference: (row.name, row.why) for row in await world.all()}
    assert found[order] == (number, None)
    assert found[other][1] == "MOVED_BY_SHOP"
    await world.pay()
    assert [one["note"].count("SUCCEEDED") for one in shop.notes[int(order)]] == [1]
    # A refund of ours is recorded there, once, though the answer was lost.
    refund = await a_refund(world.merchant, payment, 1_000)
    shop.lost = 1
    await an_answer(refund, Succeeded("paid"))
    await world.work()
    await world.later()
    await world.look()
    assert [one["amount"] for one in shop.refunds[int(order)]] == ["40.00", "10.00"]
    assert shop.moved == ["15.00"]
    assert len(await world.refunds()) == 2
    # One that is deleted before it is paid is withdrawn, one that is paid is a person's.
    third = shop.refund(order, "5.00")
    await world.look()
    assert (await world.refunds())[-1].state.value == "REQUESTED"
    shop.delete(order, third)
    shop.delete(order, number)
    await world.look()
    assert (await world.refunds())[-1].state.value == "CANCELED"
    assert {row.name: row.why for row in await world.all()}[number] == "CANCELED_TOO_LATE"


async def test_mabangs_lists_are_read_as_the_merchant_has_named_their_fields(books: Database) -> None:
    foreign = MabangErp()
    now = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"
    row = {"platformOrderId": "O-1", "status": "2", "currencyId": "BRL", "amount": "12.50", "refundTime": now}
    foreign.rows["order-get-return-order-list-v2"] = [
        {**row, "returnOrderId": "1"},
        {**row, "returnOrderId": "2", "status": "1"},
        {**row, "returnOrderId": "3", "platformOrderId": "O-2", "amount": "1,5"},
        {**row, "returnOrderId": "4", "status": "5"},
        {**row, "returnOrderId": "5", "platformOrderId": "O-2"},
        {**row, "returnOrderId": "6", "platformOrderId": "O-2", "refundTime": "2026-01-02 03:04:05"},
        {**row, "returnOrderId": "7", "platformOrderId": "O-2", "refundTime": None},
    ]
    foreign.rows["order-get-refund-list"] = [
        {"no": 7, "platformOrderId": "O-3", "sum": 3.1, "at": now, "cur": "BRL", "st": "done"}
    ]
    values = {"address": "{url}/api/v2", "appkey": "200000", "developer_key": erp.KEY, "return_amount_field": "amount"}
    values |= {"refund_id_field": "no", "refund_amount_field": "sum", "refund_currency_field": "cur"}
    values |= {"refund_time_field": "at", "refund_status_field": "st", "refund_statuses": "done,paid"}
    async with a_world(ShopKind.MABANG, foreign, values) as world:
        for order in ("O-1", "O-2", "O-3"):
            await world.payment(order)
        for _ in range(2):
            await world.look()
        found = {one.name: (one.state.value, one.why) for one in await world.all()}
        assert found == {
            "return:1": ("LINKED", None),
            "return:3": ("WAITING", "AMOUNT_UNCLEAR"),
            "return:4": ("DISMISSED", "CANCELED_TOO_LATE"),
            "return:5": ("LINKED", None),
            "return:6": ("WAITING", "BEFORE_CONNECTED"),
            "return:7": ("WAITING", "BEFORE_CONNECTED"),
            "refund:7": ("LINKED", None),
        }
        assert [one.amount for one in await world.refunds()] == [1_250, 1_250, 310]
        since = foreign.asked[0]["data"]["updateDateStart"]
        hours = datetime.strptime(since, "%Y-%m-%d %H:%M:%S") - datetime.now(UTC).replace(tzinfo=None)
        assert round(hours.total_seconds() / 3600 * 2) == 15, "Beijing's clock, half an hour back."
        assert (await world.http.post(f"{world.url}/shops/{world.shop.id}", content=b"{}")).status_code == 401
        await world.pay()
        assert (await world.all())[-1].told_state == "SUCCEEDED"


async def test_what_stands_in_both_of_mabangs_lists_is_paid_once_and_the_other_is_a_persons(books: Database) -> None:
    foreign = MabangErp()
    now = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"
    row = {"platformOrderId": "O-1", "status": "2", "currencyId": "BRL", "amount": "12.50", "refundTime": now}
    foreign.rows["order-get-return-order-list-v2"] = [{**row, "returnOrderId": one} for one in "12"]
    foreign.rows["order-get-refund-list"] = [{**row, "no": 7}]
    values = {"address": "{url}/api/v2", "appkey": "200000", "developer_key": erp.KEY, "return_amount_field": "amount"}
    values |= {"refund_id_field": "no", "refund_amount_field": "amount", "refund_time_field": "refundTime"}
    async with a_world(ShopKind.MABANG, foreign, {**values, "refund_statuses": "2"}) as world:
        await world.payment("O-1")
        await world.look()
        found = {one.name: (one.state.value, one.why) for one in await world.all()}
        assert found == {
            "return:1": ("LINKED", None),
            "return:2": ("LINKED", None),
            "refund:7": ("WAITING", "ALREADY_REFUNDED"),
        }
        assert [one.amount for one in await world.refunds()] == [1_250, 1_250]


async def test_a_shops_secrets_go_to_no_other_host_than_they_were_given_for(at_woo: ShopWorld) -> None:
    eva = a_person(at_woo.merchant, "eva", Role.ADMIN)
    heard: list[str] = []

    async def hear(request: Request) -> Response:
        heard.append(request.headers.get("authorization", ""))
        return Response(status_code=404)

    async with served(Starlette(routes=[Route("/{path:path}", hear)])) as elsewhere:
        with pytest.raises(InvalidInput, match="consumer_key, consumer_secret, webhook_secret"):
            await shops.change(eva, at_woo.shop.id, {"address": elsewhere}, None, CAUSE, KEY)
        await at_woo.reload()
        await at_woo.look()
        assert heard == []
        fresh = dict.fromkeys(("consumer_key", "consumer_secret", "webhook_secret"), "another0of0the0host")
        await shops.change(eva, at_woo.shop.id, {"address": elsewhere, **fresh}, None, CAUSE, KEY)
        await at_woo.reload()
        await at_woo.look()
        assert heard, "It is asked there now, with what was given for it."
    # A path on the same host is the same server's.
    await shops.change(eva, at_woo.shop.id, {"address": f"{elsewhere}/loja"}, None, CAUSE, KEY)
