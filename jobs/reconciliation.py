"""The night: fetch a business date's report, register what was captured, reconcile; catch up on missed nights."""

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import structlog

from domain.connections.calls import About
from domain.connections.connections import SENDING
from domain.models import Connection, ReconciliationRun
from domain.platform import bell
from domain.platform.crash import crash_here
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.pse.registry import connector
from domain.pse.reporting import Built, ReportDownload, ReportFile
from domain.pse.vocabulary import BadAnswer, NotYet, Period
from domain.reconciliation import nights, progress, readings, reconcile, to_repeat, undone
from domain.reconciliation.nights import Failed
from domain.reconciliation.progress import Phase
from domain.settlements import repeats
from jobs import payments
from jobs.wire.drive import ListingFailed, drive, fetch
from jobs.wire.sender import Sender

_log = structlog.get_logger()


@door
async def run(
    connection_id: UUID, business_date: date, sender: Sender, handed_in: Path | None = None
) -> ReconciliationRun:
    """Reconcile one business date of one connection; repeating it is safe. The run says COMPLETED, NO_REPORT or
    FAILED and why; of a date that has begun and not ended, its manifest says so. Raises FutureDate.

    `handed_in`: the report as a person downloaded it, where the PSE publishes no way to fetch it.
    """
    with for_all("whose the connection is whose night was rung for"):
        connection = await Connection.get(id=connection_id)
    with for_merchant(connection.merchant_id):
        return await _run(connection, business_date, sender, handed_in)


async def _run(
    connection: Connection, business_date: date, sender: Sender, handed_in: Path | None
) -> ReconciliationRun:
    await nights.refuse_future(connection, business_date)
    started = await reconcile.begin(connection, business_date)
    crash_here("reconcile.begun")
    try:
        async with progress.telling(started):
            await _night(connection, started, sender, handed_in)
    except NotYet as error:
        await nights.not_yet(started, str(error))
    except (ListingFailed, BadAnswer) as error:
        await reconcile.fail(started, str(error))
    except Exception as error:
        if unavailable(error):
            raise  # nothing can be written down; the run is due again when its lease is over
        _log.exception("reconciliation.failed", connection=connection.name, date=str(business_date))
        await reconcile.fail(started, nights.unexpected(error))
    finished = await ReconciliationRun.get(id=started.id)
    _log.info("reconciliation.run", connection=connection.name, date=str(business_date), state=finished.state)
    return finished


async def _night(connection: Connection, run: ReconciliationRun, sender: Sender, handed_in: Path | None) -> None:
    request_id = f"reconciliation-{run.id}"
    progress.at(Phase.LISTING)
    listing = await _payments(connection, run, request_id, sender)
    crash_here("reconcile.imported")
    fetched_at = datetime.now(UTC)
    period = await reconcile.period_of(connection, run.business_date, run)
    about = About(connection.merchant_id, connection.id, request_id, "REPORT")
    failed: list[Failed] = []
    with tempfile.TemporaryDirectory(prefix="estorno-report-") as folder:
        if handed_in is not None:
            files = [_copied(handed_in, Path(folder))]
        else:
            listed = await _reports(connection, period, about, sender, listing)
            progress.at(Phase.FETCHING, len(listed))
            fetched = [await _fetched(report, connection, about, sender, Path(folder)) for report in listed]
            files = [one for one in fetched if isinstance(one, ReportFile)]
            failed = [one for one in fetched if isinstance(one, Failed)]
        kept = await _kept(connection, run, {*(one.name for one in files), *(one.name for one in failed)}, Path(folder))
        crash_here("reconcile.fetched")
        await reconcile.reconcile(connection, run, files, fetched_at, failed, kept, listing)
        crash_here("reconcile.completed")


async def _payments(connection: Connection, run: ReconciliationRun, request_id: str, sender: Sender) -> Failed | None:
    """Register the date's payments. A listing that cannot be read is said, and holds up no report: what a report tells
    of a payment that is not registered yet is kept, and proven when it is.
    """
    try:
        await payments.import_date(connection, run.business_date, request_id, sender)
    except ListingFailed as error:
        return Failed(readings.PAYMENTS, str(error))
    except BadAnswer as error:
        await readings.unreadable_payments(connection, run, error)
        return Failed(readings.PAYMENTS, str(error), unreadable=True)
    await readings.payments_read(connection, run)
    return None


async def _reports(
    connection: Connection, period: Period, about: About, sender: Sender, listing: Failed | None
) -> Sequence[Built | ReportDownload]:
    """The reports to fetch. Raises BadAnswer, which says what else could not be listed."""
    try:
        return await drive(connector(connection.pse).reports(period), connection, about, sender)
    except (ListingFailed, BadAnswer) as error:
        if listing is None or listing.why == str(error):
            raise
        raise BadAnswer(f"{listing.name}: {listing.why}; {error}") from error


async def _kept(connection: Connection, run: ReconciliationRun, names: set[str], folder: Path) -> list[ReportFile]:
    """The date's reports of before, if they are wanted again: those that were not fetched now (`names`)."""
    if run.business_date not in await to_repeat.dates(connection.id):
        return []
    return await repeats.kept(connection, run.business_date, names, folder)


async def _fetched(
    report: Built | ReportDownload, connection: Connection, about: About, sender: Sender, folder: Path
) -> ReportFile | Failed:
    try:
        found = await fetch(report, connection, about, sender, folder)
        progress.further(1)
        return found
    except ListingFailed as error:
        return Failed(report.name, str(error))


def _copied(handed_in: Path, folder: Path) -> ReportFile:
    # Reading leaves files beside the report, and a person's folder is not ours.
    return ReportFile(handed_in.name, "application/octet-stream", Path(shutil.copy(handed_in, folder)))


@door
async def ring_the_night(now: datetime) -> int:
    """Ring for every connection's dates that have ended, are due and have no run that is done, the newest first, so
    many at once; and for those whose reports told of refunds that turned out to be ours. How many.
    """
    rung = 0
    # What is suspended is caught up with when it goes on; what is not yet certified has no nights.
    with for_all("the night of every connection"):
        connections = await Connection.filter(enabled=True, state__in=SENDING)
    for connection in connections:
        with for_merchant(connection.merchant_id):
            due = await undone.due(connection, now)
        for day in sorted(due):
            await bell.ring(bell.RECONCILE, f"{connection.id}/{day}", queue=bell.BATCH_QUEUE)
        rung += len(due)
    return rung
