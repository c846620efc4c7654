"""What is attacked: the API as `estorno up` starts it, on servers of its own, on 127.0.0.1 only."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from strawberry.relay import to_base64

from domain.access.tokens import Role, create_token
from domain.platform import database, migrate
from domain.pse.vocabulary import Declined
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, OWNER
from jobs.machine.up import workers
from tests.kit import databases
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.family import machine, running, until
from tests.kit.forked import forked
from tests.kit.world import quick_settings

_TOLD_MAX: Final = 300  # characters of an answer


@dataclass(frozen=True, slots=True)
class Target:
    """The running API, and a merchant's ways in. `bystander` is another merchant, who must not notice."""

    url: str
    http: httpx.AsyncClient
    process: psutil.Process
    shop: Shop
    token: str
    bystander: str
    third: str  # a third merchant's token
    payment: str
    refund: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def post(self, content: bytes, token: str | None = None, **headers: str) -> httpx.Response:
        """A GraphQL request as bytes, so that nothing is mended on the way."""
        given = {"content-type": "application/json", "authorization": f"Bearer {token or self.token}", **headers}
        return await self.http.post(f"{self.url}/graphql", content=content, headers=given)

    async def bystander_served(self, seconds: float = 60.0) -> bool:
        """Whether another merchant gets an answer at all."""
        return not await self.bystander_refused(seconds)

    async def bystander_refused(self, seconds: float = 60.0) -> str:
        """What another merchant is told instead of an answer; empty: they are served."""
        async with asyncio.timeout(seconds):
            answer = await self.post(b'{"query": "{ viewer { holder } }"}', self.bystander)
        served = answer.status_code == 200 and "errors" not in answer.json()
        return "" if served else f"{answer.status_code} {answer.text[:_TOLD_MAX]}"


def room(home: Path) -> Path:
    """The folder, made so that the servers' user comes through and sees nothing."""
    home.mkdir(mode=0o711, exist_ok=True)
    return home


@dataclass(frozen=True, slots=True)
class Stage:
    """The same API twice, on the same servers: most attacks are many requests of one, so their API counts none."""

    plain: Target
    rated: Target


@asynccontextmanager
async def stage(home: Path, rates: Mapping[str, int]) -> AsyncIterator[Stage]:
    """The APIs and their servers in `home`, with a payment of many refunds; one has these rates."""
    async with machine(room(home)) as servers:
        await migrate.run(servers.postgres.url(OWNER), APPLICATION)
        await databases.let_anybody_give(servers.postgres.url(OWNER))
        settings = quick_settings(
            home=home,
            database_url=servers.postgres.url(APPLICATION),
            redis_url=servers.valkey.url,
            port=free_port(),
            introspection=True,
            idle_per_address=300,  # a burst of 200 from here is no attack on idle connections
        )
        async with database.connected(settings.database_url, all_because="a trial looks at everything"):
            facts = await _facts()
        both = [settings, settings.with_(port=free_port(), **rates)]
        apis = [forked(workers(one, quiet=True)[0]) for one in both]
        limits = httpx.Limits(max_connections=600, max_keepalive_connections=0)  # the server closes idle ones
        async with running(apis), httpx.AsyncClient(timeout=120, limits=limits) as http:
            yield Stage(*[await _target(api, one.port, http, facts) for api, one in zip(apis, both, strict=True)])


async def _target(api: Child, port: int, http: httpx.AsyncClient, facts: Mapping[str, Any]) -> Target:
    await until(lambda: asyncio.to_thread(api.ready), "the API answers")
    assert api.process is not None
    return Target(f"http://127.0.0.1:{port}", http, psutil.Process(api.process.pid), **facts)


async def _facts() -> dict[str, Any]:
    shop, other, third = await a_shop(), await a_shop(name="Bystander"), await a_shop(name="Third")
    payment = await a_payment(shop, amount=1_000_000)
    for _ in range(10):
        await an_answer(await a_refund(shop, payment, 100), Declined("NO", "refused"))
    waiting = await a_refund(shop, payment, 100)
    hour = timedelta(hours=1)
    return {
        "shop": shop,
        "token": await create_token(shop.id, Role.ADMINISTRATOR, "attacker", hour),
        "bystander": await create_token(other.id, Role.ADMINISTRATOR, "bystander", hour),
        "third": await create_token(third.id, Role.ADMINISTRATOR, "third", hour),
        "payment": to_base64("Payment", str(payment.id)),
        "refund": to_base64("Refund", str(waiting.id)),
    }
