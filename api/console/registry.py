"""Every page of the console, found where it lies: a folder of a noun with a `pages.py` that has PAGES."""

import importlib
import sys
from functools import lru_cache
from pathlib import Path

from api.console.page import Page
from api.console.person import PREFIX

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def pages() -> tuple[Page, ...]:
    """All of them; those with a fixed path before those whose path has parts that vary."""
    nouns = sorted(path.parent.name for path in HERE.glob("*/pages.py"))
    found = [page for noun in nouns for page in importlib.import_module(f"api.console.{noun}.pages").PAGES]
    return tuple(sorted(found, key=lambda page: ("{" in page.path, page.path)))


def section_of(page: Page) -> str:
    """The path of the navigation's entry that is shown as chosen."""
    return page.section or page.path


@lru_cache(maxsize=1)
def _paths() -> frozenset[str]:
    return frozenset(page.path for page in pages())


def address(path: str, part: str) -> str:
    """Of a page whose path has one part that varies, as `/findings/{finding}`; empty: there is no such page."""
    return PREFIX + path.split("{")[0] + part if path in _paths() else ""


def place(page: Page) -> tuple[int, int]:
    """Where it stands in the navigation; pages that do not stand there come last."""
    return (page.nav.group, page.nav.order) if page.nav else (sys.maxsize, 0)
