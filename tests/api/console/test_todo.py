"""What is to do: deciding, paying by hand, lending a right, the rules; each form once right and once wrong."""

import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from html import escape
from uuid import UUID

from api.console import happened
from api.console.words import speaking
from domain.access import people
from domain.cause import OURS
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import ApprovalRule, Deed, Delegation, Event, Export, Refund, Settlement
from domain.models.refunds import State
from domain.money import Money
from domain.platform.wall import for_all
from jobs import exports
from tests.api.console.conftest import Browser, sign_in
from tests.kit import nights
from tests.kit.console.world import global_id
from tests.kit.factories import a_payment, a_refund
from tests.kit.sealing import sealed

PDF = ("a.pdf", b"%PDF-1.7 proof", "application/pdf")


async def _large(browser: Browser) -> tuple[str, Refund]:
    """A refund above the default's limit, which the shop's program asked for."""
    refund = await a_refund(browser.shop, await a_payment(browser.shop, amount=3_000_000), 2_600_000)
    assert refund.state is State.AWAITING_APPROVAL
    return f"/todo/approvals/{global_id('Refund', refund.id)}", refund


def test_what_people_read_of_a_refund_is_words_and_names() -> None:
    with speaking("todo", "pt-BR"):
        assert happened.account("PIX_KEY ••••4725") == "Chave Pix ••••4725"
        assert happened.event("AWAITING_DESTINATION") == "Aguarda a conta do cliente"
        assert happened.part("holder_tax_id") == "CPF ou CNPJ do titular"
        assert (happened.who("Ana <ana@example.com>"), happened.who("customer")) == ("Ana", "o cliente")
        assert happened.who("worker") == "o próprio Estorno"
        assert happened.who("command line: ana@host") == "a linha de comando: ana@host"
    assert not OURS - set(happened.NOBODY), "what we do ourselves has words"
    assert happened.account("anything else") == "anything else"


async def test_a_yes_names_what_was_seen_and_a_no_says_why(browser: Browser) -> None:
    path, refund = await _large(browser)
    text = await browser.page("/todo")
    assert path in text
    assert "Large amount" in text
    assert "@example.com" not in (await browser.page(path)).split("<main", 1)[1]
    other = await browser.send(path, "approve", {}, minorUnits="2599999")
    assert other.status_code == 422
    assert (await Refund.get(id=refund.id)).state is State.AWAITING_APPROVAL
    done = await browser.send(path, "approve", {"note": "Seen."})
    assert (done.status_code, done.headers["location"]) == (303, "/console/todo")
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED
    again = await browser.page(path)
    assert "Nothing is wanted of it any more" in again
    assert "Seen." in again
    path, refund = await _large(browser)
    assert (await browser.send(path, "reject", {"note": ""})).status_code == 422
    assert (await browser.send(path, "reject", {"note": "Not ours."})).status_code == 303
    assert (await Refund.get(id=refund.id)).state is State.REJECTED


async def test_a_refund_is_taken_its_account_seen_once_and_settled_with_evidence(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop, order="A-9"), 1_000)
    path = f"/todo/by-hand/{global_id('Refund', refund.id)}"
    assert (await browser.send(path, "take", {"reason": "abc"})).status_code == 422
    assert (await browser.send(path, "take", {"reason": "Its PSE is down."})).status_code == 303
    assert path in await browser.page("/todo/by-hand")
    shown = await browser.send(path, "account", {})
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert "back office" in shown.text  # a Pix goes back as it came: there is no account
    typed = {"way": "PSE_BACK_OFFICE", "paidOn": "soon", "reference": "D123"}
    wrong = await browser.send(path, "settle", typed, files={"file": PDF})
    assert wrong.status_code == 422
    assert "year-month-day" in wrong.text
    browser.http.cookies.set("estorno-language", "pt-BR")
    unsaid = await browser.send(path, "settle", {"way": "PSE_BACK_OFFICE", "reference": ""})
    assert ("Escreva a referência da transferência." in unsaid.text, unsaid.status_code) == (True, 422)
    browser.http.cookies.delete("estorno-language")
    assert (await Refund.get(id=refund.id)).state is State.MANUAL
    done = await browser.send(path, "settle", {**typed, "paidOn": nights.today().isoformat()}, files={"file": PDF})
    assert done.status_code == 303, done.text
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    told = [
        (one.kind, one.actor.split(" <")[0]) for one in await Event.filter(refund_id=refund.id).order_by("sequence")
    ]
    assert told == [("REQUESTED", "tester"), ("MANUAL", "Ana"), ("SUCCEEDED", "Ana")]
    evidence = await Settlement.get(refund_id=refund.id)
    assert (evidence.way, evidence.reference, str(evidence.paid_on)) == ("PSE_BACK_OFFICE", "D123", f"{nights.today()}")
    assert evidence.file_digest == hashlib.sha256(PDF[1]).hexdigest()


