"""The doors of files under people who may less than they ask, and under uploads that never end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.access.principal import Principal, reach_of
from domain.access.tokens import Permission
from domain.files import tickets
from domain.problems import NotFound
from tests.api.conftest import Enter
from tests.api.graphql import test_connections as connections
from tests.kit.factories import Shop
from tests.kit.world import quick_settings


async def test_a_merchants_document_is_read_by_who_may_in_all_of_its_stores(enter: Enter, tmp_path: Path) -> None:
    ana = await enter(holder="Ana")
    file_id = UUID(await connections._upload(ana))
    settings = quick_settings(files=str(tmp_path / "files"))
    for permission in (Permission.MANAGE_CONNECTIONS, Permission.REVIEW_CONNECTIONS):
        whole, local = [_holding(ana.shop, permission, store) for store in (None, ana.shop.store.id)]
        assert (await tickets.read(whole, file_id, settings))[1] == connections.PDF
        with pytest.raises(NotFound):
            await tickets.read(local, file_id, settings)


def _holding(shop: Shop, permission: Permission, store: UUID | None) -> Principal:
    later = datetime.now(UTC) + timedelta(hours=1)
    return Principal(uuid4(), shop.id, "somebody", reach_of((frozenset({permission}), store)), later)
