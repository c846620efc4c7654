"""Every page that the registry has, in a real browser: on a screen and on a phone, in every language, light and dark.

The gate rotates languages and themes over pages and sizes; BROWSER=full (`make browser`) takes every combination.
SCREENSHOTS=<folder> (`make screenshots`) keeps a picture of each page in both sizes.
"""

import asyncio
import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import ConsoleMessage, Error
from playwright.async_api import Page as Tab

from api.console import registry
from api.console.page import Page
from api.console.words import LANGUAGES
from tests.browser.conftest import HEIGHTS, NARROW, WIDE, Site
from tests.kit.console.world import queries

_LANGUAGES, _THEMES = list(LANGUAGES), ["light", "dark"]
_BYTES_MAX = 80 * 1024
# The pages that docs/console.md shows: `make screenshots` writes their pictures anew, small enough for a repository.
_TOUR = {"home/home", "refunds/list", "refunds/one", "payments/refund", "findings/list", "books/balance"}
_DOCS = Path(__file__).resolve().parents[2] / "docs" / "console"
_PICTURE_MAX = 60 * 1024
# What is right is not told: to write that down would take longer than to look.
_AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]},
    "resultTypes": ["violations"],
}
_LOOK = "(options) => axe.run(document, options).then((found) => found.violations)"
# Texts of the same colour and letters on the same grounds are as easy to read: of each kind the first and the last are
# compared. What is positioned may lie on anything, and is compared whatever it looks like.
_COMPARE = """() => {
  const [grounds, kinds] = [new Map(), new Map()];
  const ground = (one) => {
    if (one && !grounds.has(one)) {
      const { backgroundColor, backgroundImage, opacity, filter, position } = getComputedStyle(one);
      const behind = ground(one.parentElement);
      const placed = behind.placed || !['static', 'relative'].includes(position);
      const key = [behind.key, backgroundColor, backgroundImage, opacity, filter].join('|');
      grounds.set(one, { key, placed });
    }
    return grounds.get(one) ?? { key: '', placed: false };
  };
  const written = (one) => [...one.childNodes].some((part) => part.nodeType === Node.TEXT_NODE && part.data.trim());
  const excused = (one) => (one.closest('label')?.control ?? one).closest(':disabled, [aria-disabled=true]') !== null;
  [...document.body.querySelectorAll('*')].forEach((one, number) => {
    if (!one.checkVisibility({ visibilityProperty: true })) return;
    if (!written(one) && !one.matches('input, select, textarea')) return;
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(one);
    const { key, placed } = ground(one);
    const letters = [color, fontSize, fontWeight, textShadow, one.localName, excused(one)];
    const kind = [key, ...letters, placed && number].join(';');
    kinds.set(kind, [kinds.get(kind)?.[0] ?? one, one]);
  });
  kinds.forEach((some) => some.forEach((one) => { one.dataset.compared = ''; }));
  axe.configure({ rules: [{ id: 'color-contrast', selector: '[data-compared]' }] });
}"""
# What can be reached by Tab: visible, enabled, and not taken out on purpose.
_REACHABLE = """() => {
  const folded = 'details:not([open]) > :not(summary)';
  const seen = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(folded);
  const stops = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const all = [...document.querySelectorAll(stops)];
  const found = all.filter((one) => seen(one) && !one.disabled && one.tabIndex >= 0);
  found.forEach((one, number) => { one.dataset.reach = number; });
  // Each of these has stops of its own within.
  const parts = [...document.querySelectorAll('input[type=date], input[type=month]')].length * 3;
  return [found.length, parts];
}"""
# From now on the page itself keeps where the focus has been, and where it was not to be seen.
_KEEP_FOCUS = """() => {
  document.activeElement?.blur();
  scrollTo(0, 0);
  window.focused = { reached: [], quiet: [] };
  document.addEventListener('focusin', ({ target }) => {
    focused.reached.push(target.dataset.reach ?? null);
    if (getComputedStyle(target).outlineStyle === 'none') focused.quiet.push(target.outerHTML.slice(0, 120));
  });
}"""
_NOT_REACHED = """(count) => [...Array(count).keys()].filter((one) => !focused.reached.includes(String(one)))
  .map((one) => document.querySelector(`[data-reach='${one}']`).outerHTML.slice(0, 120))"""
_TAB = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}


def _looks() -> Iterator[Any]:
    """All pages that are seen in one size, language and theme follow each other: they are seen in one tab."""
    for page, query, *looks in sorted(_shown(), key=lambda one: one[2:]):
        name = "-".join([page.name + (f"-{query[:12]}" if query else ""), *map(str, looks)])
        yield pytest.param(page, query, *looks, id=name)


