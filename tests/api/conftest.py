"""The product's API behind a real socket, on the test's own database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from strawberry.relay import to_base64
from tortoise.models import Model

from api.app import create
from domain.access.tokens import Role, create_token
from domain.platform import database
from tests.conftest import Database
from tests.kit.factories import Shop, a_shop
from tests.kit.family import until
from tests.kit.read_once import read_documents_once
from tests.kit.statements import asked
from tests.kit.world import quick_settings, served
from tests.sandbox.server import TLS

read_documents_once()


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks the API with one token."""

    http: httpx.AsyncClient
    url: str
    token: str
    shop: Shop

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        return await self.http.post(
            f"{self.url}/graphql", json=body, headers={"Authorization": f"Bearer {self.token}", **headers}
        )

    async def told(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to an operation."""
        answer: dict[str, Any] = (await self.post({"query": query, "variables": variables})).json()
        return answer

    async def ask(self, query: str, **variables: Any) -> Any:
        """The first field of the data; fails when there are errors."""
        told = await self.told(query, **variables)
        assert "errors" not in told, told["errors"]
        return next(iter(told["data"].values()))


@dataclass(slots=True)
class Stream:
    """A subscription by server-sent events; `text` is what it has told so far."""

    text: str = ""

    async def read(self, asker: Asker, query: str, variables: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {asker.token}", "Accept": "text/event-stream"}
        body = {"query": query, "variables": variables}
        async with asker.http.stream("POST", f"{asker.url}/graphql", json=body, headers=headers) as answer:
            async for part in answer.aiter_text():
                self.text += part

    async def until(self, words: str) -> None:
        """Wait until these were told."""
        await until(lambda: words in self.text, f"{words} is told")


@asynccontextmanager
async def following(asker: Asker, query: str, **variables: Any) -> AsyncIterator[Stream]:
    """Follow it, and at the block's end to its own end, which comes within 20 seconds."""
    stream = Stream()
    reading = asyncio.create_task(stream.read(asker, query, variables))
    try:
        yield stream
        await asyncio.wait_for(reading, 20)
    finally:
        reading.cancel()


def statements(caplog: pytest.LogCaptureFixture) -> int:
    """How many statements were asked and logged, without what is done by the clock."""
    return len(asked(caplog))


def global_id(row: Model) -> str:
    return to_base64(type(row).__name__, str(row.pk))


Enter = Callable[..., Awaitable[Asker]]


@pytest.fixture
async def enter(own_database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Enter]:
    """Makes askers, each with a shop of its own unless one is given."""
    settings = quick_settings(
        database_url=own_database.application_url,
        redis_url=redis_url,
        introspection=True,
        public_url="https://refunds.example.com",
        files=str(tmp_path / "files"),
    )
    async with served(create(settings)) as url, httpx.AsyncClient(timeout=20, verify=TLS) as http:

        async def make(role: Role = Role.ADMINISTRATOR, shop: Shop | None = None, holder: str = "tester") -> Asker:
            chosen = shop or await a_shop()
            return Asker(http, url, await create_token(chosen.id, role, holder, timedelta(hours=1)), chosen)

        # The application opened the pool of this very process when it came up.
        assert await database.rows("SELECT 1 AS one")
        yield make
