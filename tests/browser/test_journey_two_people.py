"""What takes two people: a doubt that nobody can ask about any more, and a month that is closed for good."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.access import people
from domain.models import DoubtVerdict, PeriodClosing, Person, Refund
from domain.models.refunds import State
from domain.pse.vocabulary import InDoubt
from tests.browser.conftest import NARROW, WIDE, Site, follow
from tests.kit.console.world import global_id
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _two(shop: Shop, role: str) -> tuple[Person, Person]:
    found = [
        (await people.make(shop.id, name, f"{name.lower()}@two.example.com", [(role, None)], "tester"))[0]
        for name in ("Carla", "Davi")
    ]
    return found[0], found[1]


async def test_a_doubt_is_resolved_by_two_people_and_the_first_sees_it(site: Site) -> None:
    shop = await a_shop(name="Loja do Porto")
    carla, davi = await _two(shop, "SUPPORT")
    refund = await a_refund(shop, await a_payment(shop, amount=98_000, order="duvida-1"), 15_000)
    await an_answer(refund, InDoubt("TIMEOUT", "The PSE did not answer within 20 s."))
    path = f"{site.url}/console/refunds/{global_id('Refund', refund.id)}"
    first = await site.page(WIDE, "pt-BR", "light", who=carla)
    await first.goto(f"{site.url}/console/refunds?order=duvida-1")
    await follow(first, "a.row")
    await first.wait_for_selector("#headline .state.doubt, #headline .state.wait")
    assert first.url == path
    await first.click("details.do:has(#form-resolve_doubt) > summary")
    await follow(first, "#form-resolve_doubt button.button")  # nothing was said yet
    await first.wait_for_selector("#resolve_doubt-verdict[aria-invalid]")
    await first.select_option("#resolve_doubt-verdict", "PAID")
    await first.fill("#resolve_doubt-evidence", "No painel do PSE, devoluções de hoje: está lá.")
    await first.fill("#resolve_doubt-pseReference", "D12345678")
    await follow(first, "#form-resolve_doubt button.button")
    await first.wait_for_selector(".flash")
    assert "está lá." in await first.inner_text("#timeline")
    assert (await Refund.get(id=refund.id)).state is State.SUBMITTED
    # The same person again is no second one.
    await first.click("details.do:has(#form-resolve_doubt) > summary")
    await first.select_option("#resolve_doubt-verdict", "PAID")
    await first.fill("#resolve_doubt-evidence", "Olhei de novo, está lá.")
    await first.fill("#resolve_doubt-pseReference", "D12345678")
    await follow(first, "#form-resolve_doubt button.button")
    await first.wait_for_selector("#problems-resolve_doubt")
    assert (await Refund.get(id=refund.id)).state is State.SUBMITTED
    await first.goto(path)
    await first.evaluate("() => { window.stayed = true; }")

    second = await site.page(NARROW, "zh-CN", "dark", who=davi)
    await second.goto(path)
    assert "está lá." in await second.inner_text("#timeline"), "The second sees what the first said."
    await second.wait_for_selector("details.do[open]:has(#form-resolve_doubt)")  # it waits for this person's word
    await second.select_option("#resolve_doubt-verdict", "PAID")
    await second.fill("#resolve_doubt-evidence", "后台可以看到这笔退款，金额一致。")
    await second.fill("#resolve_doubt-pseReference", "D12345678")
    await follow(second, "#form-resolve_doubt button.button")
    await second.wait_for_selector("#headline .state.ok")
    done = await Refund.get(id=refund.id)
    assert (done.state, done.pse_refund_reference) == (State.SUCCEEDED, "D12345678")
    verdict = await DoubtVerdict.get(refund_id=refund.id, withdrawn_at=None)
    assert (verdict.proposed_by_id, verdict.confirmed_by_id) == (carla.id, davi.id)

    await first.wait_for_selector("#headline .state.ok")
    assert await first.evaluate("() => window.stayed")
    await second.close()
    await first.close()


async def test_a_month_is_closed_by_two_people_in_two_browsers(site: Site) -> None:
    shop = await a_shop(name="Loja do Mês")
    carla, davi = await _two(shop, "ACCOUNTANT")
    today = datetime.now(UTC).date()
    month = f"{(today.replace(day=1) - timedelta(days=40)):%Y-%m}"  # over for good, whatever day it is
    await a_payment(shop, amount=10_000, tax=1_800, days_ago=45 + today.day)
    first = await site.page(WIDE, "pt-BR", "light", who=carla)
    await first.goto(f"{site.url}/console/books/month?month={month}")
    await follow(first, "#form-propose button")
    await first.wait_for_selector(".flash")
    assert await first.locator("#form-withdraw").count() == 1
    assert await first.locator("#form-confirm").count() == 0, "who proposed it is offered to take it back, and no more"
    assert (await PeriodClosing.get(merchant_id=shop.id)).confirmed_at is None

    second = await site.page(NARROW, "es", "dark", who=davi)
    await second.goto(f"{site.url}/console/books/month?month={month}")
    assert "Carla" in await second.inner_text("main")
    await follow(second, "#form-confirm button")
    await second.wait_for_selector(".banner.ok")
    closed = await PeriodClosing.get(merchant_id=shop.id)
    assert (closed.proposed_by_id, closed.confirmed_by_id) == (carla.id, davi.id)
    assert str(closed.digest) in await second.inner_text("main")
    await first.reload()
    assert await first.locator("#form-propose, #form-confirm, #form-withdraw").count() == 0
    await second.close()
    await first.close()
