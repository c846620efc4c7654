"""What the crashes play on: servers, the sandbox, one merchant at each PSE, and a front door for clients."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

from domain.access.tokens import Role, create_token
from domain.models import Endpoint
from domain.platform import bell, database, migrate
from domain.platform.settings import Settings
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, OWNER
from tests.kit import databases
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import Shop
from tests.kit.family import machine, program, running, until
from tests.kit.receiver import Receiver, receiving
from tests.kit.world import a_shop_at, quick_settings
from tests.sandbox.client import SandboxClient
from tests.trials.crash.front import Front, front
from tests.trials.told import listening

PSES = ("pix", "stripe", "mercadopago", "conekta", "dlocal", "adyen", "ebanx")
KEY_OF_STORE = "sp@loja"


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant with its connection to one PSE, and a token for the API."""

    shop: Shop
    hand: SandboxClient  # at its PSE
    token: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that is played with."""

    home: Path
    settings: Settings
    front: Front
    http: httpx.AsyncClient  # a new connection for each request, so that the front door chooses anew
    accounts: dict[str, Account]
    receiver: Receiver
    told: Sequence[Endpoint]  # where the news of each account goes


@asynccontextmanager
async def stage(home: Path) -> AsyncIterator[Stage]:
    """Set it up in `home`, with the books and the bell open for the test itself. The servers are not killed here."""
    port = free_port()
    sandbox = program("sandbox", Settings(), "tests.sandbox", "--port", str(port), log=home / "sandbox.log")
    idle = httpx.Limits(keepalive_expiry=2.0)  # seconds: the sandbox hangs up on what is idle for longer
    no_keeping = httpx.Limits(max_keepalive_connections=0)
    async with (
        machine(home, durable=False) as servers,
        running([sandbox]),
        httpx.AsyncClient(timeout=20, limits=idle) as admin,
        httpx.AsyncClient(timeout=10, limits=no_keeping) as http,
        front(free_port()) as door,
        receiving() as receiver,
    ):
        hand = SandboxClient(f"http://127.0.0.1:{port}", admin)
        await until(lambda: _answers(hand), "the sandbox answers")
        await migrate.run(servers.postgres.url(OWNER), APPLICATION)
        await databases.let_anybody_give(servers.postgres.url(OWNER))
        settings = quick_settings(
            database_url=servers.postgres.url(APPLICATION),
            redis_url=servers.valkey.url,
            private_hosts=(f"127.0.0.1:{port}", f"127.0.0.1:{receiver.port}"),
            public_url=door.url,
            send_limit_seconds=2.0,
            job_timeout_seconds=3.0,
            lease_seconds=4.0,
            sweep_seconds=2.5,  # each rings again for all that is due: sooner, a busy worker's queue grows by itself
            worker_concurrency=20,
            database_pool=5,
        )
        async with database.connected(settings.database_url, all_because="a trial looks at everything"):
            await bell.connect(settings.redis_url)
            try:
                accounts = {pse: await _account(hand.at(pse), settings) for pse in PSES}
                told = [await listening(account.shop, receiver) for account in accounts.values()]
                await listening(accounts[PSES[0]].shop, receiver, dead=True)
                yield Stage(home, settings, door, http, accounts, receiver, told)
            finally:
                await bell.close()


async def _account(hand: SandboxClient, settings: Settings) -> Account:
    shop = await a_shop_at(hand)
    token = await create_token(shop.id, Role.ADMINISTRATOR, "crash", timedelta(hours=6))
    hook = f"{settings.webhook_url(shop.connection.id)}{ACCOUNTS[hand.pse].hook}"
    await hand.post("webhooks", key=KEY_OF_STORE, url=hook)
    return Account(shop, hand, token)


async def _answers(hand: SandboxClient) -> bool:
    try:
        return (await hand.http.get(f"{hand.url}/healthz")).status_code == 200
    except httpx.HTTPError:
        return False
