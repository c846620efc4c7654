"""What holds for every page that the registry has, also for those that are written tomorrow."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from graphql import parse, validate

from api.app import create
from api.console import documents, registry
from api.graphql.schema import make
from domain.access import people, sessions
from domain.access.permissions import PERMISSIONS
from domain.models import Person
from domain.platform.settings import Settings
from jobs.machine.ports import free_port
from tests.conftest import Database, Servers
from tests.kit.console.world import HOSTILE, Seeded, seeded
from tests.kit.statements import asked
from tests.kit.world import configuration, quick_settings, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
_BYTES_MAX = 80 * 1024


@dataclass
class Worlds:
    """One application, and shops with one, four and hostile things."""

    http: httpx.AsyncClient
    one: Seeded
    four: Seeded
    hostile: Seeded

    async def get(self, person: Person, path: str) -> httpx.Response:
        begun = await sessions.begin(person.id, 3_600.0)
        cookies = f"estorno-session={begun.secret}; estorno-language=en"
        return await self.http.get(path, headers={"cookie": cookies})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worlds(
    lasting_database: Database, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Worlds]:
    settings = _settings(lasting_database, servers, tmp_path_factory.mktemp("files"))
    config = configuration(create(settings), settings.port)
    async with running(config), httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", timeout=20) as http:
        one, four = await seeded(settings), await seeded(settings, copies=4)
        yield Worlds(http, one, four, await seeded(settings, hostile=True))


def _settings(owned: Database, servers: Servers, home: Path) -> Settings:
    return quick_settings(
        database_url=owned.application_url,
        redis_url=servers.redis_url,
        port=free_port(),
        files=str(home),
        introspection=True,
    )


async def test_every_document_is_one_that_the_api_takes() -> None:
    schema = make()
    for name in documents.all_names():
        document = documents.document(name)
        assert validate(schema._schema, parse(document.text)) == [], name
        known = schema.documents.read(schema._schema, document.text)
        assert [one.message for one in known.errors] == [], name


async def test_every_page_has_its_document_and_every_document_its_page() -> None:
    used = {page.name for page in registry.pages()} | {"shared/frame", "shared/announce"}
    used |= {f"{page.name}.live" for page in registry.pages() if page.live}
    used |= {post.document for page in registry.pages() for post in page.posts.values() if post.document}
    used |= {page.constant for page in registry.pages() if page.constant}
    assert used == set(documents.all_names())
    nav = [page.path for page in registry.pages() if page.nav]
    assert all(registry.section_of(page) in nav for page in registry.pages() if page.section)


async def test_a_page_asks_as_many_statements_for_few_rows_as_for_many(
    worlds: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tortoise.db_client")
    counts = {}
    for page in registry.pages():
        counted = []
        for world in (worlds.one, worlds.four):
            caplog.clear()
            answer = await worlds.get(world.ana, world.path(page))
            assert answer.status_code == 200, (page.name, answer.text)
            assert len(answer.content) <= _BYTES_MAX, page.name
            counted.append([one for one in asked(caplog) if "INTO sessions" not in one and '"sessions"' not in one])
        counts[page.name] = [len(one) for one in counted]
        assert counts[page.name][0] == counts[page.name][1], (page.name, counted)
        assert counts[page.name][1] <= page.statements, (page.name, counts[page.name])


async def test_what_others_filled_in_is_text_and_nothing_else(worlds: Worlds) -> None:
    seen = 0
    for page in registry.pages():
        answer = await worlds.get(worlds.hostile.ana, worlds.hostile.path(page))
        assert answer.status_code == 200, (page.name, answer.text)
        if page.download is not None:
            kept = answer.headers["content-disposition"].startswith("attachment; ")
            assert (kept, "html" in answer.headers["content-type"]) == (True, False), page.name
            continue
        assert "<script>alert" not in answer.text, page.name
        assert "<img src=x" not in answer.text, page.name
        assert HOSTILE[:12] not in answer.text, page.name
        assert ">49" not in answer.text, page.name
        seen += answer.text.count("&lt;script&gt;alert")
    assert seen >= len(registry.pages()) - 5


async def test_a_page_of_another_merchants_is_no_page(worlds: Worlds) -> None:
    for page in registry.pages():
        if "{" in page.path:
            answer = await worlds.get(worlds.one.ana, worlds.four.path(page))
            assert answer.status_code in (404, 403), page.name
            nonsense = "/console" + page.path.format_map(dict.fromkeys(worlds.one.ids, "<script>alert(1)%2F.."))
            answer = await worlds.get(worlds.one.ana, nonsense)
            assert answer.status_code in (400, 404), (page.name, answer.text)
            assert "<script>alert" not in answer.text


@pytest.mark.parametrize("role", sorted(PERMISSIONS))
async def test_every_page_is_shown_or_says_that_it_is_for_others(worlds: Worlds, role: str) -> None:
    if role.startswith("CUSTOMER"):
        pytest.skip("No person is the merchant's customer.")
    person, _ = await people.make(
        worlds.one.shop.id, role.title(), f"{role.lower()}@example.com", [(role, None)], "tester"
    )
    for page in registry.pages():
        answer = await worlds.get(person, worlds.one.path(page))
        assert answer.status_code in (200, 403), (page.name, answer.text)
        assert ("This page is for others" in answer.text) is (answer.status_code == 403), page.name
        # The frame is there in both cases: one can go on from it.
        is_file = page.download is not None and answer.status_code == 200
        assert is_file or ('id="main"' in answer.text and "Sign out" in answer.text), page.name
