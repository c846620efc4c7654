"""The distribution's Chromium on the console: one application and one seeded world in each worker.

Where there is no Chromium the tests are skipped, but not where CI is set: a run that could not look has not passed.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from api.app import create
from domain.access import sessions
from domain.models import Person
from domain.platform.settings import Settings
from jobs.machine.ports import free_port
from tests.conftest import Database, Servers
from tests.kit.console.world import Seeded, seeded
from tests.kit.read_once import read_documents_once
from tests.kit.world import configuration, quick_settings, running

read_documents_once()
WIDE, NARROW = 1280, 390
HEIGHTS = {WIDE: 900, NARROW: 844}
# What a page says to the console, and what the policy forbade, is kept in the page itself.
_WATCH = """addEventListener('securitypolicyviolation', (event) => {
  console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`);
});"""


@dataclass
class Site:
    """The console as somebody sees it; `said` is what the browser complained of."""

    url: str
    chromium: Browser
    world: Seeded
    settings: Settings
    app: Any
    _contexts: dict[tuple[Any, ...], BrowserContext] = field(default_factory=dict)
    _sessions: dict[str, str] = field(default_factory=dict)
    _kept: tuple[tuple[int, str, str], Page] | None = None

    async def page(
        self,
        width: int = WIDE,
        language: str = "en",
        theme: str = "light",
        *,
        who: Person | None = None,
        script: bool = True,
    ) -> Page:
        """A new tab of somebody (Ana, if nobody else) who has signed in."""
        person = who or self.world.ana
        key = (width, language, theme, person.id, script)
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = await self._context(width, language, theme, person, script=script)
        return await context.new_page()

    async def same_tab(self, width: int, language: str, theme: str) -> Page:
        """The tab of Ana who looks at one page after the other: a process of its own for each would cost more than all
        that is looked at. Where she looks otherwise than before, it is a new one.
        """
        looks = (width, language, theme)
        if self._kept is None or self._kept[0] != looks:
            await self.leave_tab()
            self._kept = looks, await (await self._context(*looks, self.world.ana, script=True)).new_page()
        return self._kept[1]

    async def leave_tab(self) -> None:
        """Close it: whatever it is in the middle of, the next begins anew."""
        if self._kept is not None:
            await self._kept[1].context.close()
            self._kept = None

    async def _context(self, width: int, language: str, theme: str, person: Person, *, script: bool) -> BrowserContext:
        context = await self.chromium.new_context(
            viewport={"width": width, "height": HEIGHTS[width]},
            java_script_enabled=script,
            reduced_motion="reduce",
            locale=language,
            timezone_id="America/Sao_Paulo",
        )
        context.set_default_timeout(15_000)
        await context.add_init_script(_WATCH)
        session = await self.session(person)
        cookies = {"estorno-session": session, "estorno-language": language, "estorno-theme": theme}
        await context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in cookies.items()])
        return context

    async def session(self, person: Person) -> str:
        """The secret of a session of theirs."""
        if str(person.id) not in self._sessions:
            self._sessions[str(person.id)] = (await sessions.begin(person.id, 3_600.0)).secret
        return self._sessions[str(person.id)]

    async def close(self) -> None:
        await self.leave_tab()
        for context in self._contexts.values():
            await context.close()


async def press(tab: Page, key: str, there: str) -> None:
    """Press a key where `there` can be seen, once the page's script has run: one that is pressed before is nobody's."""
    await tab.wait_for_selector(there)
    await tab.wait_for_load_state("load")
    await tab.keyboard.press(key)


async def follow(tab: Page, what: str) -> None:
    """Click what leads on, and wait for the page behind it: what is looked for next may stand on this one, too."""
    async with tab.expect_navigation():
        await tab.click(what)


async def enter(tab: Page) -> None:
    """Send the form that is being filled in, and wait for the page that it leads to."""
    async with tab.expect_navigation():
        await tab.keyboard.press("Enter")


def chromium_path() -> str:
    """Where the browser is; skips, or fails where CI is set.

    Of the distribution's two, the one without a window if it is there: the same engine for three quarters of the work.
    """
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None and os.environ.get("CI"):
        pytest.fail("There is no chromium, and CI is set: apt-get install chromium-headless-shell fonts-noto-cjk.")
    if found is None:
        pytest.skip("There is no chromium here.")
    return found


@asynccontextmanager
async def a_chromium() -> AsyncIterator[Browser]:
    """The browser, without a window."""
    path = chromium_path()
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none"]
        chromium = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(
    lasting_database: Database, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    home: Path = tmp_path_factory.mktemp("console")
    port = free_port()
    settings = quick_settings(
        database_url=lasting_database.application_url,
        redis_url=servers.redis_url,
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        egress_ips=("203.0.113.7", "203.0.113.64/28"),
        files=str(home / "files"),
        introspection=True,
    )
    app = create(settings)
    config = configuration(app, port)
    async with a_chromium() as chromium, running(config):
        world = await seeded(settings, copies=3)
        made = Site(f"http://127.0.0.1:{port}", chromium, world, settings, app)
        yield made
        await made.close()
