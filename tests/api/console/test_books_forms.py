"""What the forms of the books do: a month closed by two, journals, the bank, payouts, fees and rates."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from uuid import uuid4

from domain.models import (
    BankAccount,
    BankLine,
    BankStatement,
    Export,
    FeeSchedule,
    Finding,
    FxRate,
    JournalAccount,
    Payout,
    PayoutProof,
    PeriodClosing,
)
from tests.api.console.conftest import Browser, sign_in
from tests.kit.days import utc_today
from tests.kit.factories import a_payment
from tests.kit.lines import today


def _month() -> str:
    """One that is over for good, whatever day it is."""
    return f"{(utc_today().replace(day=1) - timedelta(days=40)):%Y-%m}"


async def _done(browser: Browser, path: str, do: str, typed: Mapping[str, Any], files: object = None) -> str:
    """The form is taken; what the next page says."""
    sent = await browser.send(path, do, typed, files=files)
    assert sent.status_code == 303, re.sub(r"<[^>]*>|\s+", " ", sent.text)[:1500]
    return await browser.page(sent.headers["location"].removeprefix("/console"))


async def test_a_month_is_proposed_by_one_and_closed_by_another_and_stays_as_it_was(browser: Browser) -> None:
    await a_payment(browser.shop, amount=10_000, tax=1_800, days_ago=45 + utc_today().day)
    path = f"/books/month?month={_month()}"
    begun = await browser.page(path)
    assert ("Propose to close it" in begun, "It can be closed from" in begun) == (True, False), "it can be by now"
    assert 'href="/console/findings"' in begun or 'href="/console/nights"' in begun, (
        "what stands against it is a click away"
    )
    said = await _done(browser, path, "propose", {"why": "Before we began there were no nights."})
    assert "Another person closes it" in said
    assert "form-confirm" not in said, "who proposed it is not offered to close it"
    await sign_in(browser, "ADMINISTRATOR", "Bia", "bia@example.com")
    assert "Its figures never change" in await _done(browser, path, "confirm", {})
    row = await PeriodClosing.get()
    assert (row.proposed_by, row.confirmed_by) == ("Ana <ana@example.com>", "Bia <bia@example.com>")
    assert row.why == "Before we began there were no nights."
    shown = await browser.page(path)
    assert str(row.digest) in shown
    assert "Propose to close it" not in shown
    later = f"/books/month?month={utc_today():%Y-%m}"
    early = await browser.send(later, "propose", {"why": "Too early."})
    assert (early.status_code, "can be closed from" in early.text) == (422, True)
    for mark in ("one", "two"):
        await Finding.create(
            id=uuid4(), merchant_id=browser.shop.id, connection_id=browser.shop.connection.id, kind="CONTRADICTION",
            fingerprint=mark, amount=1, currency="BRL", detail={}, explanation="x", action="x",
        )  # fmt: skip
    found = await browser.page(later)
    assert found.count("/findings?kind=CONTRADICTION") == 1, "a kind once, by its name, with where it is worked off"
    assert "CONTRADICTION" not in re.sub(r"<[^>]*>", "", found.split("<main", 1)[1])


async def test_a_proposal_is_taken_back(browser: Browser) -> None:
    path = f"/books/month?month={_month()}"
    await _done(browser, path, "propose", {"why": "Before we began."})
    assert "no longer proposed" in await _done(browser, path, "withdraw", {})
    assert (await PeriodClosing.get()).withdrawn_at is not None


async def test_the_balance_is_exported_and_each_entry_leads_to_what_it_is_of(browser: Browser) -> None:
    await a_payment(browser.shop, amount=10_000, tax=1_800)
    made = await _done(browser, "/books", "export", {"kind": "TRIAL_BALANCE", "format": "CSV"})
    assert re.findall(r"<h1>(.*?)</h1>", made) == ["Export: Trial balance"]
    assert 'id="form-create"' not in made, "It asks for refunds."
    assert [one.kind async for one in Export.all()] == ["TRIAL_BALANCE"]
    books = await browser.page(f"/books?by=store&currency=BRL&month={today(0):%Y-%m}")
    link = unescape(re.search(r'href="/console(/books/statement/[^"]+PSE_CLEARING[^"]+)"', books).group(1))  # type: ignore[union-attr]
    statement = await browser.page(link)
    payment = re.search(r'href="/console(/payments/[^"]+)"', statement)
    assert payment is not None
    await browser.page(payment.group(1))
    ages = await browser.page("/books/ageing?account=PSE_CLEARING&bucket=D0_7")
    assert f'href="/console{payment.group(1)}"' in ages
    await browser.page("/books?month=2026-13", 400)
    await browser.page(f"/books/statement/{uuid4()}/PSE_CLEARING/BRL", 404)


async def test_a_journal_is_made_when_every_account_is_named(browser: Browser) -> None:
    await a_payment(browser.shop, amount=10_000)
    month = {"month": f"{today(0):%Y-%m}", "format": "CSV"}
    refused = await browser.send("/books/journals", "export", month)
    assert (refused.status_code, "PSE_CLEARING" in refused.text) == (422, True)
    for account in ("PSE_CLEARING", "SALES"):
        named = {"account": account, "number": f"1.{account}", "name": account.title()}
        assert "is kept" in await _done(browser, "/books/journals", "set", named)
    assert "A draft is made" in await _done(browser, "/books/journals", "export", month)
    await _done(browser, "/books/journals", "end", {})
    assert await JournalAccount.filter(ended_at=None).count() == 1


async def test_a_statement_is_taken_in_and_a_payout_is_proven_by_hand_and_taken_back(browser: Browser) -> None:
    payout = await Payout.create(
        id=uuid4(), merchant_id=browser.shop.id, connection_id=browser.shop.connection.id, reference="po_1A2B3C",
        currency="BRL", amount=10_000, business_date=utc_today() - timedelta(days=2),
    )  # fmt: skip
    new = {"name": "Itaú", "currency": "BRL", "date": "Quando", "text": "O quê; Mais", "amount": "Quanto"}
    await _done(browser, "/books/bank", "create", new)
    account = await BankAccount.get()
    assert account.mapping is not None
    assert (account.mapping["text"], account.mapping["date"]) == (["O quê", "Mais"], "Quando")
    path = f"/books/bank?account={account.id}"
    assert "is kept" in await _done(browser, path, "change", {**new, "name": "Itaú 2"})
    sheet = f"Quando;O quê;Mais;Quanto\n{utc_today():%d/%m/%Y};TED RECEBIDA;;99,50\n".encode()
    nothing = await browser.send("/books/bank", "import", {"account": str(account.id)})
    assert (nothing.status_code, "Choose a file" in nothing.text) == (422, True)
    given = {"file": ("extrato.csv", sheet)}
    said = await _done(browser, "/books/bank", "import", {"account": str(account.id)}, files=given)
    assert "1 lines were read, 1 of them new" in said
    line = await BankLine.get()
    later = {"file": ("extrato.csv", sheet.replace(b"RECEBIDA", b"RECEBIDA PIX"))}
    said = await _done(browser, "/books/bank", "import", {"account": str(account.id)}, files=later)
    assert "Some count as lines of earlier statements" in said
    assert "TED RECEBIDA PIX → TED RECEBIDA" in said
    proof = {"payout": str(payout.id), "line": str(line.id)}
    shown = await _done(browser, "/books/payouts", "prove", proof)
    assert "TED RECEBIDA" in shown
    assert (await PayoutProof.get()).charges == 50
    back = {"payout": str(payout.id), "reason": "It was another one."}
    await _done(browser, "/books/payouts?standing=PROVEN", "void", back)
    assert (await PayoutProof.get()).void_reason == "It was another one."
    taken = {"statement": str((await BankStatement.get(new_lines=0)).id), "reason": "It is another account's."}
    shown = await _done(browser, "/books/bank", "withdraw", taken)
    assert ("its lines with it" in shown, "It is another account&#39;s." in shown) == (True, True)
    assert "has ended" in await _done(browser, path, "end", {})
    assert await BankStatement.exclude(withdrawn_at=None).count() == 1


async def test_fees_are_entered_imported_and_withdrawn(browser: Browser) -> None:
    connection = str(browser.shop.connection.id)
    fee = {
        "connection": connection, "kind": "PAYMENT", "currency": "BRL", "percent": "0.99", "fixed": "0.10",
        "since": "2026-01-01", "source": "Contract, page 4",
    }  # fmt: skip
    wrong = await browser.send("/books/fees", "set", {**fee, "fixed": "0.101"})
    assert (wrong.status_code, 'href="#set-fixed"' in wrong.text) == (422, True)
    await _done(browser, "/books/fees", "set", fee)
    sheet = b"kind,currency,percent,valid_from,source\nPAYOUT,BRL,0,2026-02-01,Contract\n"
    said = await _done(browser, "/books/fees", "import", {"connection": connection}, files={"file": ("f.csv", sheet)})
    assert "1 rows were entered" in said
    assert {(one.kind, one.fixed) async for one in FeeSchedule.all()} == {("PAYMENT", 10), ("PAYOUT", 0)}
    await _done(browser, "/books/fees", "withdraw", {})
    assert await FeeSchedule.filter(withdrawn_at=None).count() == 1


async def test_rates_are_entered_imported_and_withdrawn(browser: Browser) -> None:
    rate = {"base": "USD", "quote": "BRL", "rate": "1234,554321", "since": "2026-11-20", "source": "Banco Central"}
    wrong = await browser.send("/books/rates", "set", {**rate, "rate": "five"})
    assert (wrong.status_code, 'href="#set-rate"' in wrong.text) == (422, True)
    await _done(browser, "/books/rates", "set", rate)
    sheet = b"base,quote,rate,valid_from\nUSD,MXN,17.5,2026-11-20\n"
    typed = {"layout": "GENERIC", "source": "Banxico"}
    assert "1 rates were entered" in await _done(
        browser, "/books/rates", "import", typed, files={"file": ("r.csv", sheet)}
    )
    await _done(browser, "/books/rates", "withdraw", {})
    assert await FxRate.filter(withdrawn_at=None).count() == 1
    await FxRate.create(
        merchant_id=browser.shop.id, base="USD", quote="COP", side="SINGLE", rate=Decimal("4123.554321"),
        valid_from=utc_today(), valid_to=utc_today(), origin="REPORT", source="line 4 of report.csv", batch_id=uuid4(),
        connection_id=browser.shop.connection.id, entered_by="the night",
    )  # fmt: skip
    browser.http.cookies.set("estorno-language", "pt-BR")
    page = await browser.page("/books/rates")
    assert ("linha 4 de report.csv" in page, "line 4" in page) == (True, False)
    assert ("4.123,554321<" in page, "1.234,554321<" in page) == (True, True)


async def test_a_line_that_is_the_sum_of_two_payouts_is_suggested_and_proves_both_by_hand(browser: Browser) -> None:
    one, two = [
        await Payout.create(
            id=uuid4(), merchant_id=browser.shop.id, connection_id=browser.shop.connection.id, reference=reference,
            currency="BRL", amount=amount, business_date=utc_today() - timedelta(days=2),
        )
        for reference, amount in (("po_1A2B3C", 10_000), ("po_9Z8Y7X", 7_000))
    ]  # fmt: skip
    await _done(browser, "/books/bank", "create", {"name": "Itaú", "currency": "BRL"})
    sheet = f"Data;Histórico;Valor\n{utc_today():%d/%m/%Y};TED RECEBIDA;170,00\n".encode()
    account = await BankAccount.get()
    await _done(browser, "/books/bank", "import", {"account": str(account.id)}, files={"file": ("e.csv", sheet)})
    line = await BankLine.get()
    shown = await browser.page("/books/payouts")
    assert f"?payout={one.id}&amp;line={line.id}&amp;other={two.id}#form-prove" in shown
    proof = {"payout": str(one.id), "line": str(line.id), "other": [str(one.id), str(two.id)]}
    await _done(browser, "/books/payouts", "prove", proof)
    assert await PayoutProof.filter(line_id=line.id, how="PERSON").count() == 2
