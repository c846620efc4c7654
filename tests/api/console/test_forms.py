"""Forms: whose they are, that they are taken once, what is shown where something is wrong, and files."""

import asyncio
from html import unescape
from typing import Any

from domain.models import Deed, Export, Refund
from domain.models.refunds import State
from tests.api.console.conftest import Browser, sign_in
from tests.kit.console.world import HOSTILE, global_id
from tests.kit.factories import OwnerRows, a_payment, a_refund, a_shop

# Ana's first grant, once more at another merchant.
_A_PART_THERE_TOO = """
INSERT INTO grants (id, merchant_id, person_id, role, created_at, created_by)
SELECT gen_random_uuid(), $1, person_id, role, created_at, created_by FROM grants WHERE person_id IS NOT NULL LIMIT 1"""


async def _a_refund(browser: Browser) -> tuple[str, Refund]:
    refund = await a_refund(browser.shop, await a_payment(browser.shop), 1_000)
    return f"/refunds/{global_id('Refund', refund.id)}", refund


def _hidden(text: str, do: str, name: str) -> str:
    form = text.split(f'id="form-{do}"', 1)[1].split("</form>", 1)[0]
    return unescape(form.split(f'name="{name}" value="', 1)[1].split('"', 1)[0])


async def test_a_form_is_taken_and_said_once_on_the_next_page(browser: Browser) -> None:
    path, refund = await _a_refund(browser)
    done = await browser.send(path, "cancel", {})
    assert (done.status_code, done.headers["location"]) == (303, f"/console{path}")
    assert "The refund was withdrawn" in await browser.page(path)
    assert "The refund was withdrawn" not in await browser.page(path)
    assert (await Refund.get(id=refund.id)).state is State.CANCELED
    other, _ = await _a_refund(browser)
    assert (await browser.send(other, "refresh", {})).status_code == 303
    noted = await Deed.filter(operation="refundRefresh").get()
    assert (noted.person_id is not None, noted.session_id is not None, noted.token_id) == (True, True, None)


async def test_a_double_click_and_a_reload_do_nothing_twice(browser: Browser) -> None:
    path, refund = await _a_refund(browser)
    await browser.send(path, "cancel", {})
    text = await browser.page(path)
    typed = {name: _hidden(text, "retry", name) for name in ("token", "do", "key")}
    answers = await asyncio.gather(*(browser.http.post(f"/console{path}", data=typed) for _ in range(3)))
    again = await browser.http.post(f"/console{path}", data=typed)
    assert {one.status_code for one in (*answers, again)} == {303}
    assert len({one.headers["location"] for one in (*answers, again)}) == 1
    assert await Refund.filter(retry_of_id=refund.id).count() == 1


async def test_a_form_without_this_sessions_token_or_from_elsewhere_does_nothing(browser: Browser) -> None:
    path, refund = await _a_refund(browser)
    text = await browser.page(path)
    good = {name: _hidden(text, "cancel", name) for name in ("token", "do", "key")}
    for typed, headers in (
        ({**good, "token": ""}, {}),
        ({**good, "token": "0" * 64}, {}),
        ({**good, "token": "é"}, {}),
        ({**good, "do": "destroy"}, {}),
        (good, {"sec-fetch-site": "cross-site"}),
        (good, {"origin": "https://evil.example"}),
    ):
        refused = await browser.http.post(f"/console{path}", data=typed, headers=headers)
        assert refused.status_code == 403
        assert "Nothing was sent" in refused.text
    await sign_in(browser, "ADMINISTRATOR", "Bia", "bia@example.com")  # the same browser, another session
    assert (await browser.http.post(f"/console{path}", data=good)).status_code == 403
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED
    browser.http.cookies.delete("estorno-session")
    away = await browser.http.post(f"/console{path}", data=good)
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in")


async def test_a_form_does_nothing_at_another_merchant_than_its_page_showed(
    browser: Browser, unguarded_rows: OwnerRows
) -> None:
    other = await a_shop(name="Other shop")
    await unguarded_rows(_A_PART_THERE_TOO, other.id)
    text = await browser.page("/refunds/export")
    good = {name: _hidden(text, "create", name) for name in ("token", "do", "key")}
    chosen = await browser.http.post("/console/merchant", data={"token": good["token"], "merchant": str(other.id)})
    assert chosen.status_code == 303
    assert "Other shop" in await browser.page("/refunds")
    for path, typed in (("/refunds/export", {**good, "format": "CSV"}), ("/merchant", {**good, "merchant": "0" * 32})):
        refused = await browser.http.post(f"/console{path}", data=typed)
        assert (refused.status_code, "Nothing was sent" in refused.text) == (403, True), path
    text = await browser.page("/refunds/export")
    there = {name: _hidden(text, "create", name) for name in ("token", "do", "key")}
    await unguarded_rows("UPDATE grants SET ended_at = now() WHERE merchant_id = $1", other.id)  # back at their own
    assert (await browser.http.post("/console/refunds/export", data={**there, "format": "CSV"})).status_code == 403
    assert await Export.all().count() == 0
    assert (await browser.http.post("/console/refunds/export", data={**good, "format": "CSV"})).status_code == 303


async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_is_kept(browser: Browser) -> None:
    path, _ = await _a_refund(browser)
    wrong = await browser.send(path, "take_by_hand", {"reason": "abc"})
    assert wrong.status_code == 422
    assert 'href="#take_by_hand-reason"' in wrong.text
    assert 'value="abc"' in wrong.text
    assert 'aria-invalid="true"' in wrong.text
    nothing = await browser.send(path, "take_by_hand", {})
    assert (nothing.status_code, "Say why" in nothing.text) == (422, True)
    hostile = await browser.send(path, "take_by_hand", {"reason": HOSTILE * 10})
    assert hostile.status_code == 422
    assert "<script>alert" not in hostile.text
    await browser.send(path, "cancel", {})
    late = await browser.http.post(f"/console{path}", data=_typed(await browser.page(path), "retry", do="cancel"))
    assert (late.status_code, "Its state does not allow this" in late.text) == (422, True)


def _typed(text: str, form: str, **changed: str) -> dict[str, str]:
    return {**{name: _hidden(text, form, name) for name in ("token", "do", "key")}, **changed}


async def test_what_is_too_large_or_no_form_is_refused_with_a_page(browser: Browser) -> None:
    path, _ = await _a_refund(browser)
    typed = _typed(await browser.page(path), "cancel")
    for answer in (
        await browser.http.post(f"/console{path}", data={**typed, "note": "x" * 600_000}),
        await browser.http.post(f"/console{path}", content=_chunked(), headers={"content-type": "text/plain"}),
    ):
        assert answer.status_code == 413, answer.text
        assert "Nothing was sent" in answer.text


async def _chunked() -> Any:
    yield b"x" * 10
