"""An approval by two browsers: one person asks, the other says yes, and the first sees it without touching the page."""

import pytest

from domain.access import people
from domain.models import Refund
from domain.models.refunds import State
from tests.browser.conftest import NARROW, WIDE, Site, enter, follow, press
from tests.kit.factories import a_payment

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_asks_in_one_browser_and_another_approves_in_theirs(site: Site) -> None:
    payment = await a_payment(site.world.shop, amount=3_000_000, order="duas-pessoas")
    carla, _ = await people.make(site.world.shop.id, "Carla", "carla@example.com", [("ADMINISTRATOR", None)], "tester")
    asking = await site.page(WIDE, "pt-BR", "light", who=carla)
    await asking.goto(f"{site.url}/console/payments?order=duas-pessoas")
    await follow(asking, "a.row")
    await press(asking, "e", "[data-key=e]")  # on the payment's own page
    await asking.fill("#amount", "26.000,00")
    await enter(asking)
    await follow(asking, "#form-create button")
    await asking.wait_for_selector("#headline .state.wait")
    (refund,) = await Refund.filter(payment_id=payment.id)
    assert refund.state is State.AWAITING_APPROVAL
    await asking.evaluate("() => { window.stayed = true; }")
    own = await site.page(NARROW, "pt-BR", "light", who=carla)
    await own.goto(f"{site.url}/console/todo")
    assert "duas-pessoas" not in await own.inner_text("main"), "Nobody approves what they asked for."
    await own.close()

    deciding = await site.page(NARROW, "es", "dark", who=site.world.bruno)
    await deciding.goto(f"{site.url}/console")
    await follow(deciding, ".needed a[href$='/console/todo']")
    await follow(deciding, "tr:has-text('duas-pessoas') a.row")
    assert "26,000.00" in (await deciding.inner_text("main")).replace(".", ",").replace("26,000,00", "26,000.00")
    assert "Carla" in await deciding.inner_text("main")
    await deciding.fill("#approve-note", "Visto con el cliente.")
    await deciding.dblclick("#form-approve button")  # it is said once, and nothing is refused
    await deciding.wait_for_selector(".flash")
    assert "duas-pessoas" not in await deciding.inner_text("main table, main .empty")
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED

    await asking.wait_for_selector("#timeline > li.new")
    assert await asking.evaluate("() => window.stayed")
    await asking.reload()
    assert "Visto con el cliente." in await asking.inner_text("main")
    await deciding.close()
    await asking.close()
