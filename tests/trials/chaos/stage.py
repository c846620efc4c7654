"""What a run of chaos plays on: servers, a shop with payments at the sandbox, and the whole family of processes."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from strawberry.relay import to_base64

from domain.access.tokens import Role, create_token
from domain.models import Endpoint, Payment
from domain.platform import database, migrate
from domain.platform.settings import Settings
from jobs import payments
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, OWNER
from jobs.wire.sender import sender
from tests.kit import databases
from tests.kit.factories import KEY, Shop
from tests.kit.family import Machine, machine, program, running, until
from tests.kit.receiver import Receiver, receiving
from tests.kit.world import a_shop_at, quick_settings
from tests.sandbox.client import SandboxClient
from tests.sandbox.server import MOODS
from tests.trials.told import listening

CAPTURED = 10_000  # minor units of each payment
SKEW_SECONDS = 600
_HOOK_SECRET = "hook-secret-of-the-test"
_SECONDS_OF_MOODS = {"pending": 1.5, "returned": 1.0, "late_request": 1.0, "slow": 0.3, "hang": 5.0, "look_up_lag": 1.0}


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that the load and the faults take in hand."""

    machine: Machine
    sandbox: SandboxClient
    shop: Shop
    settings: Settings
    token: str
    payments: list[str]  # their GraphQL IDs
    receiver: Receiver
    told: Sequence[Endpoint]  # where the shop's news goes

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.host}:{self.settings.port}"

    async def calm(self) -> None:
        """The faults of the PSE end too: what it has not done wrong yet, it does right."""
        for payment in (await self.sandbox.get("log"))["movements"]:
            if payment["kind"] == "CAPTURE":
                await self.sandbox.post("moods", payment=payment["payment"], moods=[])

    def family(self, logs: Path) -> list[Child]:
        """Our programs: one worker of two has a clock that is ten minutes off."""
        run = [
            ("api", "uvicorn", "api.app:app", "--port", str(self.settings.port), "--no-access-log"),
            ("worker-1", "jobs.worker", "refunds"),
            ("worker-2", "tests.trials.chaos.skewed", str(SKEW_SECONDS), "jobs.worker", "refunds"),
            ("batch", "jobs.worker", "batch"),
            ("timetable-1", "jobs.timetable"),
            ("timetable-2", "jobs.timetable"),
        ]
        return [program(name, self.settings, *argv, log=logs / f"{name}.log") for name, *argv in run]


def today(shop: Shop) -> date:
    """The business date that the shop is in."""
    return datetime.now(UTC).astimezone(ZoneInfo(shop.merchant.zone)).date()


@asynccontextmanager
async def stage(home: Path, payments_count: int, dice: random.Random) -> AsyncIterator[Stage]:
    """Servers in `home`, the sandbox with captured payments in all its moods, and our books with the same payments."""
    port = free_port()
    sandbox_child = program("sandbox", Settings(), "tests.sandbox", "--port", str(port), log=home / "sandbox.log")
    async with (
        machine(home) as servers,
        running([sandbox_child]),
        httpx.AsyncClient(timeout=20) as http,
        receiving() as receiver,
    ):
        hand = SandboxClient(f"http://127.0.0.1:{port}", http)
        await until(lambda: _answers(hand), "the sandbox answers")
        await migrate.run(servers.postgres.url(OWNER), APPLICATION)
        await databases.let_anybody_give(servers.postgres.url(OWNER))
        settings = quick_settings(
            database_url=servers.postgres.url(APPLICATION),
            redis_url=servers.valkey.url,
            private_hosts=(f"127.0.0.1:{port}", f"127.0.0.1:{receiver.port}"),
            port=free_port(),
            send_limit_seconds=3.0,
            job_timeout_seconds=5.0,
            lease_seconds=9.0,
            sweep_seconds=1.0,
            worker_concurrency=20,
        )
        async with database.connected(settings.database_url, all_because="a trial looks at everything"):
            shop = await a_shop_at(hand)
            token = await create_token(shop.id, Role.ADMINISTRATOR, "chaos", timedelta(hours=1))
            await _capture(hand, payments_count, dice)
            async with sender(KEY, 20.0) as sending:
                await payments.import_date(shop.connection, today(shop), "chaos-listing", sending)
            told = [await listening(shop, receiver)]
            await listening(shop, receiver, dead=True)
            made = [to_base64("Payment", str(row.id)) for row in await Payment.all().order_by("id")]
        assert len(made) == payments_count
        hook = f"http://127.0.0.1:{settings.port}/webhooks/{shop.connection.id}/{_HOOK_SECRET}"
        await hand.post("webhooks", key="sp@loja", url=hook, times=1)
        yield Stage(servers, hand, shop, settings, token, made, receiver, told)


async def _answers(hand: SandboxClient) -> bool:
    try:
        return (await hand.http.get(f"{hand.url}/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


async def _capture(hand: SandboxClient, count: int, dice: random.Random) -> None:
    """Payments whose refunds meet every mood: each payment a well-behaved one first, then one that is not."""
    moods = sorted(MOODS)
    wanted = []
    for number in range(count):
        mood = moods[number % len(moods)]
        mine = [{"name": mood, "seconds": _SECONDS_OF_MOODS.get(mood, 0)}, {"name": "ok"}]
        dice.shuffle(mine)
        wanted.append({"amount": CAPTURED, "key": "sp@loja", "order": f"tx{number:026d}", "moods": mine})
    await hand.post("payments", payments=wanted)
