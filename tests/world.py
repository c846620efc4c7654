"""A small world: a shop, its database, the sandbox over real HTTP, and the worker's own steps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from domain.attempts import postpone
from domain.models import Payment, Refund
from domain.settings import Settings
from jobs import refunds
from jobs.http import Sender
from jobs.servers import free_port
from tests.factories import KEY, Shop, a_payment
from tests.sandbox.app import create
from tests.sandbox.client import SandboxClient

_STEPS_MAX = 60


def quick_settings(**changed: Any) -> Settings:
    """Settings of a test: short limits, and the tests' own key."""
    quick = {"send_limit_seconds": 1.0, "job_timeout_seconds": 2.0, "lease_seconds": 4.0}
    return Settings(secret_key=KEY, **{**quick, **changed})


@asynccontextmanager
async def served(app: Any, scheme: str = "http", **more: Any) -> AsyncIterator[str]:
    """The application behind a real socket of 127.0.0.1; its address. `more` goes to uvicorn."""
    port = free_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1, **more)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.01)
        yield f"{scheme}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def a_sandbox() -> AsyncIterator[SandboxClient]:
    async with served(create()) as url, httpx.AsyncClient(timeout=10) as http:
        yield SandboxClient(url, http)


@dataclass(frozen=True, slots=True)
class World:
    """What a test of the worker plays with."""

    shop: Shop
    sandbox: SandboxClient
    sender: Sender
    settings: Settings

    async def payment(self, *moods: str, amount: int = 10_000, seconds: float | None = None, **more: Any) -> Payment:
        """A payment that both sides know."""
        reference = await self.sandbox.capture(amount, *moods, seconds=seconds)
        return await a_payment(self.shop, amount=amount, reference=reference, **more)

    async def step(self, refund: Refund) -> Refund:
        """One step of the worker, now."""
        await postpone(refund.id, 0)
        await refunds.step(refund.id, self.sender, self.settings)
        return await Refund.get(id=refund.id)

    async def finish(self, refund: Refund) -> Refund:
        """Steps until nothing more is expected, without waiting for the clock."""
        for _ in range(_STEPS_MAX):
            refund = await Refund.get(id=refund.id)
            if refund.due_at is None or refund.needs_person_since is not None:
                return refund
            await self.step(refund)
        raise AssertionError(f"The refund is still {refund.state} after {_STEPS_MAX} steps.")
