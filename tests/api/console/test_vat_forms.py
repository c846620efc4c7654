"""What the forms of VAT do: documented, declared, lost, weighed again; documents are looked at, then taken in."""

import re
from collections.abc import Mapping
from uuid import uuid4

import httpx
import pytest

from domain.access.tokens import Role
from domain.models import Export, TaxDocument, VatReversal
from domain.models.taxes import ReversalState
from domain.taxes import work
from tests.api.console.conftest import Browser
from tests.domain.taxes.world import a_sale_refunded, named
from tests.kit.factories import CAUSE, a_payment, a_person
from tests.kit.nights import today


async def _a_reversal(browser: Browser, document: str = "NF-77") -> tuple[str, VatReversal]:
    payment = await named(await a_payment(browser.shop, amount=50_000, tax=9_000), document)
    _, reversal = await a_sale_refunded(browser.shop, payment, 5_000)
    return f"/vat/reversals/{reversal.id}", reversal


async def _done(browser: Browser, path: str, do: str, typed: Mapping[str, object]) -> str:
    sent = await browser.send(path, do, typed)
    assert sent.status_code == 303, re.sub(r"<[^>]*>|\s+", " ", sent.text)[:1500]
    return await browser.page(sent.headers["location"].removeprefix("/console"))


async def _state(reversal: VatReversal) -> ReversalState:
    return (await VatReversal.get(id=reversal.id)).state


async def test_a_reversal_is_documented_and_declared_alone_and_with_others(browser: Browser) -> None:
    path, first = await _a_reversal(browser)
    other, second = await _a_reversal(browser, "NF-78")
    wrong = await browser.send(path, "document", {"issuedOn": f"{today()}"})
    assert (wrong.status_code, 'href="#document-number"' in wrong.text) == (422, True)
    for each, number in ((path, "NC-1"), (other, "NC-2")):
        await _done(browser, each, "document", {"number": number, "issuedOn": f"{today()}"})
    assert await _state(first) is ReversalState.DOCUMENTED
    assert "stands in the return" in await _done(browser, path, "declare", {"period": f"{today():%Y-%m}"})
    none = await browser.send("/vat?state=DOCUMENTED", "declare", {"period": f"{today():%Y-%m}"})
    assert (none.status_code, "Tick those" in none.text) == (422, True)
    chosen = {"reversal": [str(second.id)], "period": f"{today():%Y-%m}"}
    wrong = await browser.send("/vat?state=DOCUMENTED", "declare", {**chosen, "period": "next"})
    assert (wrong.status_code, f'value="{second.id}" checked' in wrong.text) == (422, True)
    assert "1 stands in the return now." in await _done(browser, "/vat?state=DOCUMENTED", "declare", chosen)
    assert {await _state(first), await _state(second)} == {ReversalState.DECLARED}
    report = await browser.page(f"/vat/report?month={today():%Y-%m}")
    assert "18.00" in report
    made = await _done(browser, f"/vat/report?month={today():%Y-%m}", "export", {"format": "XLSX"})
    assert "<h1>Export: VAT</h1>" in made
    assert [one.kind async for one in Export.all()] == ["VAT"]


async def test_a_reversal_is_weighed_again_and_written_off(browser: Browser) -> None:
    path, reversal = await _a_reversal(browser)
    known = {
        "cause": "RETURN_OF_GOODS",
        "deliveredOn": f"{today()}",
        "note": "It was delivered today.",
        "accept": "yes",
    }
    assert "weighed again" in await _done(browser, path, "review", known)
    row = await VatReversal.get(id=reversal.id)
    assert (row.cause, row.delivered_on, row.note) == ("RETURN_OF_GOODS", today(), "It was delivered today.")
    short = await browser.send(path, "write_off", {"lost": "abc"})
    assert (short.status_code, 'href="#write_off-lost"' in short.text) == (422, True)
    await _done(browser, path, "write_off", {"lost": "The invoice cannot be found."})
    assert await _state(reversal) is ReversalState.NOT_RECOVERABLE


