"""Setting the stage: a merchant that has opened as anybody would, and 60 captured payments."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from domain.access.tokens import Role
from domain.models import Connection, Merchant
from domain.money import Money
from domain.platform.database import execute
from domain.platform.settings import Settings
from domain.pse.vocabulary import Period
from jobs import payments
from jobs.demo import opening
from jobs.wire.sender import Sender

PAYMENTS: Final = 60
_AGES_DAYS: Final = (0, 1, 30, 89)


class StageError(RuntimeError):
    """The demo cannot be played here; the message says why."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are."""

    graphql_url: str
    websocket_url: str
    api_url: str
    sandbox_url: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demo day plays with."""

    addresses: Addresses
    merchant: Merchant
    connection: Connection
    tokens: dict[Role, str]
    too_old: str  # the e2eid of the payment of 91 days ago
    promises: list[tuple[bool, str]]  # of the opening: whether each holds, in words


async def clear(owner_url: str) -> None:
    """Empty a database that is the demo's own, before it is migrated. Raises StageError when it is somebody else's."""
    owner = await asyncpg.connect(owner_url)
    try:
        tables = {
            row["tablename"] for row in await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
        if not tables:
            return
        marked = "demo_marks" in tables and await owner.fetchval("SELECT EXISTS (SELECT 1 FROM demo_marks)")
        unused = "merchants" in tables and not await owner.fetchval("SELECT EXISTS (SELECT 1 FROM merchants)")
        if not marked and not unused:
            raise StageError("This database holds something that is not the demo's; use an empty one for `--demo`.")
        async with owner.transaction():
            await owner.execute("DROP SCHEMA public CASCADE")
            await owner.execute("CREATE SCHEMA public")
    finally:
        await owner.close()


async def prepare(settings: Settings, addresses: Addresses, http: httpx.AsyncClient) -> Stage:
    """Begin in the empty database, connect the account, and capture the payments at the sandbox."""
    await execute("INSERT INTO demo_marks (marked_at) VALUES (now())")
    opened = await opening.open_shop(http, addresses.api_url, addresses.websocket_url, addresses.sandbox_url)
    for key in opening.KEYS:
        url = f"{addresses.api_url}/webhooks/{opened.connection_id}/{opened.hook}"
        (
            await http.post(f"{addresses.sandbox_url}/_admin/pix/webhooks", json={"key": key, "url": url})
        ).raise_for_status()
    too_old = await _capture(http, addresses)
    connection = await Connection.get(id=opened.connection_id)
    return Stage(addresses, opened.merchant, connection, dict(opened.tokens), too_old, opened.promises)


async def _capture(http: httpx.AsyncClient, addresses: Addresses) -> str:
    now = datetime.now(UTC)
    ages = [91, *(_AGES_DAYS[number % len(_AGES_DAYS)] for number in range(PAYMENTS - 1))]
    captured: list[dict[str, Any]] = [
        {
            "amount": Money.parse(f"{50 + number * 7}.{number:02}", "BRL").minor_units,
            "captured_at": (now - timedelta(days=age, minutes=number)).isoformat(),
            "key": opening.KEYS[number % len(opening.KEYS)],
            "order": f"demo{number:028d}",
        }
        for number, age in enumerate(ages)
    ]
    answer = await http.post(f"{addresses.sandbox_url}/_admin/pix/payments", json={"payments": captured})
    answer.raise_for_status()
    made: list[str] = answer.json()["payments"]
    return made[0]


async def register_listed(stage: Stage, settings: Settings) -> int:
    """Register the payments of the last 92 days from the PSE's listing; how many were new."""
    sender = Sender(settings.secret_key, settings.send_limit_seconds)
    try:
        now = datetime.now(UTC)
        period = Period(
            stage.connection.base_url, now - timedelta(days=92), now + timedelta(minutes=1), stage.merchant.zone
        )
        return len(await payments.import_period(stage.connection, period, "demo-listing", sender))
    finally:
        await sender.close()


def write_card(stage: Stage, path: Path) -> None:
    """`demo.json`, for whoever wants to look around: addresses and one token for each role. Readable by us alone."""
    card = {
        "graphql": stage.addresses.graphql_url,
        "websocket": stage.addresses.websocket_url,
        "sandbox": stage.addresses.sandbox_url,
        "connection": str(stage.connection.id),
        "tokens": {role.value: token for role, token in stage.tokens.items()},
    }
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(card, file, indent=2)
