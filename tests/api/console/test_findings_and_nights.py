"""What the forms of findings and nights do: worked off, resolved by one or by two, by a sheet; reports handed in."""

import json
import re
from datetime import timedelta
from uuid import UUID

import pytest

from api.console.words import TRANSLATED, catalogue
from domain.exports import headings
from domain.exports.cells import written
from domain.exports.tables import shown
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Deed, Export, Finding, FindingEvent, FindingResolution, HandedReport, LedgerEntry, Person
from domain.money import Money
from domain.payments import external
from domain.pse.vocabulary import KnownRefund, Succeeded
from tests.api.console.conftest import Browser, sign_in
from tests.kit.console.seed_findings import NIGHT
from tests.kit.console.seed_nights import handed_in
from tests.kit.console.world import Seeded, global_id
from tests.kit.factories import a_payment
from tests.kit.nights import pix_of, run_pix, today


async def _taken(browser: Browser, amount: int, name: str) -> tuple[str, Finding]:
    payment = await a_payment(browser.shop, amount=10_000_000, tax=1_800_000)
    known = KnownRefund(name, name, Money(amount, "BRL"), Succeeded(name), True, "MED", None, None)
    assert await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, NIGHT)
    row = await Finding.get(payment_id=payment.id)
    return f"/findings/{global_id('Finding', row.id)}", row


async def _differs(browser: Browser, number: int) -> Finding:
    shop, amount = browser.shop, Money(number, "BRL")
    kind = FindingKind.AMOUNT_MISMATCH
    made = await findings.open_finding(Found(kind, shop.id, shop.connection.id, f"n/{number}", amount, "They differ."))
    return await Finding.get(id=made)


async def test_a_finding_is_taken_commented_on_and_rests(browser: Browser) -> None:
    path, row = await _taken(browser, 1_000, "MED1")
    ana = await Person.get(merchant_id=browser.shop.id)
    for do, typed, files in (
        ("take", {}, None),
        ("assign", {"personId": str(ana.id)}, None),
        ("comment", {"text": "Asked the bank."}, None),
        ("attach", {}, {"file": ("answer.txt", b"It was the customer.", "text/plain")}),
        ("wait", {"until": str(today() + timedelta(days=3)), "why": "The bank answers."}, None),
    ):
        done = await browser.send(path, do, typed, files=files)
        assert (done.status_code, done.headers.get("location")) == (303, f"/console{path}"), (do, done.text)
    row = await Finding.get(id=row.id)
    assert (row.assignee_id, row.waiting_why) == (ana.id, "The bank answers.")
    kinds = [one.kind for one in await FindingEvent.filter(finding_id=row.id).order_by("id")]
    assert kinds == ["ASSIGNED", "ASSIGNED", "COMMENTED", "ATTACHED", "WAITING"]
    text = await browser.page(path)
    assert f'rests until <time class="day" datetime="{today() + timedelta(days=3)}"' in text
    assert "Take it" not in text, "who has it cannot take it"
    assert "ana@example.com" not in text.split("History")[1]
    attached = re.search(r'href="(/console/files/[^"]+)">answer.txt', text)
    assert attached is not None
    assert (await browser.http.get(attached[1])).content == b"It was the customer."
    assert "Asked the bank." in text
    for do, typed, field in (
        ("assign", {}, "personId"),
        ("comment", {}, "text"),
        ("attach", {}, "file"),
        ("wait", {"until": "2026-31-31", "why": "x"}, "until"),
        ("wait", {"until": str(today())}, "why"),
    ):
        wrong = await browser.send(path, do, typed)
        assert (wrong.status_code, f'href="#{do}-{field}"' in wrong.text) == (422, True), (do, field)


