"""Accounting's month on the command line: read it, close it by two people, and take it to another program."""

import asyncio
import base64
import csv
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.app import create
from domain.access.tokens import Role, create_token
from domain.periods.months import Month
from domain.pse.vocabulary import Succeeded
from tests.conftest import Database
from tests.kit.days import utc_today
from tests.kit.factories import KEY, a_payment, a_refund, a_shop, an_answer
from tests.kit.forked import told
from tests.kit.world import quick_settings, served

Command = Callable[..., Any]
HOUR = timedelta(hours=1)


def _month() -> str:
    return str(Month.of(utc_today(-35)))


@pytest.fixture
async def command(own_database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Command]:
    """Runs `estorno` beside the API of a shop with a payment of a month that is over, and a refund of today."""
    settings = quick_settings(
        database_url=own_database.application_url, redis_url=redis_url, home=tmp_path, secret_key=KEY
    )
    async with served(create(settings)) as url:
        shop = await a_shop()
        days = (utc_today() - Month.of(utc_today(-35)).first_day).days - 2
        await a_payment(shop, days_ago=days, tax=1_800)
        await an_answer(await a_refund(shop, await a_payment(shop), 1_000), Succeeded("D1"))
        environment = {
            "DATABASE_URL": own_database.application_url,
            "REDIS_URL": redis_url,
            "ESTORNO_SECRET_KEY": base64.urlsafe_b64encode(KEY).decode(),
            "ESTORNO_HOME": str(tmp_path),
            "ESTORNO_URL": url,
            "COLUMNS": "80",
        }

        async def run(*arguments: str, who: str = "Ana", status: int = 0) -> str:
            token = await create_token(shop.id, Role.ACCOUNTANT, who, HOUR)
            given = {**os.environ, **environment, "ESTORNO_TOKEN": token}
            done = await asyncio.to_thread(told, ["jobs.cli.app", "books", *arguments], given, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            assert max(map(len, done.stdout.splitlines()), default=0) <= 80 or "--format" in arguments, done.stdout
            return done.stdout + done.stderr if status else done.stdout

        yield run


async def test_the_month_is_read_closed_by_two_and_exported(command: Command, tmp_path: Path) -> None:
    shown = await command("trial-balance")
    assert "PSE_CLEARING" in shown
    assert "pix-main" in shown
    rows = json.loads(await command("trial-balance", "--from", f"{_month()}-01", "--by", "store", "--format", "json"))
    assert sum(int(row["closing"]["minorUnits"]) for row in rows) == 0
    assert {row["storeCode"] for row in rows} == {"sp"}
    statement = (
        "statement",
        "PSE_CLEARING",
        "--connection",
        "pix-main",
        "--currency",
        "BRL",
        "--from",
        f"{_month()}-01",
    )
    told_rows = list(csv.DictReader(io.StringIO(await command(*statement, "--format", "csv"))))
    assert [row["balance"] for row in told_rows] == ["82.00", "100.00", "200.00", "190.00"]
    assert "closing BRL 190.00" in await command(*statement)
    assert "PSE_CLEARING" in await command("ageing")
    gone = (await command("close", _month())).split()[-1]
    assert "is proposed no more" in await command("withdraw", gone)
    again = " ".join((await command("withdraw", gone, "--format", "json", status=1)).split())
    assert "It waits for nobody any more" in again
    proposed = await command("close", _month())
    closing = proposed.split()[-1]
    assert "another person" in " ".join((await command("confirm", closing, status=1)).split())
    assert "is closed since" in await command("confirm", closing, who="Bia")
    assert "closed by Bia" in await command("periods")
    kept = json.loads(await command("trial-balance", "--closed", _month(), "--format", "json"))
    assert {row["account"]: row["closing"]["display"] for row in kept} == {
        "OUTPUT_VAT": "BRL -18.00", "PSE_CLEARING": "BRL 100.00", "SALES": "BRL -82.00",
    }  # fmt: skip
    lacking = " ".join((await command("journal", _month(), status=1)).split())
    assert "No account of yours stands for: OUTPUT_VAT (BRL), PSE_CLEARING (BRL), SALES (BRL)." in lacking
    for ours, number in (("OUTPUT_VAT", "2.1"), ("PSE_CLEARING", "1.1"), ("SALES", "3.1")):
        await command("account", ours, number, f"Conta {number}")
    made = json.loads(await command("journal", _month(), "--for", "xero", "--out", str(tmp_path), "--format", "json"))
    assert made["number"] == 1
    with zipfile.ZipFile(made["path"]) as packed:
        assert packed.namelist() == ["journal-EST000001-BRL.csv", "control.csv"]
