"""The doors of files under people who may less than they ask, and under uploads that never end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from api import files
from domain.access.principal import Principal, reach_of
from domain.access.tokens import Permission, Role
from domain.files import tickets
from domain.files.kinds import SIZE_MAX
from domain.files.room import ROOM
from domain.files.tickets import NewFile
from domain.models import File
from domain.models.files import Purpose
from domain.problems import NotFound, RateLimited
from tests.api.conftest import Enter
from tests.api.graphql import papers
from tests.api.graphql.papers import PDF
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_person, a_shop
from tests.kit.world import quick_settings, served


async def test_a_merchants_document_is_read_by_who_may_in_all_of_its_stores(enter: Enter, tmp_path: Path) -> None:
    ana = await enter(holder="Ana")
    file_id = UUID(await papers.upload(ana))
    settings = quick_settings(files=str(tmp_path / "files"))
    for permission in (Permission.MANAGE_CONNECTIONS, Permission.REVIEW_CONNECTIONS):
        whole, local = [_holding(ana.shop, permission, store) for store in (None, ana.shop.store.id)]
        assert (await tickets.read(whole, file_id, settings, CAUSE))[1] == PDF
        with pytest.raises(NotFound):
            await tickets.read(local, file_id, settings, CAUSE)


def _holding(shop: Shop, permission: Permission, store: UUID | None) -> Principal:
    later = datetime.now(UTC) + timedelta(hours=1)
    return Principal(uuid4(), shop.id, "somebody", reach_of((frozenset({permission}), store)), later)


@pytest.fixture
async def door(enter: Enter, tmp_path: Path) -> AsyncIterator[str]:
    """The door alone, on a socket of its own: nothing before it collects what it is to refuse unread."""
    app = Starlette(routes=[Route(files.UPLOAD_PATH, files.take_in, methods=["PUT"])])
    app.state.settings = quick_settings(files=str(tmp_path / "files"))
    async with served(app) as url:
        yield url


async def test_stalled_uploads_take_no_more_than_their_room(enter: Enter, door: str) -> None:
    ana, eva = await enter(holder="Ana"), await enter(holder="Eva")
    told = [await papers.announce(ana, PDF, size=SIZE_MAX, purpose="SETTLEMENT_REPORT") for _ in range(2)]
    large = [door + one["uploadPath"] for one in told]
    small = [door + (await papers.announce(one, PDF))["uploadPath"] for one in (ana, eva)]
    go_on = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield PDF
        await go_on.wait()

    putting = [asyncio.create_task(ana.http.put(one, content=stalled())) for one in large]
    async with asyncio.timeout(10):
        while ROOM.taken < len(large) * SIZE_MAX:  # noqa: ASYNC110 - the room tells nobody
            await asyncio.sleep(0.01)
    answers = [await ana.http.put(one, content=PDF) for one in (large[0], *small)]
    assert [one.status_code for one in answers] == [409, 503, 201]
    assert ["retry-after" in one.headers for one in answers] == [True, True, False]
    go_on.set()
    assert {(await one).status_code for one in putting} == {422}
    assert (await ana.http.put(small[0], content=PDF)).status_code == 201


async def test_many_who_announce_at_once_have_no_more_tickets_than_one_by_one(books: object) -> None:
    shop = await a_shop()
    boss, new = a_person(shop, "boss", Role.ADMIN), NewFile(Purpose.ONBOARDING_DOCUMENT, "x", 9, "0" * 64)
    asked = [tickets.announce(boss, new, quick_settings(), CAUSE) for _ in range(60)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in done if isinstance(one, RateLimited)]
    assert (len(refused), await File.filter(merchant_id=shop.id).count()) == (10, 50)
    await tickets.announce(a_person(await a_shop(), "boss", Role.ADMIN), new, quick_settings(), CAUSE)


async def test_a_merchant_announces_no_more_in_a_day_than_lie_for_good(books: object, owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    boss, new = a_person(shop, "boss", Role.ADMIN), NewFile(Purpose.ONBOARDING_DOCUMENT, "x", 9, "0" * 64)
    await tickets.announce(boss, new, quick_settings(), CAUSE)
    alike = "merchant_id, purpose, name, size, sha256, ticket_until, created_by, created_at, sealed_key"
    await owner_rows(
        f"INSERT INTO files (id, ticket_digest, stored_at, {alike}) SELECT gen_random_uuid(), n::text, now(), {alike} "  # noqa: S608 - ours
        "FROM files, generate_series(1, 198) AS n"
    )
    await tickets.announce(boss, new, quick_settings(), CAUSE)
    with pytest.raises(RateLimited) as refused:
        await tickets.announce(boss, new, quick_settings(), CAUSE)
    assert 0 < refused.value.retry_after <= 24 * 3600
    await owner_rows("UPDATE files SET created_at = created_at - interval '1 day'")
    await tickets.announce(boss, new, quick_settings(), CAUSE)
