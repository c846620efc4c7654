"""`estorno nights` beside a real API: lists, one night, handing in, in 80 columns and as JSON."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from api.app import create
from domain.access.tokens import Role, create_token
from domain.models import Connection, HandedReport
from domain.reconciliation import nights
from jobs import handed_in
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.kit.factories import KEY, OwnerRows, Shop, a_shop
from tests.kit.forked import told
from tests.kit.lines import today
from tests.kit.world import quick_settings, served

Run = Callable[..., Awaitable[str]]


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

        async def run(*arguments: str, status: int = 0, room: str = "nights", who: str = token) -> str:
            given = {**environment, "ESTORNO_TOKEN": who}
            done = await asyncio.to_thread(told, ["jobs.cli.app", room, *arguments], given, 60)
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
        watched = (await run("watch", "--once", "--format", "json", room="findings")).splitlines()
        assert [json.loads(one)["kind"] for one in watched] == ["NIGHT_FAILED"]
        await _followed_live(shop, environment)
        boss = await create_token(shop.id, Role.ADMIN, "Bo", timedelta(hours=1))
        await _confirmed_by_another(run, shop, boss)
        await _sources_and_days(run, boss, tmp_path)
        assert await Connection.filter(id=shop.connection.id).exists()


async def _followed_live(shop: Shop, environment: dict[str, str]) -> None:
    """A night that runs is followed from its first word to its last."""
    running = await nights.begin(shop.connection, today(-2))
    program = (sys.executable, "-m", "jobs.cli.app", "nights", "watch")
    watching = await asyncio.create_subprocess_exec(*program, env=environment, stdout=asyncio.subprocess.PIPE)
    assert watching.stdout is not None
    async with asyncio.timeout(120):
        first = (await watching.stdout.readline()).decode()
        await nights.complete(running, {"files": []}, report=False)
        rest = (await watching.stdout.read()).decode()
        assert await watching.wait() == 0
    assert f"{today(-2)} dlocal-main" in first
    assert "RUNNING" in first
    assert ("NO_REPORT" in rest, "No night runs any more." in rest) == (True, True)


async def _confirmed_by_another(run: Run, shop: Shop, boss: str) -> None:
    """What waits is listed and shown; whoever handed it in cannot confirm it, and another person can."""
    preview = {
        "rows": 12, "proof": "UNPROVEN", "proven_by": "completeness unproven", "refunds_matched": 3,
        "refunds_unmatched": 1, "replaces": None,
        "lines": [{"type": "CAPTURE", "currency": "BRL", "rows": 8, "amount": "1234567890"}],
        "books": [{"entry": "PROVE_CAPTURES", "currency": "BRL", "amount": "-1234567890"}],
    }  # fmt: skip
    row = await HandedReport.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, way="COMMAND", name="a.csv", size=1,
        sha256="0" * 64, state="PROPOSED", said="It waits until another person confirms it.", handed_in_by="Vera",
        request_id="x", business_date=today(-1), report_sha256="0" * 64, preview=preview,
    )  # fmt: skip
    assert str(row.id) in await run("handed", "--state", "proposed")
    assert "another person with KEEP_BOOKS" in " ".join((await run("confirm", str(row.id), "--yes", status=1)).split())
    said = await run("confirm", str(row.id), "--yes", who=boss)
    for words in ("12345678.90 BRL", "-12345678.90 BRL", "handed in by Vera", "a.csv is entered now"):
        assert words in said, said
    await row.refresh_from_db()
    assert (row.state, row.confirmed_by) == ("WAITING", "Bo")
    again = await run("refuse", str(row.id), "--why", "Too late.", status=1)
    assert "does not wait for another person" in again
    assert await run("confirm", str(uuid4()), status=1)


async def _sources_and_days(run: Run, boss: str, folder: Path) -> None:
    """A server is named and shown without its secret; a day is set and listed."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDbIZknpI9EAkbxXB4hK7R2B8tkyxRucRlpTjEQA7/9P"
    given = ("--host", "sftp.example.com", "--user", "loja", "--folder", "/out", "--host-key", key)
    assert "fetched from no server" in await run("show", "dlocal-main", room="sources", who=boss, status=1)
    made = await run("set", "dlocal-main", *given, "--off", room="sources", who=boss, status=1)
    assert "Give the password or the private key" in " ".join(made.split())
    secret = folder / "secret.txt"
    secret.write_text("open sesame\n")
    made = await run("set", "dlocal-main", *given, "--password-file", str(secret), room="sources", who=boss)
    assert ("sftp://loja@sftp.example.com:22/out" in made, "SHA256:" in made, "sesame" in made) == (True, True, False)
    assert "dlocal-main off" in await run("set", "dlocal-main", *given, "--off", room="sources", who=boss)
    shown = json.loads(await run("show", "dlocal-main", "--format", "json", room="sources", who=boss))
    assert (shown["enabled"], shown["host"], "password" in shown) == (False, "sftp.example.com", False)
    day = str(today(30))
    assert "closed" in await run("set", "br", day, "--why", "Decree 7", room="bank-days")
    listed = json.loads(await run("list", "--format", "json", room="bank-days"))
    assert (listed["country"], listed["day"], listed["closed"], listed["why"]) == ("BR", day, True, "Decree 7")
    assert "open" in await run("set", "BR", day, "--open", "--why", "Decree 8", room="bank-days")
    assert await run("set", "XX", day, "--why", "Decree 8", room="bank-days", status=1)
    for room, command in (("sources", "set"), ("bank-days", "set"), ("fees", "set"), ("nights", "confirm")):
        assert "Example: estorno" in " ".join((await run(command, "--help", room=room)).split()), room
