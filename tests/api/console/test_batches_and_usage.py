"""A sheet brought in a browser, looked at, sent by who may, called off, and its result taken; and what is used."""

from uuid import UUID

from api.console import names
from domain.models import Batch, Refund
from jobs import batches as jobs
from jobs import usage
from tests.api.console.conftest import Browser, sign_in
from tests.kit.factories import a_payment, a_refund


async def _brought(browser: Browser, sheet: bytes, do: str = "refunds") -> str:
    brought = await browser.send("/batches", do, {}, files={"file": ("nov.csv", sheet, "text/csv")})
    assert brought.status_code == 303, brought.text
    path = brought.headers["location"].removeprefix("/console")
    assert "Being read" in await browser.page(path)
    await jobs.batch(UUID(path.rsplit("/", 1)[1]), browser.app.state.settings)
    return path


async def test_a_sheet_is_brought_looked_at_sent_by_who_may_and_its_result_taken(browser: Browser) -> None:
    shop = browser.shop
    for number in (1, 2):
        await a_payment(shop, order=f"A{number}", amount=5_000_000)
    empty = await browser.http.get("/console/batches/template?kind=PAYMENTS&format=CSV")
    assert (empty.status_code, "Payment id" in empty.content.decode("utf-8-sig")) == (200, True)
    nothing = await browser.send("/batches", "refunds", {})
    assert (nothing.status_code, "Choose the sheet" in nothing.text) == (422, True)
    path = await _brought(browser, b"Pedido;Valor;Moeda\nA1;30.000,00;BRL\nA2;10,00;BRL\nNONE;1,00;BRL\n")
    seen = await browser.page(path)
    for told in (
        "R$30,010.00",
        "<strong>Not found</strong>",
        "Will wait for approval",
        "another person with the permission to approve",
    ):
        assert told in seen, told
    assert "NOT_FOUND" not in seen
    assert "Not found" not in await browser.page(f"{path}?show=GOES")
    await browser.page(f"{path}?after=x", 400)
    assert "another person with the permission" in await browser.page(f"{path}/confirm")
    assert await Refund.all().count() == 0
    await sign_in(browser, "APPROVER", "Bruno", "bruno@example.com")
    assert "R$30,010.00" in await browser.page(f"{path}/confirm")
    sent = await browser.send(f"{path}/confirm", "yes", {})
    assert sent.status_code == 303, sent.text
    assert "data-live" in await browser.page(path)
    batch = await Batch.get(merchant_id=shop.id)
    await jobs.batch(batch.id, browser.app.state.settings)
    done = await browser.page(path)
    assert "is AWAITING_APPROVAL" not in done, "the state is told in words, as it is now"
    assert ("Awaiting approval" in done, "Yes of" in done, "Bruno" in done) == (True, True, True)
    taken = await browser.send(path, "result", {"format": "CSV"})
    assert taken.status_code == 303, taken.text
    result = await browser.http.get(taken.headers["location"])
    assert "AWAITING_APPROVAL" in result.content.decode("utf-8-sig")
    assert await Refund.all().count() == 2


async def test_a_sheet_of_which_nothing_can_be_sent_waits_for_nobody(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop, order="A1", amount=1_000), 1_000)
    path = await _brought(browser, b"Order;Amount;Currency\nNONE;10.00;BRL\nA1;10.00;BRL\n")
    for page in (path, "/batches"):
        text = (await browser.page(page)).split("<main", 1)[1]
        assert ("Nothing of it can be sent" in text, "Waits for a yes" in text) == (True, False), page
    text = await browser.page(path)
    assert ("CSV, written in UTF-8, divided by semicolons" in text, refund.state.value in text) == (True, False)
    assert names.states_in_words("Refund 3ssl is SUCCEEDED.") == "Refund 3ssl is “Succeeded”."


async def test_a_sheet_is_called_off_and_usage_is_shown(browser: Browser) -> None:
    await a_payment(browser.shop, order="A1")
    path = await _brought(browser, b"Order;Amount;Currency\nA1;10.00;BRL\n")
    assert (await browser.send(path, "cancel", {})).status_code == 303
    assert "Called off" in await browser.page(path)
    assert "does not wait for a yes" in await browser.page(f"{path}/confirm")
    assert "Nothing was counted yet" in await browser.page("/usage")
    await usage.count()
    assert "Nothing is bounded" in await browser.page("/usage")
    table = await browser.http.get("/console/usage/table")
    assert table.content.decode("utf-8-sig").startswith("month,refunds")
