"""Which dates have a night, and what a night says that had no report or came before its date had ended."""

import asyncio
import base64
import os
from collections.abc import Generator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from structlog.testing import capture_logs

from domain.models import Deed, Finding, ReconciliationRun
from domain.notices import inbox
from domain.platform import database
from domain.pse.reporting import BadReport, Built, ReportDownload
from domain.pse.vocabulary import Announced, Period, Wait
from domain.reconciliation import nights
from domain.reconciliation.nights import FutureDate
from jobs import functions, reconciliation
from tests.conftest import Database
from tests.jobs.test_nights import Nightly, _line
from tests.kit.factories import KEY, OwnerRows, a_payment, a_shop
from tests.kit.forked import told
from tests.kit.loopback import SERVED
from tests.kit.world import Lay, World

ZONE = ZoneInfo("America/Sao_Paulo")


class Unpublished(Nightly):
    """A laboratory whose reports no program can fetch."""

    report_lag_days: int | None = None

    def reports(
        self, period: Period
    ) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | ReportDownload]]:
        yield Wait(0)
        return []


class Announcing(Nightly):
    """A laboratory that has what was announced."""

    def reports(
        self, period: Period
    ) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | ReportDownload]]:
        yield Wait(0)
        return [Built(name, "application/json", name.encode()) for name in period.announced]


def _day(days: int = 0) -> date:
    return datetime.now(UTC).astimezone(ZONE).date() + timedelta(days=days)


async def _night(world: World, days: int = 0, handed_in: Path | None = None) -> ReconciliationRun:
    return await reconciliation.run(world.shop.connection.id, _day(days), world.sender, handed_in)


async def test_a_date_that_has_not_begun_is_refused_and_leaves_no_run(lay: Lay) -> None:
    world = await lay(Nightly())
    with pytest.raises(FutureDate, match=f"{_day(1)} has not begun in America/Sao_Paulo"):
        await _night(world, 1)
    assert await ReconciliationRun.all().count() == 0


async def test_what_has_begun_is_told_by_the_merchants_clock(lay: Lay, owner_rows: OwnerRows) -> None:
    world = await lay(Nightly())
    for zone, ahead in (("Pacific/Kiritimati", True), ("Pacific/Pago_Pago", False)):  # 25 hours apart
        await owner_rows("UPDATE merchants SET zone = $1", zone)
        there = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
        await reconciliation.run(world.shop.connection.id, there, world.sender)
        with pytest.raises(FutureDate):
            await reconciliation.run(world.shop.connection.id, there + timedelta(days=1), world.sender)
        assert await ReconciliationRun.filter(business_date=there).exists(), ahead


async def test_a_job_for_a_date_that_has_not_begun_ends_and_says_so(lay: Lay) -> None:
    world = await lay(Nightly())
    with capture_logs() as logs:
        await functions.reconcile({"sender": world.sender}, f"{world.shop.connection.id}/{_day(1)}")
    (said,) = [log for log in logs if log["event"] == "reconciliation.refused"]
    assert str(_day(1)) in said["error"]
    assert await ReconciliationRun.all().count() == 0


@pytest.mark.parametrize(("days", "words"), [(1, "has not begun"), (0, "had not ended")])
async def test_the_command_refuses_a_future_date_and_says_that_today_has_not_ended(
    own_database: Database, redis_url: str, days: int, words: str
) -> None:
    async with database.connected(own_database.application_url, pool_max=2):
        shop = await a_shop(pse="ebanx")
    code, said = await _command(own_database, redis_url, str(shop.connection.id), str(_day(days)))
    assert words in said
    assert "Traceback" not in said
    assert code == days
    assert ("NO_REPORT the PSE publishes no report" in said) == (days == 0)
    async with database.connected(own_database.application_url, pool_max=2):
        left = [(one.actor[:12], one.changes["date"][1]) for one in await Deed.filter(operation="reconcile")]
    assert left == [("command line", str(_day(days)))] * (days == 0)


