"""`estorno export` and `estorno findings apply`, against the API over HTTP."""

import asyncio
import csv
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.app import create
from domain.access.tokens import Role, create_token
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Finding
from domain.money import Money
from jobs import exports
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_shop
from tests.kit.forked import told
from tests.kit.world import quick_settings, served

Command = Callable[..., Any]


@pytest.fixture(name="settings")
def the_settings(books: Database, redis_url: str, tmp_path: Path) -> Any:
    return quick_settings(database_url=books.application_url, redis_url=redis_url, files=str(tmp_path / "files"))


@pytest.fixture
async def command(settings: Any) -> AsyncIterator[Command]:
    """Runs `estorno` with a token of an accountant's; gives what it said."""
    async with served(create(settings)) as url:

        async def run(*arguments: str, token: str, status: int = 0) -> str:
            given = {**os.environ, "ESTORNO_URL": url, "ESTORNO_TOKEN": token, "COLUMNS": "80"}
            done = await asyncio.to_thread(told, ["jobs.cli.app", *arguments], given, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            assert max(map(len, done.stdout.splitlines()), default=0) <= 80 or "--format" in arguments
            return done.stdout + done.stderr if status else done.stdout

        yield run


async def test_findings_are_exported_filled_in_looked_at_and_applied_at_a_terminal(
    command: Command, settings: Any, tmp_path: Path
) -> None:
    shop = await a_shop()
    token = await create_token(shop.id, Role.ACCOUNTING, "ana", timedelta(hours=1), CAUSE)
    found = Found(
        FindingKind.AMOUNT_MISMATCH, shop.id, shop.connection.id, "x", Money(7, "BRL"), "They differ.",
        detail={"ours": {"amount": 5}, "theirs": {"amount": 12}, "differs": ["amount"]},
    )  # fmt: skip
    assert await findings.open_finding(found)
    assert "AMOUNT_MISMATCH" in await command("findings", "list", token=token)
    assert "AMOUNT_MISMATCH" not in await command("findings", "list", "--second", "me", token=token)
    wanted = ("--findings", '{"states": ["OPEN"]}', "--format", "json")
    made = json.loads(await command("export", "create", "findings", "--as", "csv", *wanted, token=token))
    assert (made["state"], made["rowsTotal"]) == ("QUEUED", None)
    await exports.export(UUID(made["id"]), settings)
    assert "FINDINGS CSV DONE, 1 of 1 rows" in await command("export", "show", made["id"], token=token)
    assert made["id"] in await command("export", "list", token=token)
    out = tmp_path / "out.zip"
    assert "1 rows" in await command("export", "get", made["id"], "--out", str(out), token=token)
    assert "there already" in await command("export", "get", made["id"], "--out", str(out), token=token, status=1)
    with zipfile.ZipFile(out) as packed:
        name = next(one for one in packed.namelist() if one != "control.csv")
        rows = list(csv.DictReader(io.StringIO(packed.read(name).decode("utf-8-sig"))))
    filled = tmp_path / "filled.csv"
    with filled.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerow({**rows[0], "Decision": "EXPLAINED", "Note": "Ana asked the PSE."})
    seen = await command("findings", "apply", str(filled), "--preview", token=token)
    assert ("RESOLVED" in seen, "1 of 1 rows would be done." in seen) == (True, True)
    assert (await Finding.get(merchant_id=shop.id)).resolved_at is None
    done = json.loads(await command("findings", "apply", str(filled), "--format", "json", token=token))
    assert [(one["row"], one["outcome"]) for one in done["rows"]] == [(2, "RESOLVED")]
    assert (await Finding.get(merchant_id=shop.id)).reason == "EXPLAINED"
    assert "0 of 1 rows done." in await command("findings", "apply", str(filled), token=token)
