"""The forms of connections: from a draft to live by two people, and what each is told where it is not taken."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from api.console.connections.labels import LABELS, NAMES
from domain import pse
from domain.cause import Cause
from domain.models import CertificationRun, Connection, OnboardingStep, PreflightRun
from domain.models.applications import DocumentKind
from domain.models.connections import ConnectionState
from domain.onboarding import applications, preflight
from domain.platform.database import transaction
from domain.pse.checking import CheckCode, Checked, CheckOutcome
from domain.pse.credentials import fields
from tests.api.console.conftest import Browser, sign_in

_NEW = "/connections/new?pse=pix"
_KEYS = {
    "field_client_id": "app",
    "field_base_url": "https://pix.example.com/api/v2",
    "field_token_url": "https://pix.example.com/oauth/token",
    "field_client_secret": "the-client-secret",
    "field_webhook_secret": "the-webhook-secret-of-32-characters",
}
_PDF = b"%PDF-1.7 licence"


async def _a_draft(browser: Browser) -> tuple[str, Connection]:
    made = await browser.send(_NEW, "create", {"name": "Itau", "store": "sp", **_KEYS})
    assert made.status_code == 303, made.text
    row = await Connection.get(name="Itau", merchant_id=browser.shop.id)
    assert made.headers["location"] == f"/console/connections/{row.id}"
    return f"/connections/{row.id}", row


async def _hand_in_all(browser: Browser, path: str) -> None:
    for kind in DocumentKind:
        file = {"file": ("licence.pdf", _PDF, "application/pdf")}
        assert (await browser.send(path, "document", {"kind": kind.value}, files=file)).status_code == 303


async def test_two_people_take_a_connection_from_a_draft_to_live_and_out_again(browser: Browser) -> None:
    path, row = await _a_draft(browser)
    page = await browser.page(path)
    assert "documents are missing" in page
    assert "the-client-secret" not in page + await browser.page(f"{path}/keys")
    await _hand_in_all(browser, path)
    assert (await browser.send(path, "submit", {})).status_code == 303
    page = await browser.page(path)
    assert "needs somebody else than you" in page
    assert 'id="form-start"' not in page
    browser.http.cookies.set("estorno-language", "pt-BR")
    spoken = await browser.page(path)
    assert ("Solicitada." in spoken, "Applied for" in spoken) == (True, False)
    browser.http.cookies.delete("estorno-language")
    assert "Replace the keys: make it a draft again first." in page
    assert "ana@example.com" not in page.split("<main", 1)[1]
    await sign_in(browser, "ADMINISTRATOR", "Bruno", "bruno@example.com")
    assert (await browser.send(path, "start", {})).status_code == 303
    silent = await browser.send(path, "decide", {"decision": "REJECT"})
    assert (silent.status_code, 'href="#decide-comment"' in silent.text) == (422, True)
    assert (await browser.send(path, "decide", {})).status_code == 422
    assert (await browser.send(path, "decide", {"decision": "APPROVE"})).status_code == 303
    async with transaction():
        held = await Connection.filter(id=row.id).select_for_update(no_key=True).get()
        await applications.certified(held, Cause("certification", "certification"))
    assert "move real money" in await browser.page(path)
    assert "Let it go live if its keys are the live ones" in await browser.page(path)
    known = Checked(CheckCode.CREDENTIALS, CheckOutcome.PASSED, "it knows the key", "")
    failed = Checked(CheckCode.CALLBACK_REGISTERED, CheckOutcome.FAILED, "none is registered", "Register them.")
    await preflight.finish(await _looking(browser, path, row.id), row, [known, failed])
    told = (await browser.page(path)).split("<main", 1)[1]
    assert ("Preflight: failed; it was certified before" in told, "then ask the PSE again" in told) == (True, True)
    assert (await browser.send(path, "activate", {})).status_code == 303
    silent = await browser.send(path, "suspend", {})
    assert (silent.status_code, "in this field: whoever" in silent.text, "`comment`" in silent.text) == (
        422,
        True,
        False,
    )
    assert (await browser.send(path, "suspend", {"comment": "They have a bad day."})).status_code == 303
    assert (await Connection.get(id=row.id)).state is ConnectionState.SUSPENDED
    assert (await browser.send(path, "activate", {"comment": "It is over."})).status_code == 303
    assert await OnboardingStep.filter(connection_id=row.id, to_state="ACTIVE").count() == 2


async def _looking(browser: Browser, path: str, connection: UUID) -> PreflightRun:
    assert (await browser.send(path, "preflight", {})).status_code == 303
    return await PreflightRun.get(connection_id=connection, finished_at=None)


async def test_who_signs_in_by_a_makers_link_is_told_that_this_is_why_they_do_not_review(browser: Browser) -> None:
    invited = {"name": "Bia", "email": "bia@example.com", "role0": "ADMIN"}
    assert "counts as you" in await browser.page("/people/new")
    shown = (await browser.send("/people/new", "invite", invited)).text
    link = re.search(r"/sign-in/link/[\w-]+", shown)
    assert link is not None, shown
    path, _ = await _a_draft(browser)
    await _hand_in_all(browser, path)
    assert (await browser.send(path, "submit", {})).status_code == 303
    assert (await browser.http.post(link[0])).status_code == 303
    page = await browser.page(path)
    assert ('id="form-start"' in page, "the link by which you signed in" in page) == (False, True)
    refused = await browser.send(path, "preflight", {"do": "start"})
    assert (refused.status_code, "You signed in by a link that one of them made" in refused.text) == (422, True)


async def test_what_a_draft_lacks_is_said_and_no_secret_comes_back(browser: Browser) -> None:
    some = {**_KEYS, "field_token_url": ""}
    wrong = await browser.send(_NEW, "create", {"name": "Itau", "store": "sp", **some})
    assert wrong.status_code == 422
    assert "token_url" in wrong.text
    assert 'href="#create-fields"' in wrong.text
    assert 'value="https://pix.example.com/api/v2"' in wrong.text
    assert "the-client-secret" not in wrong.text
    nobody = await browser.page("/connections/new?pse=nobody", status=400)
    assert "nobody" in nobody


@pytest.mark.parametrize("hours", ["0", "24"])
async def test_keys_are_replaced_and_the_old_ones_believed_as_long_as_was_said(browser: Browser, hours: str) -> None:
    path, row = await _a_draft(browser)
    new = {**_KEYS, "field_client_secret": "another-secret", "hours": hours}
    assert (await browser.send(f"{path}/keys", "replace", new)).status_code == 303
    after = await Connection.get(id=row.id)
    assert after.sealed_secrets != row.sealed_secrets
    assert (after.old_valid_until is not None) is (hours == "24")
    wrong = await browser.send(f"{path}/keys", "replace", {**new, "hours": "many"})
    assert (wrong.status_code, 'href="#replace-hours"' in wrong.text) == (422, True)
    assert "another-secret" not in wrong.text


async def test_a_preflight_is_asked_for_shown_in_words_and_followed(browser: Browser) -> None:
    row = browser.shop.connection
    path = f"/connections/{row.id}"
    assert (await browser.send(path, "preflight", {})).status_code == 303
    page = await browser.page(path)
    assert "data-live=" in page
    run = await PreflightRun.get(connection_id=row.id)
    failed = Checked(CheckCode.CREDENTIALS, CheckOutcome.FAILED, "answered 401", "Copy the key again.")
    await preflight.finish(run, row, [failed])
    followed = page.split('data-live="', 1)[1].split('"', 1)[0]
    told = await browser.http.get(followed, headers={"accept": "text/event-stream"})
    assert 'id="runs"' in told.text
    assert "Copy the key again." in told.text
    assert "event: end" in told.text
    page = await browser.page(path)
    assert "The keys are right" in page
    assert "data-live=" not in page
    assert (await browser.http.get(f"/console{path}/live?run=nonsense")).text.endswith("event: end\ndata:\n\n")


async def test_a_certification_names_test_payments_and_says_that_they_are(browser: Browser) -> None:
    row = browser.shop.connection
    path = f"/connections/{row.id}"
    await Connection.filter(id=row.id).update(state=ConnectionState.SANDBOX)
    listed = await browser.page("/connections")
    assert ("No calls are made" in listed, "Calls are made" in listed) == (False, True), "in its test environment"
    paid = {f"payment{turn}": f"pay-{turn}" for turn in (1, 2, 3)}
    wrong = await browser.send(path, "certify", paid)
    assert (wrong.status_code, 'href="#certify-test"' in wrong.text) == (422, True)
    assert (await browser.send(path, "certify", {**paid, "test": "yes"})).status_code == 303
    assert await CertificationRun.filter(connection_id=row.id).count() == 1


async def test_a_code_is_explained_in_four_languages_or_said_to_be_unknown(browser: Browser) -> None:
    known = await browser.page("/connections/codes?pse=stripe&code=insufficient_funds")
    for language in ("en", "zh-CN", "es", "pt-BR"):
        assert f'class="box" lang="{language}"' in known
    assert "Nobody has told us" in await browser.page("/connections/codes?pse=stripe&code=%3Cscript%3E")


def test_every_field_of_a_pses_credentials_is_called_something_in_the_readers_language() -> None:
    told = {
        one.label for path in Path(pse.__file__).parent.glob("*/credentials.toml") for one in fields(path.parent.name)
    }
    assert told == set(LABELS) | set(NAMES)


async def test_a_connection_says_that_its_pse_is_left_alone_and_until_when(browser: Browser) -> None:
    row = browser.shop.connection
    path, now = f"/connections/{row.id}", datetime.now(UTC)
    for until, since, wanted in (
        (now + timedelta(minutes=3), now, "it is tried again at"),
        (now + timedelta(minutes=3), None, "It asked to be left alone until"),
        (now - timedelta(seconds=1), now, "the next call tries it"),
    ):
        await Connection.filter(id=row.id).update(resting_until=until, failing_since=since)
        assert wanted in await browser.page(path)
        assert wanted in await browser.page("/connections")
    await Connection.filter(id=row.id).update(resting_until=None, failing_since=None)
    assert "left alone" not in await browser.page(path) + await browser.page("/connections")
