"""Shops: connected, looked at, changed and retired from the console, and their refunds worked off there."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.commerce import settle
from domain.commerce.vocabulary import SaidRefund, Why
from domain.models import Refund, Shop, ShopCall, ShopRefund
from domain.models.shops import ShopState
from domain.money import Money
from tests.api.console.conftest import Browser, sign_in
from tests.kit.console.world import global_id
from tests.kit.factories import a_payment, a_refund
from tests.sandbox.shops.erp import SECRET

_WHY = {"note": "The customer was asked."}


async def _connected(browser: Browser) -> Shop:
    assert "WooCommerce" in await browser.page("/shops/new")
    path = "/shops/new?kind=GENERIC"
    wrong = await browser.send(path, "create", {"name": "ERP", "store": "sp", "field_webhook_secret": ""})
    assert wrong.status_code == 422
    typed = {"name": "ERP", "store": "sp", "field_webhook_secret": SECRET}
    done = await browser.send(path, "create", typed)
    assert done.status_code == 303, done.text
    shop = await Shop.get(merchant_id=browser.shop.id)
    assert done.headers["location"] == f"/console/shops/{shop.id}"
    return shop


async def _told(shop: Shop, name: str, order: str, why: Why | None = None) -> ShopRefund:
    amount = Money(4_000, "BRL") if why is not Why.AMOUNT_UNCLEAR else None
    said = SaidRefund(name, order, amount=amount, why=why, because="It says two things.")
    row = await settle.take_in(shop, said, "request")
    assert row is not None
    return row


async def test_a_shop_is_connected_looked_after_and_retired(browser: Browser) -> None:
    shop = await _connected(browser)
    path = f"/shops/{shop.id}"
    text = await browser.page(path)
    assert str(shop.id) in text
    assert SECRET not in text
    assert (await browser.send(path, "preflight", {})).status_code == 303
    new = SECRET[:-4] + "AAA="
    assert SECRET not in await browser.page(f"{path}/keys")
    done = await browser.send(f"{path}/keys", "change", {"field_webhook_secret": new, "hours": "24"})
    assert done.status_code == 303, done.text
    until = (await Shop.get(id=shop.id)).old_valid_until
    assert until is not None
    assert datetime.now(UTC) < until < datetime.now(UTC) + timedelta(hours=25)
    assert "Old secrets are believed until" in await browser.page(path)
    assert (await browser.send(path, "end_old", {})).status_code == 303
    assert (await Shop.get(id=shop.id)).old_valid_until is None
    for step, state in (("pause", ShopState.PAUSED), ("resume", ShopState.ACTIVE)):
        assert (await browser.send(path, step, {})).status_code == 303
        assert (await Shop.get(id=shop.id)).state is state
    mine: Any = {"merchant_id": shop.merchant_id, "shop_id": shop.id, "request_id": "request-17"}
    await ShopCall.create(
        id=uuid4(), purpose="TELL", url="https://x", method="POST", headers={}, body="what was told", status=500,
        sent_at=datetime.now(UTC), answer="no", duration_ms=3, **mine,
    )  # fmt: skip
    text = await browser.page(path)
    assert "what was told" in text
    assert "request-17" in text
    listed = await browser.page("/shops")
    assert path in listed
    assert "never" in listed
    assert (await browser.send(path, "retire", {})).status_code == 303
    assert (await Shop.get(id=shop.id)).state is ShopState.RETIRED
    assert 'id="form-pause"' not in await browser.page(path)


async def test_what_waits_of_shops_is_on_home_and_is_matched_or_dismissed(browser: Browser) -> None:
    shop = await _connected(browser)
    await a_payment(browser.shop, order="O-17", reference="E17")
    row = await _told(shop, "R-1", "typed wrongly")
    unclear = await _told(shop, "R-2", "O-17", Why.AMOUNT_UNCLEAR)
    twice = await _told(shop, "R-3", "O-18", Why.OTHER_ORDER)
    assert "/console/shops/waiting" in await browser.page("")
    assert "Of shops" in await browser.page("/todo")
    waits = await browser.page("/shops/waiting")
    assert "No payment of the shop" in waits
    path = f"/shops/waiting/{row.id}"
    assert "No payment has this order" in await browser.page(f"{path}?order=typed+wrongly")
    assert (await browser.send(path, "dismiss", {"note": ""})).status_code == 422
    found = f"{path}?reference=E17"
    assert (await browser.send(found, "match", {**_WHY, "payment": ""})).status_code == 422
    payment = f"{global_id('Payment', (await a_payment(browser.shop, order='O-19')).id)} BRL"
    assert (await browser.send(found, "match", {"note": "abc", "payment": payment})).status_code == 422
    assert await Refund.filter(merchant_id=shop.merchant_id).count() == 0
    done = await browser.send(f"{path}?order=O-19", "match", {**_WHY, "payment": payment})
    assert (done.status_code, done.headers["location"]) == (303, "/console/shops/waiting")
    refund = await Refund.get(merchant_id=shop.merchant_id)
    assert (refund.amount, (await ShopRefund.get(id=row.id)).refund_id) == (4_000, refund.id)
    assert "It waits for nobody" in await browser.page(path)
    # The amount is said in the reader's own way; and what is there already is named.
    path = f"/shops/waiting/{twice.id}"
    by_hand = await a_refund(browser.shop, await a_payment(browser.shop, order="O-18"), 4_000)
    done = await browser.send(f"{path}?order=O-18", "existing", {**_WHY, "refund": global_id("Refund", by_hand.id)})
    assert done.status_code == 303, done.text
    assert (await ShopRefund.get(id=twice.id)).refund_id == by_hand.id
    path = f"/shops/waiting/{unclear.id}"
    page = await browser.page(f"{path}?order=O-17")
    chosen = page.split('<option value="UGF5', 1)[1].split('"', 1)[0]
    typed = {**_WHY, "payment": f"UGF5{chosen}", "amount": "12,5o"}
    assert (await browser.send(f"{path}?order=O-17", "match", typed)).status_code == 422
    done = await browser.send(f"{path}?order=O-17", "match", {**typed, "amount": "12.50"})
    assert done.status_code == 303, done.text
    made = await Refund.filter(merchant_id=shop.merchant_id).order_by("-created_at").first()
    assert made is not None
    assert made.amount == 1_250
    # Whoever may not refund sees it, and decides nothing.
    last = await _told(shop, "R-4", "nowhere")
    await sign_in(browser, "AUDITOR", "Eva", "eva@example.com")
    page = await browser.page(f"/shops/waiting/{last.id}")
    assert 'id="form-dismiss"' not in page
    assert "/console/shops/waiting" not in (await browser.page("")).split("</nav>")[-1]
