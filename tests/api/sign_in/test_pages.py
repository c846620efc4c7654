"""Signing in with a real browser's requests: a one-time link, and an identity provider that runs beside us."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.app import create
from api.sign_in.provider import Directory
from domain.access import people, sessions
from domain.models import Person, Session, SignInLink
from jobs.machine.ports import free_port
from tests.conftest import Database
from tests.kit.factories import Shop, a_shop
from tests.kit.world import configuration, quick_settings, running

_USERS = [
    {"sub": "ana", "email": "Ana@example.com", "email_verified": True},
    {"sub": "unverified", "email": "ana@example.com"},
    {"sub": "stranger", "email": "stranger@example.com", "email_verified": True},
    {"sub": "bia", "email": "bia@example.com", "email_verified": True, "amr": ["pwd", "mfa"]},
]


@dataclass
class Browser:
    """Keeps cookies and follows nothing by itself."""

    http: httpx.AsyncClient
    app: Any

    async def text(self, path: str = "/sign-in") -> str:
        return (await self.http.get(path)).text


@asynccontextmanager
async def _browser(own_database: Database, redis_url: str, **more: Any) -> AsyncIterator[Browser]:
    port = free_port()
    settings = quick_settings(database_url=own_database.application_url, redis_url=redis_url, port=port, **more)
    app = create(settings)
    config = configuration(app, port)
    async with running(config), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
        yield Browser(http, app)


async def _a_person(shop: Shop) -> tuple[Person, people.Link]:
    return await people.make(shop.id, "Ana", "ana@example.com", [("SUPPORT", None)], "tester")


async def test_a_link_signs_in_once_and_looking_at_it_uses_nothing_up(own_database: Database, redis_url: str) -> None:
    async with _browser(own_database, redis_url) as browser:
        _, link = await _a_person(await a_shop())
        path = f"/sign-in/link/{link.secret}"
        for _ in range(2):
            assert (await browser.http.get(path)).status_code == 200
        done = await browser.http.post(path)
        assert (done.status_code, done.headers["location"]) == (303, "/console")
        cookie = done.headers["set-cookie"].lower()
        assert cookie.startswith("estorno-session=")
        assert {"httponly", "samesite=lax", "path=/"} <= {one.strip() for one in cookie.split(";")}
        assert "Ana &lt;ana@example.com&gt;" in await browser.text()
        assert (await browser.http.post(path)).status_code == 410
        assert (await browser.http.get("/sign-in/link/unknown")).status_code == 410


async def test_who_signs_out_is_out(own_database: Database, redis_url: str) -> None:
    async with _browser(own_database, redis_url) as browser:
        _, link = await _a_person(await a_shop())
        await browser.http.post(f"/sign-in/link/{link.secret}")
        cookie = browser.http.cookies["estorno-session"]
        foreign = await browser.http.post("/sign-out", headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
        assert (await browser.http.post("/sign-out")).status_code == 303
        browser.http.cookies.set("estorno-session", cookie)
        assert "ana@example.com" not in await browser.text()


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example.com"}, {"origin": "null"}]
)
async def test_a_foreign_page_signs_nobody_in(own_database: Database, redis_url: str, headers: dict[str, str]) -> None:
    async with _browser(own_database, redis_url) as browser:
        _, link = await _a_person(await a_shop())
        assert (await browser.http.post(f"/sign-in/link/{link.secret}", headers=headers)).status_code == 403
        assert await SignInLink.filter(used_at=None).count() == 1
        assert await Session.all().count() == 0


async def test_over_http_nobody_signs_in_but_on_this_machine(own_database: Database, redis_url: str) -> None:
    async with _browser(own_database, redis_url) as browser:
        _, link = await _a_person(await a_shop())
        answer = await browser.http.post(f"/sign-in/link/{link.secret}", headers={"host": "refunds.example.com"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert "https" in answer.text


async def test_over_https_the_cookie_belongs_to_this_host_alone(own_database: Database, redis_url: str) -> None:
    async with _browser(own_database, redis_url, public_url="https://refunds.example.com") as browser:
        _, link = await _a_person(await a_shop())
        done = await browser.http.post(f"/sign-in/link/{link.secret}")
        assert done.headers["set-cookie"].startswith("__Host-estorno-session=")
        assert "secure" in done.headers["set-cookie"].lower()


async def test_a_session_is_no_bearer_token(own_database: Database, redis_url: str) -> None:
    async with _browser(own_database, redis_url) as browser:
        _, link = await _a_person(await a_shop())
        await browser.http.post(f"/sign-in/link/{link.secret}")
        secret = browser.http.cookies["estorno-session"]
        for headers in ({}, {"authorization": f"Bearer {secret}"}):
            asked = await browser.http.post("/graphql", json={"query": "{ viewer { holder } }"}, headers=headers)
            assert asked.status_code == 401
        assert await sessions.authenticate(secret, 60.0) is not None


@asynccontextmanager
async def _provider(port: int) -> AsyncIterator[str]:
    """An identity provider of somebody else's, as a process of its own."""
    users = [part for user in _USERS for part in ("--user-claims", json.dumps(user))]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *users,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as http:
            while True:
                try:
                    await http.get(f"{url}/jwks")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        yield url
    finally:
        child.terminate()
        await child.wait()


async def _come_back(browser: Browser, who: str) -> httpx.Response:
    """To the provider, where somebody signs in, and back to what it answers."""
    asked = await browser.http.get("/sign-in/oidc")
    assert asked.status_code == 303
    async with httpx.AsyncClient() as http:
        answered = await http.post(asked.headers["location"], data={"sub": who})
    return await browser.http.get(answered.headers["location"])


