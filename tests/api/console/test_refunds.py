"""What the pages of refunds and payments do: refunding with an amount, exports, the support bundle, evidence."""

import hashlib
from pathlib import Path

from domain.connections import calls
from domain.connections.calls import About, Received, SentCall
from domain.models import Export, Refund
from domain.models.refunds import State
from domain.pse.vocabulary import Accepted, Succeeded
from domain.taxes import reversals
from jobs import exports
from tests.api.console.conftest import Browser, sign_in
from tests.kit import nights
from tests.kit.console.world import global_id
from tests.kit.factories import CAUSE, a_payment, a_refund, an_answer


async def test_a_part_is_refunded_only_after_it_was_quoted_and_written_out(browser: Browser) -> None:
    payment = await a_payment(browser.shop, amount=150_000)
    path = f"/payments/{global_id('Payment', payment.id)}/refund"
    for typed, said in (("12.345", "no more decimals"), ("0", "above zero"), ("-5", "in digits"), ("1e3", "in digits")):
        text = await browser.page(f"{path}?amount={typed}&reason=FRAUD")
        assert said in text
        assert "form-create" not in text
    too_much = await browser.page(f"{path}?amount=9,999.00&currency=BRL&reason=FRAUD")
    assert "more than can still be refunded" in too_much
    assert "R$1,500.00" in too_much
    confirming = f"{path}?amount=1,050.00&currency=BRL&reason=FRAUD&note=%3Cb%3E"
    text = await browser.page(confirming)
    assert "R$1,050.00" in text
    assert "1,050.00 Brazilian reals" in text
    assert "&lt;b&gt;" in text
    done = await browser.send(confirming, "create", {})
    (refund,) = await Refund.all()
    assert done.headers["location"] == f"/console/refunds/{global_id('Refund', refund.id)}"
    assert (refund.amount, refund.reason.value, refund.note) == (105_000, "FRAUD", "<b>")
    await a_refund(browser.shop, payment)
    nothing = await browser.page(f"/payments/{global_id('Payment', payment.id)}")
    assert "Nothing of it can be refunded" in nothing
    assert '/refund"' not in nothing


async def test_the_list_counts_filters_and_exports_what_it_shows(browser: Browser, tmp_path: Path) -> None:
    payment = await a_payment(browser.shop, amount=100_000)
    for amount in (1_000, 2_000, 300_00):
        await a_refund(browser.shop, payment, amount)
    text = await browser.page("/refunds?least=15&most=25.00")
    assert "<strong>1</strong> refund" in text
    assert "R$20.00" in text
    assert "R$300.00" not in text
    for order in ("x" * 101, "x" * 4_000, "é" * 101):
        assert "<strong>0</strong> refunds" in await browser.page(f"/refunds?order={order}")
    assert "in digits" in await browser.page("/refunds?least=fifteen", 400)
    assert "Write the date" in await browser.page("/refunds?since=31/01/2026", 400)
    asked = {"format": "CSV", "state": "FAILED", "since": "2026-01-01", "method": "", "connection": ""}
    assert (await browser.send("/refunds/export", "create", asked)).status_code == 303
    row = await Export.get()
    await exports.export(row.id, browser.app.state.settings)
    row = await Export.get()
    assert (row.state, row.rows_done, row.wanted) == ("DONE", 0, {"since": "2026-01-01", "states": ["FAILED"]})
    file = await browser.http.get(f"/console/files/{row.file_id}")
    assert (file.status_code, file.headers["content-disposition"].split(";")[0]) == (200, "attachment")
    assert hashlib.sha256(file.content).hexdigest()
    browser.http.cookies.delete("estorno-session")
    assert (await browser.http.get(f"/console/files/{row.file_id}")).status_code == 303


async def test_who_may_not_refund_is_offered_none_and_told_who_can(browser: Browser) -> None:
    payment = await a_payment(browser.shop)
    path = f"/payments/{global_id('Payment', payment.id)}"
    assert "New refund" in await browser.page("")
    await sign_in(browser, "SUPPORT", "Sofia", "sofia@example.com")
    assert "New refund" not in await browser.page("") + await browser.page("/refunds")
    text = await browser.page(path)
    assert "It takes somebody who may do this: Ask for refunds, cancel and retry them." in text


