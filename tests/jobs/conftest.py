"""The world of the worker's tests."""

from collections.abc import AsyncIterator

import pytest

from jobs.http import sender
from tests.conftest import Database
from tests.sandbox.client import SandboxClient
from tests.world import World, a_sandbox, a_shop_at, quick_settings


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxClient]:
    async with a_sandbox() as client:
        yield client


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    settings = quick_settings()
    shop = await a_shop_at(sandbox)
    async with sender(settings.secret_key, settings.send_limit_seconds) as sending:
        yield World(shop, sandbox, sending, settings)