async def test_what_is_booked_is_seen_before_it_is_said_and_a_second_person_confirms_what_is_large(
    browser: Browser,
) -> None:
    path, row = await _taken(browser, 1_000, "MED1")
    assert "What became of it?" in await browser.page(f"{path}/resolve")
    seen = await browser.page(f"{path}/resolve?reason=REFUND_OF_OURS")
    assert [one in seen for one in ("Sales returns", "VAT to be reversed", "R$8.20", "R$1.80")] == [True] * 4
    assert "another person must confirm" not in seen
    unsaid = (await browser.page(f"{path}/resolve?reason=EXPLAINED")).split("<main", 1)[1]
    assert ("is in “Suspense”: say where it belongs (“Give it up”" in unsaid, ", FEE" in unsaid) == (True, False)
    wrong = await browser.page(f"{path}/resolve?reason=CLAIMED_FROM_PSE&came=1,000.00.0&currency=BRL")
    assert 'aria-invalid="true"' in wrong
    claimed = await browser.page(f"{path}/resolve?reason=CLAIMED_FROM_PSE&came=4.00&currency=BRL")
    assert ("R$6.00" in claimed, "R$4.00" in claimed) == (True, True)
    assert "form-say" not in await browser.page(f"{path}/resolve?reason=CORRECTED")  # to which account?
    empty = await browser.send(f"{path}/resolve?reason=CORRECTED&account=FEES", "say", {})
    assert (empty.status_code, 'href="#say-note"' in empty.text) == (422, True)
    assert await LedgerEntry.filter(cause__startswith="finding/").count() == 0
    done = await browser.send(f"{path}/resolve?reason=CORRECTED&account=FEES", "say", {"note": "A fee, after all."})
    assert (done.status_code, done.headers["location"]) == (303, f"/console{path}")
    (booked,) = await LedgerEntry.filter(cause__startswith="finding/")
    assert (booked.debit, booked.credit, booked.amount) == ("FEES", "SUSPENSE", 1_000)
    assert (await browser.send(path, "reopen", {"why": "It was none."})).status_code == 303
    assert (await Finding.get(id=row.id)).resolved_at is None
    large, two = await _taken(browser, 5_000_000, "MED2")
    assert "another person must confirm" in await browser.page(f"{large}/resolve?reason=CHARGEBACK")
    await browser.send(f"{large}/resolve?reason=CHARGEBACK", "say", {"note": "The bank took it."})
    assert ("form-confirm" in await browser.page(large), (await Finding.get(id=two.id)).resolved_at) == (False, None)
    await sign_in(browser, "ADMINISTRATOR", "Bia", "bia@example.com")
    assert (await browser.send(large, "decline", {"why": "Look again."})).status_code == 303
    await browser.send(f"{large}/resolve?reason=CHARGEBACK", "say", {"note": "The bank took it."})
    await sign_in(browser, "ADMINISTRATOR", "Caio", "caio@example.com")
    assert (await browser.send(large, "confirm", {})).status_code == 303
    assert (await Finding.get(id=two.id)).resolved_at is not None
    await sign_in(browser, "AUDITOR", "Dora", "dora@example.com")
    assert "you may look" in await browser.page(large)


async def test_many_are_resolved_by_a_filter_and_what_was_refused_is_told(browser: Browser) -> None:
    for number in (5, 7):
        await _differs(browser, number)
    await _taken(browser, 1_000, "MED1")
    listed = await browser.page("/findings?currency=BRL&most=10.00&order=LARGEST")
    assert ("R$10.12" in listed, 'name="order"' in listed) == (True, True)
    for query in ("?due=week", "?assignee=me&severity=HIGH", "?kind=CHARGEBACK", "?state=RESOLVED"):
        await browser.page(f"/findings{query}")
    assert "no such order" in await browser.page("/findings?order=x", 400)
    preview = await browser.page("/findings/bulk?currency=BRL&most=10.00")
    assert "3 findings" in preview
    unsaid = await browser.send("/findings/bulk?currency=BRL", "say_all", {"note": "Rounded."})
    assert (unsaid.status_code, 'href="#say_all-reason"' in unsaid.text) == (422, True)
    typed = {"reason": "EXPLAINED", "note": "Rounded by the PSE."}
    other = {**typed, "seen": "0" * 64}
    assert (await browser.send("/findings/bulk?currency=BRL&most=10.00", "say_all", other)).status_code == 422
    done = await browser.send("/findings/bulk?currency=BRL&most=10.00", "say_all", typed)
    assert done.status_code == 200, done.text
    assert "is in “Suspense”" in done.text  # the one that is refused, with the reason
    assert await Finding.filter(merchant_id=browser.shop.id, resolved_at=None).count() == 1
    assert "No open finding matches" in await browser.page("/findings/bulk?kind=CHARGEBACK")
    large = await _differs(browser, 9_000_000)
    waits = (await browser.send("/findings/bulk?least=1000.00", "say_all", typed)).text
    assert (f"/console/findings/{global_id('Finding', large.id)}" in waits, "R$90,000.00" in waits) == (True, True)


