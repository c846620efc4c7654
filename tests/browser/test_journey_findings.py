"""The morning's findings through Excel: exported by the filter, filled in, looked at row by row, and resolved."""

import io
from pathlib import Path
from uuid import UUID

import fastexcel
import pytest
import xlsxwriter

from domain.access import people
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Export, Finding, LedgerEntry
from domain.money import Money
from domain.payments import external
from domain.pse.vocabulary import KnownRefund, Succeeded
from jobs import exports
from tests.browser.conftest import NARROW, WIDE, Site, follow, press
from tests.kit.console.seed_findings import NIGHT
from tests.kit.console.world import global_id
from tests.kit.factories import Shop, a_payment, a_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _found(shop: Shop) -> tuple[Finding, Finding]:
    """Money that left without a refund of the shop's, and an amount that differs."""
    payment = await a_payment(shop, amount=98_000)
    known = KnownRefund("MED1", "MED1", Money(15_000, "BRL"), Succeeded("MED1"), True, "MED", None, None)
    assert await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, NIGHT)
    kind = FindingKind.AMOUNT_MISMATCH
    made = await findings.open_finding(
        Found(kind, shop.id, shop.connection.id, "differs", Money(5, "BRL"), "They differ.")
    )
    return await Finding.get(payment_id=payment.id), await Finding.get(id=made)


def _filled_in(given: bytes, decisions: dict[str, str]) -> bytes:
    """The workbook as somebody sends it back: a decision and a note for each finding that is named."""
    told = fastexcel.read_excel(given).load_sheet(0, header_row=0, dtypes="string").to_polars().to_dicts()
    into = io.BytesIO()
    book = xlsxwriter.Workbook(into)
    sheet = book.add_worksheet()
    for place, title in enumerate(told[0]):
        sheet.write_string(0, place, title)
        for at, row in enumerate(told, start=1):
            said = {"Decisão": decisions[row["Finding"]], "Observação": "As the bank's letter says."}
            sheet.write_string(at, place, said.get(title) or row[title] or "")
    book.close()
    return into.getvalue()


def _bytes(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_finding_is_resolved_through_excel(site: Site, tmp_path: Path) -> None:
    shop = await a_shop()
    taken, differs = await _found(shop)
    carla, _ = await people.make(shop.id, "Carla", "carla-f@example.com", [("ADMINISTRATOR", None)], "tester")
    tab = await site.page(WIDE, "pt-BR", "light", who=carla)
    await tab.goto(f"{site.url}/console/findings")
    assert await tab.locator("tr[data-row]").count() == 2
    await press(tab, "j", "tr[data-row]")
    await tab.keyboard.press("Enter")
    await tab.wait_for_url("**/console/findings/Rm*")
    await tab.go_back()
    await press(tab, "e", "[data-key=e]")
    await tab.wait_for_selector("#form-export")
    await follow(tab, "#form-export button")
    await tab.wait_for_selector("a.news")
    made = await Export.get(merchant_id=shop.id)
    await exports.export(UUID(str(made.id)), site.settings)
    await follow(tab, "a.news")
    async with tab.expect_download() as coming:
        await tab.click("tr[data-row] a.row")
    given = _bytes(await (await coming.value).path())
    # One is explained, which it is; the other has money in suspense, so that it is not.
    sheet = tmp_path / "decidido.xlsx"
    sheet.write_bytes(_filled_in(given, {str(differs.id): "EXPLAINED", str(taken.id): "EXPLAINED"}))
    await tab.set_input_files("#bring-file", sheet)
    await follow(tab, "#form-bring button")
    await tab.wait_for_selector("#form-apply")
    assert await tab.locator(".state.ok").count() == 1
    assert "Há dinheiro dele em suspenso" in await tab.inner_text("main")
    assert await Finding.filter(merchant_id=shop.id, resolved_at=None).count() == 2
    await tab.go_back()
    sheet.write_bytes(_filled_in(given, {str(differs.id): "EXPLAINED", str(taken.id): "CHARGEBACK"}))
    await tab.set_input_files("#bring-file", sheet)
    await follow(tab, "#form-bring button")
    await tab.wait_for_selector("#form-apply")
    assert await tab.locator(".state.ok").count() == 2
    await follow(tab, "#form-apply button")
    await tab.wait_for_url("**/console/findings/decided/*")
    assert "2 / 2" in await tab.inner_text("main")
    assert await Finding.filter(merchant_id=shop.id, resolved_at=None).count() == 0
    booked = await LedgerEntry.filter(merchant_id=shop.id, cause__startswith="finding/")
    assert [(one.debit, one.credit, one.amount) for one in booked] == [("CHARGEBACKS", "SUSPENSE", 15_000)]
    phone = await site.page(NARROW, "zh-CN", "dark", who=carla, script=False)
    await phone.goto(f"{site.url}/console/findings/{global_id('Finding', taken.id)}")
    assert "已处理" in await phone.inner_text("main")
    await phone.close()
    await tab.close()
