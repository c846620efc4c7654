"""The world of the worker's tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from domain.pse import registry
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay, World, a_sandbox, a_shop_at, quick_settings, set_abilities
from tests.sandbox.client import SandboxClient


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


@pytest.fixture
def lab_registered() -> Iterator[None]:
    yield
    registry._CONNECTORS.pop("lab", None)


@pytest.fixture
async def lay(books: Database, sandbox: SandboxClient, lab_registered: None) -> AsyncIterator[Lay]:
    """Makes a world around a laboratory PSE."""
    settings = quick_settings()
    async with sender(settings.secret_key, settings.send_limit_seconds) as sending:

        async def make(lab: Lab) -> World:
            registry.register(lab)
            at_lab = sandbox.at("lab")
            await set_abilities(at_lab, lab)
            return World(await a_shop_at(at_lab), at_lab, sending, settings)

        yield make
