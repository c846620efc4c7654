"""The night: fetch a business date's report, register what was captured, reconcile; catch up on missed nights."""

import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from domain import bell, reconciliation, taken
from domain.calls import About
from domain.crash import crash_here
from domain.database import rows
from domain.models import Connection, Merchant, ReconciliationRun
from domain.pse.registry import connector
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import BadAnswer
from jobs import payments
from jobs.http import Sender
from jobs.listings import ListingFailed, drive, fetch

_CATCH_UP_DAYS_MAX: Final = 14
_log = structlog.get_logger()


async def run(
    connection_id: UUID, business_date: date, sender: Sender, handed_in: Path | None = None
) -> ReconciliationRun:
    """Reconcile one business date of one connection; repeating it is safe. The run says COMPLETED or FAILED and why.

    `handed_in`: the report as a person downloaded it, where the PSE publishes no way to fetch it.
    """
    connection = await Connection.get(id=connection_id)
    started = await reconciliation.begin(connection, business_date)
    crash_here("reconcile.begun")
    request_id = f"reconciliation-{started.id}"
    try:
        await payments.import_date(connection, business_date, request_id, sender)
        crash_here("reconcile.imported")
        period = await reconciliation.period_of(connection, business_date)
        about = About(connection.merchant_id, connection.id, request_id, "REPORT")
        fetched_at = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="estorno-report-") as folder:
            if handed_in is not None:
                files = [_copied(handed_in, Path(folder))]
            else:
                listed = await drive(connector(connection.pse).reports(period), connection, about, sender)
                files = [await fetch(report, connection, about, sender, Path(folder)) for report in listed]
            crash_here("reconcile.fetched")
            await reconciliation.reconcile(connection, started, files, fetched_at)
            crash_here("reconcile.completed")
    except (ListingFailed, BadAnswer) as error:
        await reconciliation.fail(started, str(error))
    finished = await ReconciliationRun.get(id=started.id)
    _log.info("reconciliation.run", connection=connection.name, date=str(business_date), state=finished.state)
    return finished


def _copied(handed_in: Path, folder: Path) -> ReportFile:
    # Reading leaves files beside the report, and a person's folder is not ours.
    return ReportFile(handed_in.name, "application/octet-stream", Path(shutil.copy(handed_in, folder)))


async def ring_the_night(now: datetime) -> int:
    """Ring for every connection and date that has ended without a completed run, newest fortnight only, and for those
    whose reports told of refunds that turned out to be ours; how many.
    """
    rung = 0
    for connection in await Connection.filter(enabled=True):
        zone = (await Merchant.get(id=connection.merchant_id)).zone
        today = now.astimezone(ZoneInfo(zone)).date()
        first = max(connection.created_at.astimezone(ZoneInfo(zone)).date(), today - timedelta(days=_CATCH_UP_DAYS_MAX))
        ended = {first + timedelta(days=days) for days in range((today - first).days)}
        undone = ended - await _completed(connection, zone)
        if connector(connection.pse).report_lag_days is not None:  # what a person hands in is not fetched again
            undone |= await taken.told_of_ours(connection.id)
        for day in sorted(undone):
            await bell.ring(reconciliation.JOB, f"{connection.id}/{day}", queue=bell.BATCH_QUEUE)
        rung += len(undone)
    return rung


async def _completed(connection: Connection, zone: str) -> set[date]:
    """The dates that were reconciled after they had ended: a run during the day has not seen all of it."""
    found = await rows(
        "SELECT business_date FROM reconciliation_runs WHERE connection_id = $1 AND state = 'COMPLETED' "
        "AND (finished_at AT TIME ZONE $2)::date > business_date",
        connection.id,
        zone,
    )
    return {row["business_date"] for row in found}
