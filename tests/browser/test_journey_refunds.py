"""From an order to the money: asked for, confirmed, sent to the PSE, and seen to arrive without touching the page."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from domain.access import people
from domain.models import Refund
from domain.models.refunds import State
from jobs.wire.sender import sender
from tests.browser.conftest import NARROW, WIDE, Site, enter, follow, press
from tests.kit.console.world import global_id
from tests.kit.factories import a_payment
from tests.kit.world import World, a_sandbox, a_shop_at

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(site: Site) -> AsyncIterator[World]:
    settings = site.settings
    async with a_sandbox() as sandbox, sender(settings.secret_key, settings.send_limit_seconds) as sending:
        yield World(await a_shop_at(sandbox), sandbox, sending, settings)


async def test_a_refund_is_asked_for_and_seen_to_arrive(site: Site, world: World) -> None:
    payment = await world.payment(amount=98_000, order="pedido-77")
    carla, _ = await people.make(world.shop.id, "Carla", "carla@example.com", [("ADMINISTRATOR", None)], "tester")
    tab = await site.page(WIDE, "pt-BR", "light", who=carla)
    await tab.goto(f"{site.url}/console/search")
    await press(tab, "/", "#search")
    await tab.keyboard.type("pedido-77")
    await enter(tab)
    await follow(tab, "a.row")
    await press(tab, "e", "[data-key=e]")
    await tab.fill("#amount", "150.00")  # one hundred and fifty, or fifteen thousand?
    await enter(tab)
    await tab.wait_for_selector("#amount[aria-invalid]")
    await tab.fill("#amount", "150,00")
    await enter(tab)
    written = await tab.inner_text(".figure")
    assert written.replace("\u00a0", " ") == "R$ 150,00"
    assert "reais" in (await tab.inner_text("main")).lower()
    await tab.dblclick("#form-create button")
    await tab.wait_for_selector("#headline")
    (refund,) = await Refund.filter(payment_id=payment.id)
    assert refund.amount == 15_000
    assert tab.url.endswith(global_id("Refund", refund.id))
    await tab.evaluate("() => { window.stayed = true; }")
    assert (await world.finish(refund)).state is State.SUCCEEDED
    await tab.wait_for_selector("#headline .state.ok")
    assert await tab.evaluate("() => window.stayed")
    assert await tab.locator("#timeline > li.new").count() >= 1
    phone = await site.page(NARROW, "pt-BR", "dark", who=carla, script=False)
    await phone.goto(tab.url)
    assert "R$ 150,00" in (await phone.inner_text("#headline")).replace("\u00a0", " ")
    await phone.close()
    await tab.close()


async def test_a_one_time_link_signs_a_browser_in_and_leads_to_the_page_that_was_wanted(site: Site) -> None:
    _, link = await people.make(site.world.shop.id, "Dora", "dora@example.com", [("SUPPORT", None)], "tester")
    context = await site.chromium.new_context(locale="es-MX")
    tab = await context.new_page()
    await tab.goto(f"{site.url}/console/payments?order=10477")
    assert tab.url.endswith("/sign-in")
    await tab.goto(f"{site.url}/sign-in/link/{link.secret}")
    await follow(tab, "button")
    await tab.wait_for_url("**/console/payments?order=10477")
    assert await tab.get_attribute("html", "lang") == "es"
    await tab.click("details.menu >> nth=1")
    await follow(tab, "form[action='/sign-out'] button")
    await tab.wait_for_url("**/sign-in")
    await context.close()


async def test_without_a_script_everything_but_what_lives_works(site: Site) -> None:
    payment = await a_payment(site.world.shop, amount=5_000, order="sem-script")
    tab = await site.page(NARROW, "en", "light", script=False)
    await tab.goto(f"{site.url}/console/payments?order=sem-script")
    await follow(tab, "a.row")
    await follow(tab, ".actions a.button")
    await tab.fill("#amount", "12.34")
    await follow(tab, "main form button")
    await follow(tab, "#form-create button")
    assert "The refund was asked for" in await tab.inner_text(".flash")
    await tab.reload()
    assert await tab.locator(".flash").count() == 0
    assert await Refund.filter(payment_id=payment.id).count() == 1
    await tab.click("details.do:has(#form-cancel) > summary")
    await follow(tab, "#form-cancel button")
    assert "withdrawn" in await tab.inner_text(".flash")
    await tab.close()
