"""`estorno taxes`, against the API over HTTP: a month of VAT as accounting does it at a terminal."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.app import create
from domain.access.tokens import Role, create_token
from domain.models import Store, VatReversal
from domain.models.refunds import Reason
from domain.models.taxes import ReversalState, TaxRegime
from domain.taxes import places
from domain.taxes.places import NewPlace
from jobs import taxes
from tests.conftest import Database
from tests.domain.taxes import vectors
from tests.domain.taxes.vectors import access_key
from tests.domain.taxes.world import a_sale_refunded, accountant, in_order, named
from tests.kit.factories import CAUSE, a_payment, a_shop
from tests.kit.forked import told
from tests.kit.lines import today
from tests.kit.world import quick_settings, served

Command = Callable[..., Any]
KEY = access_key(123, "2026-01-02")


def _day() -> str:
    return today().isoformat()


@pytest.fixture
async def command(books: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Command]:
    """Runs `estorno taxes` with a token of an accountant's; gives what it said."""
    settings = quick_settings(database_url=books.application_url, redis_url=redis_url, files=str(tmp_path / "files"))
    async with served(create(settings)) as url:

        async def run(*arguments: str, token: str, status: int = 0) -> str:
            given = {**os.environ, "ESTORNO_URL": url, "ESTORNO_TOKEN": token, "COLUMNS": "80"}
            done = await asyncio.to_thread(told, ["jobs.cli.app", "taxes", *arguments], given, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            assert max(map(len, done.stdout.splitlines()), default=0) <= 80 or "--format" in arguments
            return done.stdout + done.stderr if status else done.stdout

        yield run


async def test_a_month_of_vat_is_worked_off_at_a_terminal(command: Command, tmp_path: Path) -> None:
    shop = await a_shop()
    token = await create_token(shop.id, Role.ACCOUNTING, "ana", timedelta(hours=1), CAUSE)
    payment = await named(await a_payment(shop, tax=1_800, days_ago=3), KEY)
    _, one = await a_sale_refunded(shop, payment, 4_000)
    _, two = await a_sale_refunded(shop, payment, 3_000, Reason.NOT_DELIVERED)
    _, three = await a_sale_refunded(shop, payment, 1_000)
    other = await Store.create(id=shop.merchant.id, merchant_id=shop.id, code="=1+1", name="Formula")
    await places.set_place(accountant(shop), NewPlace("UY", TaxRegime.LOCAL, store_id=other.id), CAUSE)
    assert (await taxes.night()).opened == 0
    waiting = await command("list", token=token)
    assert ("Say it: goods returned" in waiting, str(two.id) in waiting) == (True, True)
    chinese = json.loads(await command("list", "--locale", "zh-CN", "--format", "json", token=token))
    assert {row["amount"] for row in chinese} == {"720", "540", "180"}
    assert any("退货" in (row["explanation"] or "") for row in chinese)

    path = tmp_path / "note.xml"
    path.write_bytes(vectors.nfe(7, [KEY], issued=_day()))
    assert "1 new, 0 same, 0 revised, 0 canceled, 1 matched, 0 to look at" in await command(
        "import", str(path), token=token
    )
    assert json.loads(await command("import", str(path), "--format", "json", token=token))["same"] == 1
    said = await command("document", str(two.id), "--number", "NC 2", "--issued-on", _day(), token=token)
    assert "DOCUMENTED" in said
    unknown = ("document", str(shop.id), "--number", "1", "--issued-on", _day())
    refused = await command(*unknown, token=token, status=1)
    assert "there is no" in refused.lower()
    period = _day()[:7]
    assert "DECLARED" in await command("declare", str(one.id), str(two.id), "--period", period, token=token)
    said = await command("review", str(three.id), "--note", "It was a discount.", "--cause", "DISCOUNT", token=token)
    assert "NEEDS_REVIEW" in said
    assert "NOT_RECOVERABLE" in await command("write-off", str(three.id), "--note", "A discount.", token=token)
    assert (await VatReversal.get(id=three.id)).state is ReversalState.NOT_RECOVERABLE
    assert "Taxed in CL, SIMPLIFIED" in await command("place", "CL", "--regime", "SIMPLIFIED", token=token)
    await _report(command, token, period)
    assert await in_order()


async def _report(command: Command, token: str, period: str) -> None:
    lines = json.loads(await command("report", "--month", period, "--format", "json", token=token))
    sums = {name: sum(int(line[name]) for line in lines) for name in ("documented", "declared", "lost", "pending")}
    assert sums == {"documented": 1_260, "declared": 1_260, "lost": 180, "pending": 0}
    assert {line["country"] for line in lines} == {"BR"}
    assert all(line["rulesVersions"] for line in lines)
    table = await command("report", "--month", period, "--format", "csv", token=token)
    assert table.splitlines()[0].startswith("country,store,currency,ruleName")
    assert "br-return" in await command("report", "--month", period, token=token)
    assert await command("report", "--month", "2020-01", token=token) == ""
    assert "YYYY-MM" in await command("report", "--month", "2026", token=token, status=1)
    rules = json.loads(await command("rules", "PE", "--on", "2026-05-01", "--format", "json", token=token))
    assert {"pe-return", "pe-standard-2026"} <= {rule["name"] for rule in rules}
    assert "ask a tax adviser" in await command("rules", "UY", "--on", date.today().isoformat(), token=token)