async def test_a_file_of_another_kind_is_refused_in_the_readers_language(browser: Browser) -> None:
    browser.http.cookies.set("estorno-language", "pt-BR")
    shown = await browser.send("/findings/sheets", "bring", {}, files={"file": ("a.pdf", b"%PDF-1.7 x")})
    assert (shown.status_code, "Pelo conteúdo, o arquivo não é" in shown.text) == (422, True)


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_sheets_columns_are_called_as_in_the_sheet(language: str) -> None:
    columns = ("Decision", "Note", "Account", "Came", "Duplicate of", "Assign to")
    told = next(str(one.string) for one in catalogue("findings", language) if str(one.id).startswith("Fill in the col"))
    assert [name for name in (headings.words()[one][language] for one in columns) if name not in told] == []


async def test_a_sheet_goes_out_by_the_filter_and_comes_back_row_by_row(browser: Browser) -> None:
    row = await _differs(browser, 9)
    out = await browser.send("/findings/sheets?kind=AMOUNT_MISMATCH", "export", {"format": "CSV"})
    assert out.headers["location"] == "/console/findings/sheets?kind=AMOUNT_MISMATCH"
    made = await Export.get(merchant_id=browser.shop.id)
    assert (made.kind, made.format, "AMOUNT_MISMATCH" in json.dumps(made.wanted)) == ("FINDINGS", "CSV", True)
    assert "RESOLVED" not in made.wanted["findings"]["states"], "the list has only what is not resolved"
    await browser.send("/findings/sheets?state=RESOLVED", "export", {"format": "CSV"})
    ended = await Export.filter(merchant_id=browser.shop.id).exclude(id=made.id).get()
    assert ended.wanted["findings"]["states"] == ["RESOLVED"]
    assert "What that books" in await browser.page("/findings/sheets")
    assert "Waiting" in await browser.page("/findings/sheets")
    nothing = await browser.send("/findings/sheets", "bring", {})
    assert (nothing.status_code, "Choose the sheet" in nothing.text) == (422, True)
    head, stale = ["Finding", "Facts", "Decision", "Note"], [str(row.id), "stale", "EXPLAINED", "Rounded."]
    refused = {"file": ("x.csv", written([head, stale]), "text/csv")}
    brought = await browser.send("/findings/sheets", "bring", {}, files=refused)
    assert 'id="form-apply"' not in await browser.page(brought.headers["location"].removeprefix("/console"))
    other = await _differs(browser, 8)
    goes = [str(other.id), shown(other), "EXPLAINED", "Rounded."]
    sheet = written([head, stale, goes])
    brought = await browser.send("/findings/sheets", "bring", {}, files={"file": ("x.csv", sheet, "text/csv")})
    assert brought.status_code == 303, brought.text
    preview = brought.headers["location"].removeprefix("/console")
    seen = await browser.page(preview)
    assert ("It has changed since it was exported" in seen, "FACTS_CHANGED" in seen) == (True, False)
    assert "Apply 1 row<" in seen
    applied = await browser.send(preview, "apply", {})
    assert applied.status_code == 303, applied.text
    told = await browser.page(applied.headers["location"].removeprefix("/console"))
    assert ("It has changed since it was exported" in told, "2 / 2" in told) == (True, True)
    assert await FindingResolution.filter(finding_id=row.id).count() == 0
    assert await Deed.filter(operation="decisionsApply").exists()