async def test_what_is_not_paid_by_hand_goes_to_its_pse_again(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
    path = f"/todo/by-hand/{global_id('Refund', refund.id)}"
    await browser.send(path, "take", {"reason": "Its PSE is down."})
    assert (await browser.send(path, "return", {})).status_code == 422
    assert (await browser.send(path, "return", {"reason": "It is up again."})).status_code == 303
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED


async def test_a_right_is_lent_and_taken_back(browser: Browser) -> None:
    caio, _ = await people.make(browser.shop.id, "Caio", "caio@example.com", [("SUPPORT", None)], "tester")
    today = datetime.now(UTC).date()
    typed = {"person": str(caio.id), "starts": today.isoformat(), "ends": (today + timedelta(days=200)).isoformat()}
    refused = await browser.send("/todo/lent", "lend", typed)
    assert refused.status_code == 422
    assert 'id="lend-ends"' in refused.text
    assert "at most 90 days" in refused.text
    assert (await browser.send("/todo/lent", "lend", {**typed, "person": ""})).status_code == 422
    done = await browser.send("/todo/lent", "lend", {**typed, "ends": (today + timedelta(days=9)).isoformat()})
    assert done.status_code == 303, done.text
    lent = await Delegation.get(to_id=caio.id)
    assert (await browser.send("/todo/lent", "take_back", {"delegation": ""})).status_code == 422
    assert (await browser.send("/todo/lent", "take_back", {"delegation": str(lent.id)})).status_code == 303
    assert (await Delegation.get(id=lent.id)).revoked_at is not None


async def test_a_rule_that_loosens_waits_for_another_person(browser: Browser) -> None:
    page = "/todo/rules"
    typed = {"name": "HIGH_PIX", "why": "A large Pix is seen by two.", "amount": "1,000.50", "currency": "BRL"}
    assert (await browser.send(page, "propose", {**typed, "name": ""})).status_code == 422
    assert (await browser.send(page, "propose", {**typed, "amount": "1,00.5"})).status_code == 422
    done = await browser.send(page, "propose", {**typed, "method": "PIX", "count": "2", "hours": "48"})
    assert done.status_code == 303, done.text
    text = await browser.page(page)
    assert "It holds from now on." in text
    assert "at or above: R$1,000.50" in text
    assert (await browser.send(page, "end", {"own": "APPROVAL HIGH_PIX"})).status_code == 303
    assert "another person must confirm" in await browser.page(page)
    ending = await ApprovalRule.get(name="HIGH_PIX", body__isnull=True)
    alone = await browser.send(page, "confirm", {"rule": str(ending.id)})
    assert alone.status_code == 422
    await sign_in(browser, "ADMINISTRATOR", "Bia", "bia@example.com")
    assert (await browser.send(page, "confirm", {"rule": ""})).status_code == 422
    assert (await browser.send(page, "confirm", {"rule": str(ending.id)})).status_code == 303
    assert (await ApprovalRule.get(id=ending.id)).started_at is not None
    await browser.send(page, "propose", {**typed, "name": "SECOND"})
    await browser.send(page, "end", {"own": "APPROVAL SECOND"})
    waiting = await ApprovalRule.get(name="SECOND", body__isnull=True)
    assert (await browser.send(page, "withdraw", {"rule": str(waiting.id)})).status_code == 303


def _counts(text: str) -> dict[str, str]:
    """What the navigation at the side says of how much waits, by entry."""
    side = text.split('<nav class="side"')[1].split("</nav>")[0]
    return dict(
        re.findall(r'href="/console/(\w+)"[^>]*><span class="label">[^<]+</span> <span class="count">(\d+)', side)
    )


async def test_the_navigation_says_on_every_page_how_much_waits_for_its_reader(browser: Browser) -> None:
    assert _counts(await browser.page("/settings")) == {}
    page, _refund = await _large(browser)
    assert _counts(await browser.page("/settings")) == {"todo": "1"}
    shop = browser.shop
    what = Found(FindingKind.REPORT_UNCONFIRMED, shop.id, shop.connection.id, "n", Money(1, "BRL"), "It waits.")
    await findings.open_finding(what)
    assert _counts(await browser.page(page)) == {"todo": "1", "findings": "1"}
    await sign_in(browser, "REQUESTER", "Rita", "rita@example.com")
    assert _counts(await browser.page("/settings")) == {}
    await sign_in(browser, "AUDITOR", "Dora", "dora@example.com")
    assert _counts(await browser.page("/settings")) == {"findings": "1"}


async def test_what_is_seen_is_signed_and_a_change_meanwhile_refuses(browser: Browser) -> None:
    page = "/audit/access"
    assert (await browser.send(page, "sign", {"note": ""})).status_code == 422
    assert (await browser.send(page, "sign", {"note": "All as it should be."}, digest="0" * 64)).status_code == 422
    assert (await browser.send(page, "sign", {"note": "All as it should be."})).status_code == 303
    assert await Deed.filter(operation="accessReviewSign").count() == 1
    with for_all("test"):
        await sealed(browser.shop)
    assert "accessReviewSign" in await browser.page("/audit?kind=CHANGE")
    narrowed = "kind=CHANGE&since=2026-01-01"
    assert f'action="/console/audit/export?{escape(narrowed)}"' in await browser.page(f"/audit?{narrowed}")
    asked_for = await browser.page(f"/audit/export?{narrowed}")
    assert "<dt>From (UTC)</dt>" in asked_for
    assert 'name="since"' not in asked_for, "what the list filters is not typed again"
    made = await browser.send(f"/audit/export?{narrowed}", "create", {"format": "CSV"})
    assert made.status_code == 303, made.text
    row = await Export.get()
    assert (row.kind, row.wanted["audit"]["kinds"]) == ("AUDIT", ["CHANGE"])
    await exports.export(UUID(str(row.id)), browser.app.state.settings)
    link = re.search(r'href="(/console/files/[^"]+)"', await browser.page("/audit/export"))
    assert link is not None
    file = await browser.http.get(link.group(1))
    with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
        data = next(packed.read(one).decode() for one in packed.namelist() if one != "control.csv")
    assert "accessReviewSign" in data
    assert "REFUSED" not in data
    assert "accessReviewSign" not in await browser.page("/audit?kind=REFUSED")
