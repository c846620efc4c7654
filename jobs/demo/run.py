"""Playing the demo day within `estorno up --demo`."""

import sys

import httpx
from rich.console import Console

from domain.access import people
from domain.access.people import Link
from domain.access.tokens import Role
from domain.cause import Cause
from domain.models import Person
from domain.platform import bell
from domain.platform.database import OPERATOR, connected
from domain.platform.settings import Settings
from jobs.demo.course import Day
from jobs.demo.day import play
from jobs.demo.opening import ADMINISTRATOR
from jobs.demo.patience import OnceMore
from jobs.demo.stage import Addresses, Stage, prepare, write_card


def addresses(settings: Settings, sandbox_port: int) -> Addresses:
    """Where the demo finds the API and the sandbox."""
    place = f"{settings.host}:{settings.port}"
    return Addresses(
        graphql_url=f"http://{place}/graphql",
        websocket_url=f"ws://{place}/graphql",
        api_url=f"http://{place}",
        sandbox_url=f"http://127.0.0.1:{sandbox_port}",
    )


async def run(settings: Settings, sandbox_port: int, *, tamper: bool, once: bool) -> bool:
    """Set the stage and play the day; True when everything came out as it must. `once`: nobody looks around after."""
    console = Console(file=sys.stdout, soft_wrap=False)
    async with (
        connected(settings.database_url, pool_max=5, all_because=OPERATOR),
        httpx.AsyncClient(timeout=30, transport=OnceMore()) as http,
    ):
        await bell.connect(settings.redis_url)
        try:
            stage = await prepare(settings, addresses(settings, sandbox_port), http)
            card = settings.home / "demo.json"
            write_card(stage, card)
            good = await play(Day(stage, settings, http, console), tamper=tamper)
        finally:
            await bell.close()
    _farewell(console, stage, str(card))
    if not once:
        _invite(console, settings, await _link(settings, stage))
    return good


async def _link(settings: Settings, stage: Stage) -> Link:
    """A link that signs the demo's administrator in: who started it owns the database, and may make one."""
    async with connected(settings.owner_url, pool_max=1, all_because=OPERATOR):
        ana = await Person.get(merchant_id=stage.merchant.id, email=ADMINISTRATOR)
        return await people.vouched_link(ana, Cause("demo-console", "demo"))


def _invite(console: Console, settings: Settings, link: Link) -> None:
    console.print(f"\nThe console, with the day's refunds: {settings.address}/console")
    console.print(f"Sign in as {ADMINISTRATOR}, once, until {link.expires_at:%Y-%m-%d %H:%M} UTC:")
    console.out(f"{settings.address}/sign-in/link/{link.secret}", highlight=False)  # in one line, to be clicked


def _farewell(console: Console, stage: Stage, card: str) -> None:
    console.print(f"GraphQL is at {stage.addresses.graphql_url}; tokens for {', '.join(Role)} are in {card}.")
