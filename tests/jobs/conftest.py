"""The world of the worker's tests."""

from collections.abc import AsyncIterator

import pytest

from jobs.http import sender
from tests.conftest import Database
from tests.factories import a_shop
from tests.sandbox.client import SandboxClient
from tests.world import World, a_sandbox, quick_settings


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxClient]:
    async with a_sandbox() as client:
        yield client


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    settings = quick_settings()
    shop = await a_shop(base_url=f"{sandbox.url}/pix/v2", token_url=f"{sandbox.url}/oauth/token")
    async with sender(settings.secret_key, settings.send_limit_seconds) as sending:
        yield World(shop, sandbox, sending, settings)
