"""The auditor's commands: who did what and who may do what, through the API; retention and evidence by the owner."""

import asyncio
import base64
import csv
import io
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.app import create
from domain.access import people
from domain.access.tokens import Role, create_token
from domain.deeds import deeds
from domain.history import seals
from domain.models import Deed, EventSeal, Merchant
from domain.platform.database import transaction
from tests.conftest import Database
from tests.kit.factories import CAUSE, KEY, a_shop
from tests.kit.forked import told
from tests.kit.world import quick_settings, served

Command = Callable[..., Any]
HOUR = timedelta(hours=1)


@pytest.fixture
async def command(own_database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Command]:
    """Runs `estorno` beside an API of a merchant with people and a deed whose actor is a formula."""
    settings = quick_settings(database_url=own_database.application_url, redis_url=redis_url)
    async with served(create(settings)) as url:
        shop = await a_shop()
        await people.make(shop.id, "Ana", "ana@example.com", [("ADMIN", None)], "tester")
        async with transaction():
            changes = {"name": ["Sao Paulo", "=HYPERLINK(1)"]}
            await deeds.note(shop.id, "storeUpdate", deeds.Of("store", "=1+1"), CAUSE, changes)
        environment = {
            "DATABASE_URL": own_database.application_url,
            "ESTORNO_OWNER_DATABASE_URL": own_database.owner_url,
            "REDIS_URL": redis_url,
            "ESTORNO_SECRET_KEY": base64.urlsafe_b64encode(KEY).decode(),
            "ESTORNO_HOME": str(tmp_path),
            "ESTORNO_URL": url,
            "COLUMNS": "80",
        }

        async def run(*arguments: str, role: Role | None = None, status: int = 0) -> str:
            token = await create_token(shop.id, role, "Vera", HOUR) if role else ""
            given = {**os.environ, **environment, "ESTORNO_TOKEN": token}
            done = await asyncio.to_thread(told, ["jobs.cli.app", *arguments], given, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            return done.stdout + done.stderr if status else done.stdout

        yield run


async def _seal() -> None:
    for _ in range(100):
        await seals.seal()
        if not await Deed.all().count() - await _sealed():
            return
        await asyncio.sleep(0.05)


async def _sealed() -> int:
    return await EventSeal.filter(deed_id__isnull=False).count()


async def test_the_log_is_exported_as_tables_and_as_lines_of_json_and_its_export_stands_in_it(
    command: Command, tmp_path: Path
) -> None:
    await _seal()
    today = datetime.now(UTC).date()
    days = ("--from", str(today - timedelta(days=1)), "--until", str(today + timedelta(days=1)))
    table = list(csv.DictReader(io.StringIO(await command("audit", "export", *days, role=Role.AUDITOR))))
    assert [(one["operation"], one["actor"], one["objectId"]) for one in table] == [("storeUpdate", "tester", "'=1+1")]
    out = tmp_path / "log.jsonl"
    assert "1 entries" in await command(
        "audit", "export", *days, "--format", "jsonl", "--out", str(out), role=Role.AUDITOR
    )
    (line,) = out.read_text().splitlines()
    assert json.loads(line)["changes"] == {"name": ["Sao Paulo", "=HYPERLINK(1)"]}
    assert await Deed.filter(operation="auditLog", kind="READ", actor="Vera").exists()
    assert "READ_AUDIT" in await command("audit", "export", *days, role=Role.SUPPORT, status=1)


async def test_a_person_reviews_access_and_signs_it_by_its_digest(command: Command) -> None:
    said = await command("access", "review", role=Role.AUDITOR)
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "REQUESTS_AND" in said
    again = await command("access", "review", role=Role.AUDITOR)  # the token of the asker is new
    refused = await command("access", "sign", said.split()[-1], "--note", "All is well.", role=Role.AUDITOR, status=1)
    assert "not as you saw it" in refused
    assert again.split()[-1] != said.split()[-1]


async def test_the_owner_runs_retention_dry_at_80_columns_and_writes_a_months_evidence(
    command: Command, tmp_path: Path
) -> None:
    said = await command("retention")
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "Nothing was changed" in said
    assert "Gone" in await command("retention", "--apply", "--keep", "webhooks=24")
    assert "at least 60 months" in " ".join((await command("retention", "--keep", "customers=1", status=1)).split())
    (merchant,) = await Merchant.all()
    held = await command("hold", "place", str(merchant.id), "--reason", "Court order 12.")
    assert "Court order 12." in await command("hold", "list")
    assert "Lifted" in await command("hold", "lift", held.split()[-1])
    note = ("--backup", "2026-01-02", "--note", "On host b; the books are in order.")
    assert "1 merchants" in await command("restore-test", "record", "PASSED", *note)
    (tmp_path / "sbom.json").write_text("{}")
    out, month = tmp_path / "evidence", f"{datetime.now(UTC):%Y-%m}"
    asked = ("evidence", "--month", month, "--out", str(out), "--attach", str(tmp_path / "sbom.json"))
    assert "begin with README.md" in await command(*asked)
    assert "On host b" in (out / "restore-tests.csv").read_text()
    assert (out / "attached" / "sbom.json").read_text() == "{}"
    assert json.loads((out / "chain.json").read_text())["broken"] == []
    assert "is there already" in await command(*asked, status=1)
