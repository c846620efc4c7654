"""A shop at the PSE that a history happened at."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.conftest import Database
from tests.histories.mortal import Deaths
from tests.kit.factories import OwnerRows
from tests.kit.world import World, a_sandbox, a_world


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch, owner_rows: OwnerRows) -> Deaths:
    return Deaths(monkeypatch, owner_rows)


At = Callable[[str], Awaitable[World]]


@pytest.fixture
async def at(books: Database) -> AsyncIterator[At]:
    """Makes a world at the PSE of this name, whose webhooks reach us."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(a_sandbox())

        async def make(pse: str) -> World:
            return await stack.enter_async_context(a_world(sandbox.at(pse)))

        yield make
