"""`estorno nights` beside a real API: lists, one night, handing in, in 80 columns and as JSON."""

import asyncio
import base64
import json
import os
from datetime import timedelta
from pathlib import Path

from api.app import create
from domain.access.tokens import Role, create_token
from domain.models import Connection, HandedReport
from domain.reconciliation import nights
from jobs import handed_in
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.factories import KEY, OwnerRows, a_shop
from tests.kit.forked import told
from tests.kit.lines import today
from tests.kit.world import quick_settings, served


async def test_nights_are_listed_shown_and_handed_in_at_the_command_line(
    own_database: Database, redis_url: str, tmp_path: Path, owner_rows: OwnerRows
) -> None:
    settings = quick_settings(
        database_url=own_database.application_url, redis_url=redis_url, files=str(tmp_path / "files")
    )
    async with served(create(settings)) as url:
        shop = await a_shop(pse="dlocal")
        await owner_rows("UPDATE connections SET created_at = now() - interval '3 days'")
        token = await create_token(shop.id, Role.ACCOUNTANT, "Vera", timedelta(hours=1))
        environment = {
            **os.environ,
            "ESTORNO_SECRET_KEY": base64.urlsafe_b64encode(KEY).decode(),
            "ESTORNO_HOME": str(tmp_path),
            "ESTORNO_URL": url,
            "ESTORNO_TOKEN": token,
            "COLUMNS": "80",
        }

        async def run(*arguments: str, status: int = 0) -> str:
            done = await asyncio.to_thread(told, ["jobs.cli.app", "nights", *arguments], environment, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            lines = (done.stdout + done.stderr).splitlines()
            assert status or all(len(line) <= 80 or line.startswith("{") for line in lines), lines
            return done.stdout + done.stderr

        run_row = await nights.begin(shop.connection, today(-1))
        await nights.fail(run_row, "dlocal-main: the listing answers with a status that is none of those " * 3)
        listed = (await run("list")).splitlines()
        assert [line.split()[0] for line in listed if not line.startswith(" ")] == [str(today(-n)) for n in range(4)]
        assert "FAILED" in listed[1]
        whole = [json.loads(line) for line in (await run("list", "--format", "json")).splitlines()]
        assert [one["state"] for one in whole] == ["WAITING_FOR_PSE", "FAILED", "WAITING_FOR_PSE", "WAITING_FOR_PSE"]
        failed = await run("list", "--state", "failed", "--connection", "dlocal-main", "--from", str(today(-2)))
        assert str(today(-1)) in failed
        assert "run 1: FAILED" in await run("show", "dlocal-main", str(today(-1)))
        assert json.loads(await run("show", "dlocal-main", str(today(-1)), "--format", "json"))["state"] == "FAILED"
        assert "No night runs." in await run("watch")
        assert "is run again" in await run("repeat", "dlocal-main", str(today(-1)))
        for wrong in (("show", "nobody", str(today())), ("list", "--format", "xml"), ("list", "--from", "yesterday")):
            assert await run(*wrong, status=1)
        report = tmp_path / "report.csv"
        report.write_text("this;is;no;report\n")
        answer = json.loads(await run("upload", "dlocal-main", str(report), "--no-wait", "--format", "json"))
        assert answer["state"] == "WAITING"
        waiting = asyncio.create_task(run("upload", "dlocal-main", str(report), status=1))
        async with sender(KEY, 1.0) as sending:
            while not waiting.done():
                for row in await HandedReport.filter(state="WAITING"):
                    await handed_in.take(row.id, sending, settings)
                await asyncio.sleep(0.1)
        assert "REFUSED: It cannot be read as a report of dlocal" in " ".join((await waiting).split())
        assert await Connection.filter(id=shop.connection.id).exists()