async def test_vat_above_the_limit_that_somebody_gives_up_is_confirmed_as_it_was_seen_by_another(
    browser: Browser,
) -> None:
    payment = await named(await a_payment(browser.shop, amount=2_000_000, tax=300_000), "NF-1")
    _, reversal = await a_sale_refunded(browser.shop, payment, 900_000)
    path = f"/vat/reversals/{reversal.id}"
    kept = await _done(browser, path, "write_off", {"lost": "The invoice cannot be found."})
    assert ("It is kept; another person must confirm it." in kept, "I say so, too" in kept) == (True, True)
    assert (await browser.send(path, "confirm", {})).status_code == 422  # by themselves
    await _done(browser, path, "decline", {"why": "A slip of mine."})
    bia = a_person(browser.shop, "Bia", Role.ACCOUNTANT)
    await work.write_off(bia, reversal.id, "Nobody has the invoice.", CAUSE)
    assert "Nobody has the invoice." in await browser.page(path)
    assert (await browser.send(path, "confirm", {}, writeOff=str(uuid4()))).status_code == 422  # not what was shown
    assert await _state(reversal) is not ReversalState.NOT_RECOVERABLE
    await _done(browser, path, "confirm", {})
    assert await _state(reversal) is ReversalState.NOT_RECOVERABLE


async def test_documents_are_looked_at_before_anything_is_kept_and_then_taken_in(browser: Browser) -> None:
    _, reversal = await _a_reversal(browser)
    sheet = f"number,date,total,tax,original\nNC-9,{today()},50.00,9.00,NF-77\nNC-10,{today()},1.00,0.10,NF-0\n"
    sheet += "NC-11,x,1,1,NF-1\n"
    nothing = await browser.send("/vat/documents", "preview", {})
    assert (nothing.status_code, "Choose a file" in nothing.text) == (422, True)
    shown = await browser.send("/vat/documents", "preview", {}, files={"file": ("notes.csv", sheet.encode())})
    assert shown.status_code == 200, shown.text
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", shown.text))
    assert "The file has 3 documents. Nothing is kept yet." in words
    assert ("1 refund" in words, "no refund of it is known yet" in words, "Cannot be read" in words) == (True,) * 3
    assert await TaxDocument.all().count() == 0
    form = shown.text.split('id="form-apply"', 1)[1].split("</form>", 1)[0]
    typed = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    taken = await browser.http.post("/console/vat/documents", data=typed)
    assert (taken.status_code, "The file was taken in" in taken.text) == (200, True), taken.text
    assert await _state(reversal) is ReversalState.DOCUMENTED
    assert await TaxDocument.all().count() == 2
    again = await browser.send("/vat/documents", "preview", {}, files={"file": ("notes.csv", sheet.encode())})
    assert "Known already" in again.text
    assert "Takes VAT back" in await browser.page("/vat/documents")


async def test_a_document_whose_vat_is_not_the_refunds_says_so_before_it_is_kept(browser: Browser) -> None:
    await _a_reversal(browser)
    shown = await _previewed(browser, "NC-9", "7.50")
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", shown.text))
    assert "New; it differs The document agrees in money and not in tax." in words
    assert ("VAT: R$7.50 on the document, R$9.00 expected" in words, "Total: " in words) == (True, False)
    assert 'id="form-apply"' in shown.text, "it may be taken in all the same, and is told as a finding then"
    assert await TaxDocument.all().count() == 0
    form = (await _previewed(browser, "NC-10", "9.00")).text.split('id="form-apply"', 1)[1].split("</form>", 1)[0]
    await browser.http.post("/console/vat/documents", data=dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form)))
    again = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", (await _previewed(browser, "NC-11", "9.00")).text))
    assert "New; it differs No refund of that sale has VAT that is still to be taken back." in again
    assert "Total: R$50.00 on the document, R$0.00 expected" in again


async def _previewed(browser: Browser, number: str, tax: str) -> httpx.Response:
    sheet = f"number,date,total,tax,original\n{number},{today()},50.00,{tax},NF-77\n"
    return await browser.send("/vat/documents", "preview", {}, files={"file": ("notes.csv", sheet.encode())})


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"%PDF-1.7 DANFE", "Um PDF não é lido"), (b"foo,bar\n1,2\n", "Falta no cabeçalho: date (fecha, data, 日期)")],
)
async def test_a_file_of_which_nothing_can_be_taken_says_why_and_offers_another(
    browser: Browser, content: bytes, why: str
) -> None:
    browser.http.cookies.set("estorno-language", "pt-BR")
    shown = await browser.send("/vat/documents", "preview", {}, files={"file": ("notes", content)})
    assert (shown.status_code, why in shown.text) == (200, True), shown.text
    assert ("form-apply" in shown.text, "O arquivo inteiro" in shown.text) == (False, True)
