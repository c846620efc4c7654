"""Reports that were handed in: unpacked, judged, and entered as the night enters them. Each says what became of it."""

import asyncio
import hashlib
import tempfile
from datetime import date
from pathlib import Path
from uuid import UUID

import structlog

from domain.files import content
from domain.files.content import ContentAway
from domain.models import Connection, File, HandedReport, ReconciliationRun
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.pse.reporting import ReportFile
from domain.reconciliation import confirming, foreseen, handed_in, judged, nights
from domain.reconciliation.handed_in import Became
from domain.reconciliation.judged import InForce, NotEntered
from domain.reconciliation.unpacked import NotUnpacked, unpacked
from jobs import reconciliation
from jobs.wire.sender import Sender

_log = structlog.get_logger()


@door
async def take(handed_id: UUID, sender: Sender, settings: Settings) -> None:
    """Enter an upload, by its id, if it is still waiting. Safe to repeat; what fails has its turn again."""
    with for_all("whose the report is that was handed in"):
        row = await HandedReport.get(id=handed_id)
    with for_merchant(row.merchant_id):
        if not await handed_in.begun(row):
            return
        try:
            await _take(row, sender, settings)
        except (ContentAway, Unsealable, KeyServiceAway) as error:
            await handed_in.again(row, f"Its bytes cannot be had just now: {error}")
        except Exception as error:
            if unavailable(error):
                raise  # nothing can be written down; it is due again when its lease is over
            _log.exception("handed_in.failed", report=row.name)
            await handed_in.again(row, f"It could not be entered ({type(error).__name__}: {error}).")


async def _take(row: HandedReport, sender: Sender, settings: Settings) -> None:
    assert row.file_id is not None, "An upload has a file (handed_reports_upload_has_file)."
    given = await content.get(settings, await File.get(id=row.file_id))
    with tempfile.TemporaryDirectory(prefix="estorno-handed-") as folder:
        packed = Path(folder) / "as-it-came"
        packed.write_bytes(given)
        del given
        await enter(row, packed, sender)


async def enter(row: HandedReport, given: Path, sender: Sender) -> None:
    """Judge the file and enter it, or let it wait for another person; its row says what became of it.

    Raises what a night cannot write down.
    """
    connection = await Connection.get(id=row.connection_id)
    with tempfile.TemporaryDirectory(prefix="estorno-report-") as folder:
        try:
            path = await asyncio.to_thread(unpacked, given, Path(folder), row.name)
        except NotUnpacked as error:
            await handed_in.done(row, Became.REFUSED, str(error))
            return
        # What it would replace is looked at and replaced in one turn: nobody enters another one in between.
        async with nights.one_at_a_time(connection):
            await _judged(row, connection, path, sender)


async def _judged(row: HandedReport, connection: Connection, path: Path, sender: Sender) -> None:
    file = ReportFile(path.name, "application/octet-stream", path)
    by_person = row.way in confirming.BY_PEOPLE
    verdict = await judged.judge(connection, file, row.business_date, by_person=by_person)
    if isinstance(verdict, NotEntered):
        await handed_in.done(row, Became.REFUSED, verdict.said)
        return
    if isinstance(verdict, InForce):
        await handed_in.done(row, Became.KNOWN, verdict.said, verdict.business_date)
        return
    if not await confirming.may_enter(row, connection, file, verdict.business_date):
        preview = await foreseen.of(connection, file, verdict.business_date)
        await confirming.propose(row, connection, file, verdict.business_date, preview)
        return
    run = await reconciliation.run(connection.id, verdict.business_date, sender, path)
    await _entered(row, run, path.name, verdict.business_date, verdict.said)


async def _entered(row: HandedReport, run: ReconciliationRun, name: str, day: date, said: str) -> None:
    file = next((one for one in run.manifest.get("files", ()) if one["name"] == name), None)
    if file is None:
        # The night ended before it came to the file: it is not in the books, and has its turn again.
        raise RuntimeError(run.error or "the night ended before it came to this file")
    if "failed" in file:
        await handed_in.done(row, Became.REFUSED, f"It was not entered: {file['failed']}", day, run)
        return
    also = f" The night says: {run.error}" if run.error else ""
    await handed_in.done(row, Became.TAKEN, said + also, day, run)


def digest_of(path: Path) -> str:
    """SHA-256 of the file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