async def test_the_identity_provider_signs_in_whom_we_know(own_database: Database, redis_url: str) -> None:
    port = free_port()
    oidc = {"oidc_issuer": f"http://127.0.0.1:{port}", "oidc_client_id": "estorno", "oidc_client_secret": "s"}
    async with _browser(own_database, redis_url, **oidc) as browser:
        assert (await browser.http.get("/sign-in/oidc")).status_code == 502  # it is not there
        browser.app.state.directory = Directory(browser.app.state.settings, again_seconds=0.0)
        async with _provider(port):
            await _a_person(await a_shop())
            for who in ("unverified", "stranger"):
                assert (await _come_back(browser, who)).status_code == 403
            assert "/sign-in/oidc" in await browser.text()
            assert (await _come_back(browser, "ana")).status_code == 303
            assert "Ana &lt;ana@example.com&gt;" in await browser.text()
            await _an_answer_counts_once_and_for_its_own_browser(browser)
        async with _provider(port):  # with another key
            assert (await _come_back(browser, "ana")).status_code == 303


async def test_where_a_second_factor_is_demanded_nobody_comes_in_without_one(
    own_database: Database, redis_url: str
) -> None:
    port = free_port()
    oidc = {"oidc_issuer": f"http://127.0.0.1:{port}", "oidc_client_id": "estorno", "oidc_client_secret": "s"}
    async with _browser(own_database, redis_url, **oidc, oidc_require_mfa=True) as browser, _provider(port):
        shop = await a_shop()
        _, link = await _a_person(shop)
        await people.make(shop.id, "Bia", "bia@example.com", [("SUPPORT", None)], "tester")
        refused = await _come_back(browser, "ana")
        assert (refused.status_code, "second factor" in refused.text) == (403, True)
        by_link = await browser.http.post(f"/sign-in/link/{link.secret}")
        assert (by_link.status_code, "second factor" in by_link.text) == (403, True)
        assert (await Session.all().count(), await SignInLink.filter(used_at=None).count()) == (0, 2)
        assert "acr_values=mfa" in (await browser.http.get("/sign-in/oidc")).headers["location"]
        assert (await _come_back(browser, "bia")).status_code == 303
        assert "bia@example.com" in await browser.text()


async def test_a_session_from_before_a_second_factor_was_demanded_is_over(
    own_database: Database, redis_url: str
) -> None:
    async with _browser(own_database, redis_url) as browser:
        _, link = await _a_person(await a_shop())
        await browser.http.post(f"/sign-in/link/{link.secret}")
        assert "ana@example.com" in await browser.text()
        cookie = browser.http.cookies["estorno-session"]
    oidc = {"oidc_issuer": "http://127.0.0.1:1", "oidc_client_id": "estorno", "oidc_client_secret": "s"}
    async with _browser(own_database, redis_url, **oidc, oidc_require_mfa=True) as browser:
        browser.http.cookies.set("estorno-session", cookie)
        assert "ana@example.com" not in await browser.text()


async def test_who_looks_at_pages_or_answers_without_having_asked_keeps_nobody_beside_them_from_signing_in(
    own_database: Database, redis_url: str
) -> None:
    """All of them come from one address, as behind a NAT."""
    port = free_port()
    oidc = {"oidc_issuer": f"http://127.0.0.1:{port}", "oidc_client_id": "estorno", "oidc_client_secret": "s"}
    async with _browser(own_database, redis_url, **oidc, rate_sign_in=2) as browser, _provider(port):
        await _a_person(await a_shop())
        async with httpx.AsyncClient(base_url=browser.http.base_url) as stranger:
            for path in ("/sign-in", "/sign-in/oidc", "/sign-in/link/x") * 2:
                assert (await stranger.get(path)).status_code != 429
            flood = [await stranger.get("/sign-in/callback?state=s&code=c") for _ in range(3)]
            assert [one.status_code for one in flood] == [403, 403, 429]
            assert 0 < int(flood[2].headers["retry-after"]) <= 30
            assert (await _come_back(browser, "ana")).status_code == 303
            assert (await stranger.post("/sign-in/link/x")).status_code == 429


async def test_one_attempt_to_sign_in_brings_few_answers(own_database: Database, redis_url: str) -> None:
    port = free_port()
    oidc = {"oidc_issuer": f"http://127.0.0.1:{port}", "oidc_client_id": "estorno", "oidc_client_secret": "s"}
    async with _browser(own_database, redis_url, **oidc, rate_sign_in=100) as browser, _provider(port):
        asked = await browser.http.get("/sign-in/oidc")
        cookie = {"cookie": f"estorno-sign-in={browser.http.cookies['estorno-sign-in']}"}
        state = parse_qs(urlsplit(asked.headers["location"]).query)["state"][0]
        async with httpx.AsyncClient(base_url=browser.http.base_url, headers=cookie) as again:
            came = [await again.get("/sign-in/callback", params={"state": state, "code": "c"}) for _ in range(6)]
    assert [one.status_code for one in came] == [403] * 5 + [429]
    assert 0 < int(came[5].headers["retry-after"]) <= 12


async def _an_answer_counts_once_and_for_its_own_browser(browser: Browser) -> None:
    asked = await browser.http.get("/sign-in/oidc")
    async with httpx.AsyncClient() as http:
        answered = await http.post(asked.headers["location"], data={"sub": "ana"})
    back = answered.headers["location"]
    async with httpx.AsyncClient(base_url=browser.http.base_url) as other:
        assert (await other.get(back)).status_code == 403
    assert (await browser.http.get(back.replace("state=", "state=x"))).status_code == 403
    assert (await browser.http.get(back)).status_code == 403  # the attempt ended with the wrong answer
    assert await Session.all().count() == 1