async def test_the_sentence_of_a_refund_names_the_pse_and_not_what_we_call_the_account(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
    text = await browser.page(f"/refunds/{global_id('Refund', refund.id)}")
    assert "It is about to be sent to Pix. Nothing has left yet." in text


async def test_the_bundle_has_what_went_over_the_wire_and_is_a_file(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
    about = About(refund.merchant_id, refund.connection_id, CAUSE.request_id, "REFUND", refund.id, 1)
    call_id = await calls.log_request(
        about, SentCall("PUT", "https://pse.example/refunds/1", {"x-a": "b"}, '{"valor":"10.00"}')
    )
    await calls.log_answer(call_id, Received(503, {}, "<script>alert(1)</script>", 5))
    answer = await browser.http.get(f"/console/refunds/{global_id('Refund', refund.id)}/bundle")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert refund.reference in answer.headers["content-disposition"]
    for said in (refund.reference, "> PUT https://pse.example/refunds/1", '> {"valor":"10.00"}', "< 503 after 5 ms"):
        assert said in answer.text


async def test_what_was_paid_by_hand_is_settled_with_a_file(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
    path = f"/refunds/{global_id('Refund', refund.id)}"
    assert (await browser.send(path, "take_by_hand", {"reason": "The PSE is down."})).status_code == 303
    typed = {"way": "BANK_TRANSFER", "paidOn": "", "reference": "E123"}
    assert "Write the date" in (await browser.send(path, "settle", typed)).text
    large = {"file": ("proof.pdf", b"%PDF-" + b"x" * 600_000, "application/pdf")}
    today = nights.today().isoformat()
    assert "512 KiB" in (await browser.send(path, "settle", {**typed, "paidOn": today}, files=large)).text
    good = {"file": ("<script>.pdf", b"%PDF-1.7 proof", "application/pdf")}
    done = await browser.send(path, "settle", {**typed, "paidOn": today}, files=good)
    assert done.status_code == 303, done.text
    assert "It is settled" in await browser.page(path)
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED


async def test_the_timeline_names_accounts_findings_and_tax_and_says_where_it_is_cut(browser: Browser) -> None:
    payment = await a_payment(browser.shop, amount=100_000, tax=15_000)
    refund = await a_refund(browser.shop, payment, 10_000)
    about = About(refund.merchant_id, refund.connection_id, CAUSE.request_id, "REFUND", refund.id, 1)
    for number in range(21):
        sent = SentCall("PUT", f"https://pse.example/refunds/{number}", {}, "{}")
        await calls.log_answer(await calls.log_request(about, sent), Received(503, {}, "", 5))
    await an_answer(refund, Succeeded())
    await reversals.open_of([refund.id])
    path = f"/refunds/{global_id('Refund', refund.id)}"
    text = await browser.page(path)
    for said in ("Refund asked for", "Refunds payable", "The newest 20 calls are here", "is to be taken back"):
        assert said in text
    assert [f"https://pse.example/refunds/{one}<" in text for one in (0, 1, 20)] == [False, True, True]
    bundle = (await browser.http.get(f"/console{path}/bundle")).text
    assert "https://pse.example/refunds/0\n" in bundle
    assert "/console/vat/reversals/" in text
    assert "pse.example" not in await browser.page(f"{path}?show=books")
    browser.http.cookies.set("estorno-language", "zh-CN")
    chinese = await browser.page(path)
    for said in ("已申请退款", "应付退款", "退款申请", "需冲回增值税"):
        assert said in chinese


async def test_who_ends_a_doubt_sees_what_another_has_said_and_what_their_own_word_does(browser: Browser) -> None:
    refund = await a_refund(browser.shop, await a_payment(browser.shop))
    await an_answer(refund, Accepted())
    path = f"/refunds/{global_id('Refund', refund.id)}"
    short = await browser.send(path, "resolve_doubt", {"verdict": "PAID", "evidence": "There."})
    assert ("This field takes 10 to 1000" in short.text, "evidence takes" in short.text) == (True, False)
    said = {"verdict": "PAID", "evidence": "The back office has it, settled."}
    assert (await browser.send(path, "resolve_doubt", said)).status_code == 303
    page = await browser.page(path)
    assert "You have said" in page
    await sign_in(browser, "ADMINISTRATOR", "Bruno", "bruno@example.com")
    page = await browser.page(path)
    assert "Ana has said: Yes, it is there." in page
    assert '<details class="do" open><summary>Resolve the doubt' in page, "what waits for them is not folded away"
    assert ">PAID<" not in page, "a code is no word"
    assert (await browser.send(path, "resolve_doubt", said)).status_code == 303
    done = await browser.page(path)
    assert ("Succeeded" in done, "has said" in done) == (True, False)
