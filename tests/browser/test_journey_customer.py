"""A customer's link: made by support in the console, opened on a phone by somebody who has never heard of us."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page as Tab

from domain.access import people
from domain.models import Event, Refund
from domain.models.refunds import State
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind
from tests.browser.conftest import NARROW, WIDE, Site, follow
from tests.kit.console.world import global_id
from tests.kit.factories import a_payment, a_refund, a_shop
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.asyncio(loop_scope="module")
_CPF = "390.533.447-05"
_FORM = "form:has(input[value=PIX_KEY])"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def no_way_back() -> AsyncIterator[None]:
    """A PSE that pays refunds out to an account which somebody names."""
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(DestinationKind.PIX_KEY,)))
    yield
    registry._CONNECTORS.pop("lab", None)


@pytest.mark.usefixtures("no_way_back")
async def test_a_customer_names_an_account_on_a_phone_and_support_sees_it(site: Site) -> None:
    shop = await a_shop(pse="lab", name="Loja da Serra")
    refund = await a_refund(shop, await a_payment(shop, amount=12_990, order="10482", tax_id=_CPF))
    assert refund.state is State.AWAITING_DESTINATION
    sofia, _ = await people.make(shop.id, "Sofia", "sofia@example.com", [("SUPPORT", None)], "tester")
    desk = await site.page(WIDE, "pt-BR", "light", who=sofia)
    path = f"{site.url}/console/refunds/{global_id('Refund', refund.id)}"
    await desk.goto(path)
    await follow(desk, "#form-link button")
    link = (await desk.inner_text("main code >> nth=0")).strip()
    assert "/refund-destination/" in link
    await desk.goto(path)
    await desk.evaluate("() => { window.stayed = true; }")

    context = await site.chromium.new_context(
        viewport={"width": NARROW, "height": 844}, locale="pt-BR", is_mobile=True, has_touch=True, device_scale_factor=2
    )
    phone = await context.new_page()
    said: list[str] = []
    phone.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    address = site.url + urlsplit(link).path
    answer = await phone.goto(address)
    assert answer is not None
    assert answer.status == 200
    text = (await phone.inner_text("body")).replace("\u00a0", " ")
    for shown in ("R$ 129,90", "Loja da Serra", "10482", "CPF"):
        assert shown in text, shown
    wide = await phone.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    await _tap(phone, "nav a[lang=es]")
    assert "Su reembolso" in await phone.inner_text("body")
    await _tap(phone, "nav a[lang=pt-BR]")
    await _fill(phone, digits="0000")
    await _tap(phone, f"{_FORM} button")
    await phone.wait_for_selector("[role=alert]")
    assert (await Refund.get(id=refund.id)).state is State.AWAITING_DESTINATION
    await _fill(phone, digits="4705")
    await _tap(phone, f"{_FORM} button")
    await phone.wait_for_function("() => !document.querySelector('form')")
    assert (await Refund.get(id=refund.id)).state is not State.AWAITING_DESTINATION
    # Once only: whoever finds the link on the phone later learns nothing.
    answer = await phone.goto(address)
    assert answer is not None
    assert answer.status == 410
    told = await phone.inner_text("body")
    assert ("129" in told, "não precisa fazer mais nada" in told) == (False, True)
    assert [one for one in said if "403" not in one and "410" not in one] == []
    await context.close()

    await desk.wait_for_selector("#timeline > li.new")
    assert await desk.evaluate("() => window.stayed")
    kinds = [one.kind for one in await Event.filter(refund_id=refund.id).order_by("sequence")]
    assert "DESTINATION_LINK_WRONG_ANSWER" in kinds
    await desk.reload()
    shown = await desk.inner_text("main")
    assert "ana@example.com" not in shown, "An account is shown to who pays it, and to nobody else."
    assert "@example.com" in shown
    await desk.close()


async def _tap(phone: Tab, what: str) -> None:
    """As `follow`, with a finger."""
    async with phone.expect_navigation():
        await phone.tap(what)


async def _fill(phone: Tab, digits: str) -> None:
    typed = {"digits": digits, "pix_key": "ana@example.com", "holder_name": "Ana Souza", "holder_tax_id": _CPF}
    for name, value in typed.items():
        await phone.fill(f"{_FORM} [name={name}]", value)