async def _command(books: Database, redis_url: str, connection: str, day: str) -> tuple[int, str]:
    """The exit status of `estorno reconcile`, and all that it says."""
    where = {"DATABASE_URL": books.application_url, "REDIS_URL": redis_url, "COLUMNS": "200"}
    where["ESTORNO_PRIVATE_HOSTS"] = ",".join(SERVED)
    env = {**os.environ, **where, "ESTORNO_SECRET_KEY": base64.urlsafe_b64encode(KEY).decode()}
    argv = ["jobs.cli.app", "reconcile", "--connection", connection, "--date", day]
    done = await asyncio.to_thread(told, argv, env, 60)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


async def test_the_night_of_today_says_that_its_date_had_not_ended(lay: Lay) -> None:
    world = await lay(Nightly())
    today, yesterday = await _night(world), await _night(world, -1)
    assert f"{_day()} had not ended in America/Sao_Paulo" in today.manifest["not_ended"]
    assert yesterday.manifest["not_ended"] is None


async def test_a_night_that_no_report_proves_is_done_and_says_so(lay: Lay, ringing: str, owner_rows: OwnerRows) -> None:
    world = await lay(Unpublished())
    await owner_rows("UPDATE connections SET created_at = now() - interval '5 days'")
    for days in range(-5, 0):
        run = await _night(world, days)
        assert (run.state, run.error, run.due_at) == ("NO_REPORT", None, None)
        assert run.manifest["completeness"] == "the PSE publishes no report"
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 0
    assert await Finding.all().count() == 0


async def test_a_night_with_nothing_to_fetch_is_told_from_one_with_an_empty_report(lay: Lay) -> None:
    pse = Nightly()
    world = await lay(pse)
    assert (await _night(world)).state == "NO_REPORT"
    pse.told["a.csv"] = []
    assert (await _night(world)).state == "COMPLETED"


async def test_a_date_whose_report_was_handed_in_keeps_saying_so_when_it_is_repeated(lay: Lay, tmp_path: Path) -> None:
    pse = Unpublished()
    world = await lay(pse)
    assert (await _night(world)).state == "NO_REPORT"
    reference = (await a_payment(world.shop, amount=10_000)).pse_reference
    for name, lines in (("a.csv", [_line(reference)]), ("b.csv", [])):
        (tmp_path / name).write_text(name)
        pse.told[name] = lines
        await _night(world, handed_in=tmp_path / name)
    run = await _night(world)
    assert run.state == "COMPLETED"
    assert [(file["name"], file["run"]) for file in run.manifest["files"]] == [("a.csv", 2), ("b.csv", 3)]
    assert run.manifest["files"][0]["sha256"]
    assert run.manifest["completeness"] == "All lines are there."
    assert (await nights.begin(world.shop.connection, _day())).manifest == run.manifest


async def test_an_announced_file_that_cannot_be_read_fails_one_date_however_many_follow(
    lay: Lay, owner_rows: OwnerRows
) -> None:
    pse = Announcing()
    world = await lay(pse)
    pse.told = {"cut.csv": BadReport("cut.csv", "It is cut.", line=2), "whole.csv": []}
    await inbox.announce(world.shop.connection, Announced("cut.csv"))
    assert (await _night(world, -3)).state == "FAILED"
    await owner_rows("ALTER TABLE report_news DISABLE TRIGGER report_news_no_change")
    await owner_rows("UPDATE report_news SET at = at - interval '2 hours'")
    await owner_rows("ALTER TABLE report_news ENABLE TRIGGER report_news_no_change")
    await inbox.announce(world.shop.connection, Announced("whole.csv"))
    assert [(await _night(world, days)).state for days in (-2, -1)] == ["COMPLETED", "NO_REPORT"]
    assert [one.kind for one in await Finding.filter(resolved_at=None)] == ["UNREADABLE_FILE"]
    assert (await _night(world, -3)).state == "FAILED"  # its own date goes on trying
    await inbox.announce(world.shop.connection, Announced("cut.csv"))
    pse.told["cut.csv"] = []
    assert (await _night(world, 0)).state == "COMPLETED"  # the revised one
    assert await Finding.filter(resolved_at=None).count() == 0
    assert (await _night(world, -3)).state == "NO_REPORT"
