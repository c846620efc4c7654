"""A shop from the form to a refund: connected on a wide screen, and what waits of it is matched on a phone."""

import pytest

from domain.commerce import settle
from domain.commerce.vocabulary import SaidRefund
from domain.models import Refund, Shop
from domain.money import Money
from tests.browser.conftest import NARROW, WIDE, Site
from tests.kit.factories import a_payment
from tests.sandbox.shops.erp import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_shop_is_connected_and_what_waits_of_it_is_refunded(site: Site) -> None:
    ana, phone = await site.page(WIDE), await site.page(NARROW, "pt-BR", "dark")
    await ana.goto(f"{site.url}/console/shops/new")
    await ana.click("a.row[href='?kind=GENERIC']")
    await ana.fill("#create-name", "ERP da loja")
    await ana.select_option("#create-store", "sp")
    await ana.fill("#create-field_webhook_secret", SECRET)
    await ana.click("#form-create button")
    await ana.wait_for_selector(".flash")
    shop = await Shop.get(name="ERP da loja", merchant_id=site.world.shop.id)
    assert str(shop.id) in await ana.inner_text("dl.facts")
    payment = await a_payment(site.world.shop, order="4711", amount=10_000)
    said = SaidRefund("R-1", "4711-B", amount=Money(4_000, "BRL"))
    row = await settle.take_in(shop, said, "request")
    assert row is not None
    await phone.goto(f"{site.url}/console")
    await phone.click("a[href='/console/shops/waiting']")
    await phone.click(f"a[href^='/console/shops/waiting/{row.id}']")
    await phone.fill("#look-order", "4711")
    await phone.click("form.filters button")
    await phone.select_option("#match-payment", index=1)
    await phone.fill("#match-note", "O cliente confirmou o pedido.")
    await phone.click("#form-match button.button")
    await phone.wait_for_selector(".flash")
    assert (await Refund.get(payment_id=payment.id)).amount == 4_000
    await ana.close()
    await phone.close()
