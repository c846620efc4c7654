"""The frame around every page, and who comes in: sessions, tokens of forms, headers, languages, ways back."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from api.sign_in.coming_back import is_ours
from domain.access import people
from tests.api.console.conftest import Browser, a_browser
from tests.conftest import Database

_ELSEWHERE = [
    "https://evil.example", "//evil.example", "/\\evil.example", "/console//evil.example", "/console/../evil",
    "javascript:alert(1)", "/consolevil", "/console\\@evil.example", "\t//evil.example", "/sign-out",
    "/console/x\r\nset-cookie: a=b", "/console/%2e%2e/sign-in/link/abc", "/console/.%2E/evil",
    "/console/%2f%2fevil.example",
]  # fmt: skip


@pytest.mark.parametrize("path", _ELSEWHERE)
def test_no_way_back_leads_elsewhere(path: str) -> None:
    assert not is_ours(path)


@pytest.mark.parametrize("path", ["/console", "/console/refunds?state=FAILED&after=a%2F%2Fb", "/console?x=1"])
def test_a_page_of_the_console_is_a_way_back(path: str) -> None:
    assert is_ours(path)


async def test_who_is_not_signed_in_comes_back_to_the_page_that_was_wanted(browser: Browser) -> None:
    session = browser.http.cookies.pop("estorno-session")
    asked = await browser.http.get("/console/refunds?state=FAILED")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in")
    _, link = await people.make(browser.shop.id, "Bia", "bia@example.com", [("SUPPORT", None)], "tester")
    done = await browser.http.post(f"/sign-in/link/{link.secret}")
    assert (done.status_code, done.headers["location"]) == (303, "/console/refunds?state=FAILED")
    browser.http.cookies.delete("estorno-session")
    assert (await browser.http.get("/console/refunds", headers={"cookie": "estorno-session=wrong"})).status_code == 303
    await browser.http.post("/sign-out", headers={"cookie": f"estorno-session={session}"})
    ended = await browser.http.get("/console/refunds", headers={"cookie": f"estorno-session={session}"})
    assert ended.status_code == 303


async def test_a_foreign_destination_is_never_kept_nor_gone_to(browser: Browser) -> None:
    browser.http.cookies.set("estorno-wanted", "//evil.example")
    _, link = await people.make(browser.shop.id, "Bia", "bia@example.com", [("SUPPORT", None)], "tester")
    done = await browser.http.post(f"/sign-in/link/{link.secret}")
    assert done.headers["location"] == "/console"
    for path in _ELSEWHERE:
        looked = await browser.http.post("/console/look", data={"back": path, "language": "es"})
        assert (looked.status_code, looked.headers["location"]) == (303, "/console"), path


async def test_the_headers_of_a_page_allow_nothing_but_our_own(browser: Browser) -> None:
    answer = await browser.http.get("/console/refunds")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= set(policy.split("; "))
    assert answer.headers["x-frame-options"] == "DENY"
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "same-origin")
    assert " style=" not in answer.text
    assert "<style" not in answer.text
    assert not re.search(r"\son\w+=", answer.text)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)
    for address in re.findall(r'"(/console/static/[^"]+)"', answer.text):
        file = await browser.http.get(address)
        assert (file.status_code, "immutable" in file.headers["cache-control"]) == (200, True)
    assert (await browser.http.get("/console/static/console.000000000000.css")).status_code == 404


async def test_a_look_is_kept_and_language_follows_the_browser_until_then(browser: Browser) -> None:
    assert '<html lang="es"' in await browser.page("/merchants", headers={"accept-language": "es-MX,es;q=0.9"})
    done = await browser.http.post(
        "/console/look", data={"language": "zh-CN", "theme": "dark", "back": "/console/merchants"}
    )
    assert (done.status_code, done.headers["location"]) == (303, "/console/merchants")
    text = await browser.page("/merchants", headers={"accept-language": "es"})
    assert '<html lang="zh-CN" data-theme="dark">' in text
    assert "商家" in text
    foreign = {"sec-fetch-site": "cross-site"}
    await browser.http.post("/console/look", data={"language": "es"}, headers=foreign)
    await browser.http.post("/console/look", data={"language": "xx", "theme": '"><script>'})
    assert 'lang="zh-CN" data-theme="dark"' in await browser.page("/merchants")


async def test_each_way_of_there_being_no_page_is_a_page(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    async with a_browser(own_database, redis_url, tmp_path, rate_per_token=8, body_limit_bytes=4096) as browser:
        assert "There is nothing here" in await browser.page("/nowhere", 404)
        assert "cannot be shown" in await browser.page("/refunds/" + quote("<script>"), 400)
        assert "cannot be used" in await browser.page("/refunds?after=nonsense", 400)
        assert "cannot be used" in await browser.page("/refunds?state=NO_STATE", 400)
        for size, status in ((600_000, 413), (1_000, 404)):
            sent = await browser.http.post("/console/nowhere", data={"x": "y" * size})
            assert sent.status_code == status
        for _ in range(10):
            last = await browser.http.get("/console/refunds")
        assert last.status_code == 429
        assert "Too much at once" in last.text
        assert int(last.headers["retry-after"]) > 0