async def test_a_report_is_handed_in_confirmed_by_another_and_a_night_runs_again(browser: Browser) -> None:
    payment = await a_payment(browser.shop, amount=12_000, days_ago=1)
    await run_pix(browser.shop, pix_of(payment), days=-1)
    night = f"/nights/{browser.shop.connection.id}.{today() - timedelta(days=1)}"
    assert "Complete" in await browser.page("/nights")
    assert "R$120.00" in await browser.page(night)
    for wrong in ("x", f"{browser.shop.connection.id}.2026-31-31"):
        await browser.page(f"/nights/{wrong}", 400)
    again = await browser.send(night, "repeat", {})
    assert (again.status_code, await Deed.filter(operation="nightRepeat").count()) == (303, 1), again.text
    content = json.dumps({"pix": [pix_of(await a_payment(browser.shop, days_ago=20))]}).encode()
    files = {"file": ("extrato.json", content, "application/json")}
    for typed, field in (({}, "connection"), ({"connection": str(browser.shop.connection.id), "date": "x"}, "date")):
        refused = await browser.send("/nights/upload", "hand_in", typed, files=files)
        assert (refused.status_code, f'href="#hand_in-{field}"' in refused.text) == (422, True), field
    typed = {"connection": str(browser.shop.connection.id), "date": str(today() - timedelta(days=20))}
    done = await browser.send("/nights/upload", "hand_in", typed, files=files)
    assert done.status_code == 303, done.text
    path = done.headers["location"].removeprefix("/console")
    assert "Being judged" in await browser.page(path)
    row = await HandedReport.get(id=UUID(path.rsplit("/", 1)[1]))
    assert (row.name, row.state) == ("extrato.json", "WAITING")


async def test_another_person_confirms_or_refuses_a_report(browser: Browser) -> None:
    ana = await Person.get(merchant_id=browser.shop.id)
    world = Seeded(browser.shop, browser.app.state.settings, ana, ana)  # in place of Bruno
    first, second = await handed_in(world, 0), await handed_in(world, 1)
    await sign_in(browser, "ADMINISTRATOR", "Bia", "bia@example.com")
    wrong = await browser.send(f"/nights/handed/{first.id}", "confirm", {}, sha256="0" * 64)
    assert wrong.status_code == 422
    assert (await browser.send(f"/nights/handed/{first.id}", "confirm", {})).status_code == 303
    text = await browser.page(f"/nights/handed/{first.id}")
    assert ("Being entered" in text, "Being judged" in text, "Show how far it is" in text) == (True, False, True)
    assert f'data-live="/console/nights/handed/{first.id}/live"' in text
    unsaid = await browser.send(f"/nights/handed/{second.id}", "refuse", {})
    assert (unsaid.status_code, 'href="#refuse-why"' in unsaid.text) == (422, True)
    assert (await browser.send(f"/nights/handed/{second.id}", "refuse", {"why": "Not ours."})).status_code == 303
    rows = [await HandedReport.get(id=one.id) for one in (first, second)]
    assert [(one.state, one.confirmed_by is not None) for one in rows] == [("WAITING", True), ("REFUSED", False)]


