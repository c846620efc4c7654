"""What the console's pages show in tests: a shop with a little of everything, which each noun's seed adds to.

A noun's seed is a module `seed_<noun>.py` beside this one with `async def seed(world, copies) -> dict[str, str]`: it
makes so many of each of its things, and says what the varying parts of its pages' addresses are in the tests
(`{"refund": id}` for `/refunds/{refund}`). Every free text that a PSE, a customer or a shop could have filled it takes
from `world.said("…")`: in a hostile world that is an attack.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from strawberry.relay import to_base64

from api.console.page import Page
from domain.access import people
from domain.cause import Cause
from domain.models import Person
from domain.platform.settings import Settings
from tests.kit.factories import Shop, a_shop

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}%(x)s\u202e"
CAUSE = Cause("seed-of-the-console", "seed")


@dataclass
class Seeded:
    """The shop, and what was made in it. `ana` looks at the pages; `bruno` has done what takes a second person."""

    shop: Shop
    settings: Settings
    ana: Person
    bruno: Person
    hostile: bool = False
    ids: dict[str, str] = field(default_factory=dict)

    def said(self, text: str, at_most: int = 200) -> str:
        """A free text of somebody's; in a hostile world an attack."""
        return (HOSTILE if self.hostile else text)[:at_most]

    def path(self, page: Page) -> str:
        """The page's address here."""
        return ("/console" + (page.path.format_map(self.ids) if "{" in page.path else page.path)).rstrip("/")


def queries() -> dict[str, list[str]]:
    """The query strings with which a page is looked at too, by its name: a seed's QUERIES."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(__file__).parent.glob("seed_*.py")):
        for name, several in getattr(importlib.import_module(f"tests.kit.console.{path.stem}"), "QUERIES", {}).items():
            found.setdefault(name, []).extend(several)
    return found


def global_id(name: str, row_id: UUID) -> str:
    """The id of the API."""
    return to_base64(name, str(row_id))


async def seeded(settings: Settings, copies: int = 1, *, hostile: bool = False, shop: Shop | None = None) -> Seeded:
    """A world for the pages; `copies` of each thing that lists show. `shop`: one that is there, else a new one."""
    shop = shop or await a_shop(name=HOSTILE[:60] if hostile else "Loja Aurora")
    name = HOSTILE[:60] if hostile else "Ana Souza"
    ana, _ = await people.make(shop.id, name, "ana@example.com", [("ADMINISTRATOR", None)], "tester")
    bruno, _ = await people.make(shop.id, "Bruno Lima", "bruno@example.com", [("ADMINISTRATOR", None)], "tester")
    world = Seeded(shop, settings, ana, bruno, hostile)
    for path in sorted(Path(__file__).parent.glob("seed_*.py")):
        made: Mapping[str, str] = await importlib.import_module(f"tests.kit.console.{path.stem}").seed(world, copies)
        world.ids.update(made)
    return world