def _shown() -> Iterator[tuple[Page, str, int, str, str]]:
    more = queries()
    shown = [(one, query) for one in registry.pages() if not one.download for query in ["", *more.get(one.name, [])]]
    for number, (page, query) in enumerate(shown):
        for turn, width in enumerate((WIDE, NARROW)):
            step = number + 2 * turn
            chosen = [(_LANGUAGES[step % 4], _THEMES[(number + turn) % 2])]
            if os.environ.get("BROWSER") == "full":
                chosen = [(language, theme) for language in _LANGUAGES for theme in _THEMES]
            if os.environ.get("SCREENSHOTS"):
                chosen = [(os.environ.get("LANGUAGE_SHOWN") or "en", os.environ.get("THEME_SHOWN") or "light")]
            for language, theme in chosen:
                yield page, query, width, language, theme


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("page", "query", "width", "language", "theme"), list(_looks()))
async def test_a_page_is_fit_to_be_shown(
    site: Site, page: Page, query: str, width: int, language: str, theme: str
) -> None:
    tab = await site.same_tab(width, language, theme)
    said: list[str] = []

    def hear(one: ConsoleMessage) -> None:
        if one.type in ("error", "warning"):
            said.append(one.text)

    def hear_error(one: Error) -> None:
        said.append(str(one))

    tab.on("console", hear)
    tab.on("pageerror", hear_error)
    try:
        answer = await tab.goto(f"{site.url}{site.world.path(page)}?{query}")
        assert answer is not None
        assert answer.status == 200, await tab.inner_text("main")
        assert len(await answer.body()) <= _BYTES_MAX
        assert await tab.get_attribute("html", "lang") == language
        await _keep(tab, f"{page.name}-{query[:8]}" if query else page.name, width)
        if os.environ.get("TOUR") and width == WIDE and page.name in _TOUR and not query:
            await _keep_for_the_tour(tab, page.name)
        assert await _too_wide(tab) == []
        await _is_accessible(tab, width)
        if width == WIDE:
            await _everything_is_reached_by_tab(tab)
        assert said == []
    except BaseException:
        await site.leave_tab()
        raise
    tab.remove_listener("console", hear)
    tab.remove_listener("pageerror", hear_error)


async def _keep(tab: Tab, name: str, width: int) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        name = name.replace("/", "-")
        # As tall as the page: what is fixed to the edge of the window stands at the end of it.
        tall = await tab.evaluate("() => document.documentElement.scrollHeight")
        await tab.set_viewport_size({"width": width, "height": tall})
        await tab.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
        await tab.set_viewport_size({"width": width, "height": HEIGHTS[width]})


async def _keep_for_the_tour(tab: Tab, name: str) -> None:
    """The top of the page, at three quarters of its size, as WebP."""
    clip = {"x": 0, "y": 0, "width": WIDE, "height": 800, "scale": 0.75}
    session = await tab.context.new_cdp_session(tab)
    wanted = {"format": "webp", "quality": 70, "clip": clip}
    picture = base64.b64decode((await session.send("Page.captureScreenshot", wanted))["data"])
    assert len(picture) <= _PICTURE_MAX
    (_DOCS / f"{name.replace('/', '-')}.webp").write_bytes(picture)


def test_the_tour_shows_pages_that_there_are_in_small_pictures() -> None:
    shown = {one.stem: one.stat().st_size for one in _DOCS.iterdir()}
    assert set(shown) == {name.replace("/", "-") for name in _TOUR & {page.name for page in registry.pages()}}
    assert max(shown.values()) <= _PICTURE_MAX
    told = (_DOCS.parent / "console.md").read_text()
    assert [name for name in shown if f"(console/{name}.webp)" not in told] == []


async def _too_wide(tab: Tab) -> list[str]:
    """What sticks out at the right, where the page can be scrolled to the side."""
    found: list[str] = await tab.evaluate("""() => {
      const page = document.documentElement;
      if (page.scrollWidth <= page.clientWidth) return [];
      const sticksOut = (one) => one.getBoundingClientRect().right > page.clientWidth + 1;
      const out = [...document.body.querySelectorAll('*')].filter(sticksOut);
      return out.slice(0, 5).map((one) => one.outerHTML.slice(0, 160));
    }""")
    return found


async def _is_accessible(tab: Tab, width: int) -> None:
    """Colours are the same in both sizes, and to compare them all is most of the work: the gate does it in one."""
    full = os.environ.get("BROWSER") == "full"
    await tab.evaluate(AXE_SCRIPT)
    if width == WIDE and not full:
        await tab.evaluate(_COMPARE)
    rules = {} if full or width == WIDE else {"color-contrast": {"enabled": False}}
    violations = await tab.evaluate(_LOOK, {**_AXE, "rules": rules})
    bad = [one for one in violations if one["impact"] in ("serious", "critical")]
    told = [f"{one['id']}: {one['help']}: {node['html'][:160]}" for one in bad for node in one["nodes"][:3]]
    assert told == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_text_that_is_hard_to_read_is_seen_among_others(site: Site) -> None:
    tab = await site.page()
    good, grey, boxed = (
        "<p>a</p>" * 3,
        "<p style='color:#aaa'>grey</p>",
        "<div style='background:#555'><p>boxed</p></div>",
    )
    placed = "<div style='background:#444;height:9em'></div><p style='position:absolute;top:0'>placed</p>"
    for wrong, html in ((1, grey), (1, grey * 3), (1, boxed), (1, placed), (0, good)):
        await tab.set_content(
            f"<html lang=en><title>x</title><body style='background:#fff;color:#111'>{html}{good}</body>"
        )
        await tab.evaluate(AXE_SCRIPT)
        await tab.evaluate(_COMPARE)
        found = [one["id"] for one in await tab.evaluate(_LOOK, _AXE) if one["impact"] == "serious"]
        assert found == ["color-contrast"] * wrong, html
    await tab.close()


async def _everything_is_reached_by_tab(tab: Tab) -> None:
    count, parts = await tab.evaluate(_REACHABLE)
    await tab.evaluate(_KEEP_FOCUS)
    keys = await tab.context.new_cdp_session(tab)
    # They are pressed one behind the other, and nobody waits for each.
    pressed = [
        keys.send("Input.dispatchKeyEvent", {"type": kind, **_TAB})
        for _ in range(count + parts + 3)
        for kind in ("rawKeyDown", "keyUp")
    ]
    await asyncio.gather(*pressed)
    await keys.detach()
    assert await tab.evaluate(_NOT_REACHED, count) == []
    assert await tab.evaluate("() => focused.quiet") == [], "what has the focus must show it"