async def test_a_second_person_is_led_to_what_waits_for_their_yes(browser: Browser) -> None:
    path, row = await _taken(browser, 5_000_000, "MED-LARGE")
    await _taken(browser, 700, "MED-SMALL")
    said = await browser.send(f"{path}/resolve?reason=WRITE_OFF", "say", {"note": "Nobody can say what it was."})
    assert said.status_code == 303, said.text
    for page in ("", "/todo", "/todo/second", "/findings?second=ME"):
        text = (await browser.page(page)).split("<main", 1)[1]
        assert (path in text, 'href="/console/findings?second=ME"' in text) == (False, False), page
    assert path in await browser.page("/findings?second=ANYBODY")
    await sign_in(browser, "ACCOUNTANT", "Bruno", "bruno@example.com")
    home = await browser.page("")
    assert 'href="/console/findings?second=ME"' in home
    assert "/console/todo/second" in await browser.page("/todo")
    for page in ("/todo/second", "/findings?second=ME"):
        assert path in (text := await browser.page(page)), page
        assert text.count('class="row"') == 1, page
        assert "/findings/bulk" not in text, "what others have said is confirmed one by one, not said anew of all"
    assert "Give it up: Nobody can say what it was." in await browser.page("/todo/second")
    assert "Ana has said what became of it" in await browser.page(f"{path}/resolve")
    shown = re.search(r'name="resolutionId" value="([^"]+)"', await browser.page(path))
    assert shown is not None
    await sign_in(browser, "ACCOUNTANT", "Carla", "carla@example.com")
    await browser.send(f"{path}/resolve?reason=CHARGEBACK", "say", {"note": "The bank took it."})
    await sign_in(browser, "ACCOUNTANT", "Davi", "davi@example.com")
    stale = await browser.send(path, "confirm", {"resolutionId": shown[1]})
    assert ("look at it, then say yes to that" in stale.text, (await Finding.get(id=row.id)).resolved_at) == (
        True,
        None,
    )
    assert (await browser.send(path, "confirm", {})).status_code == 303
    assert (await Finding.get(id=row.id)).resolved_at is not None
    assert "/findings?second=ME" not in await browser.page("")


@pytest.mark.parametrize(
    ("language", "heads", "wanted"),
    [
        (
            "pt-BR",
            ("Decisão", "Observação", "Duplicado de"),
            (
                "Observação tem de 3 a 500 caracteres.",
                "Está resolvido: “Está explicado” (EXPLAINED).",
                "Duplicado de vai com “É o mesmo que outro apontamento” (DUPLICATE_OF).",
                "na coluna Decisão",
            ),
        ),
        (
            "zh-CN",
            ("决定", "备注", "重复于"),
            (
                "备注 须为 3 至 500 个字符。",
                "已处理：“已查明原因” (EXPLAINED)。",
                "“重复于”与 “与另一项差异相同” (DUPLICATE_OF) 一起使用。",
                "请在“决定”列写明",
            ),
        ),
    ],
)
async def test_a_sheets_rows_are_told_in_its_readers_words(
    browser: Browser, language: str, heads: tuple[str, str, str], wanted: tuple[str, ...]
) -> None:
    browser.http.cookies.set("estorno-language", language)
    rows = [await _differs(browser, number) for number in (1, 2, 3, 4, 5)]
    said = [("EXPLAINED", "x", ""), ("EXPLAINED", "Arredondado.", ""), ("EXPLAINED", "Arredondado.", str(rows[0].id)),
            ("", "Nada.", ""), ("PERDIDO", "Nada.", "")]  # fmt: skip
    named = [heads[0], heads[1], heads[2]]
    lines = [[str(row.id), shown(row), *one] for row, one in zip(rows, said, strict=True)]
    sheet = written([["Finding", "Facts", *named], *lines])
    brought = await browser.send("/findings/sheets", "bring", {}, files={"file": ("x.csv", sheet, "text/csv")})
    preview = brought.headers["location"].removeprefix("/console")
    seen = await browser.page(preview)
    assert [one for one in wanted if one not in seen] == []
    assert [one for one in ("note ", "duplicateOf", "column") if one in seen.split("<main")[1]] == []
    applied = await browser.send(preview, "apply", {})
    told = await browser.page(applied.headers["location"].removeprefix("/console"))
    assert [one for one in (wanted[0], wanted[3]) if one not in told] == []
    assert (await Finding.get(id=rows[1].id)).reason == "EXPLAINED"
