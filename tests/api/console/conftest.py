"""Somebody with a browser, who has signed in at a shop: the application behind a real socket, no script."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create
from domain.access import people
from domain.platform import database
from jobs.machine.ports import free_port
from tests.conftest import Database
from tests.kit.factories import Shop, a_shop
from tests.kit.world import configuration, quick_settings, running

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass
class Browser:
    """Keeps cookies and follows nothing by itself."""

    http: httpx.AsyncClient
    shop: Shop
    app: Any

    async def page(self, path: str, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
        """A page's text; fails where it has another status."""
        answer = await self.http.get(f"/console{path}", headers=dict(headers or {}))
        assert answer.status_code == status, (answer.status_code, answer.headers.get("location"), _words(answer.text))
        return answer.text

    async def send(
        self, path: str, do: str, typed: Mapping[str, Any], *, files: Any = None, **changed: str
    ) -> httpx.Response:
        """Post the form `do` of a page as a browser does: with what the page hides in it."""
        text = await self.page(path)
        form = text.split(f'id="form-{do}"', 1)[1].split("</form>", 1)[0]
        hidden = {name: unescape(value) for name, value in _HIDDEN.findall(form)}
        return await self.http.post(f"/console{path}", data={**hidden, **typed, **changed}, files=files)


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))[:600]


@asynccontextmanager
async def a_browser(
    owned: Database, redis_url: str, home: Path, *, shop: Shop | None = None, role: str = "ADMINISTRATOR", **more: Any
) -> AsyncIterator[Browser]:
    """The console of one process, and a person of the shop who has signed in with a link."""
    port = free_port()
    settings = quick_settings(
        database_url=owned.application_url, redis_url=redis_url, port=port, files=str(home / "files"), **more
    )
    app = create(settings)
    config = configuration(app, port)
    async with running(config), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
        assert await database.rows("SELECT 1 AS one")
        browser = Browser(http, shop or await a_shop(), app)
        await sign_in(browser, role)
        yield browser


async def sign_in(browser: Browser, role: str, name: str = "Ana", address: str = "ana@example.com") -> None:
    """As another person of the shop, made just now."""
    _, link = await people.make(browser.shop.id, name, address, [(role, None)], "tester")
    done = await browser.http.post(f"/sign-in/link/{link.secret}")
    assert done.status_code == 303, done.text


@pytest.fixture
async def browser(own_database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Browser]:
    async with a_browser(own_database, redis_url, tmp_path) as made:
        yield made
