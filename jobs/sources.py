"""A PSE's server, visited: what was not fetched before is fetched and entered, and nothing is deleted there."""

import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from domain.connections.connections import SENDING
from domain.models import Connection, ReportSource
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.reconciliation import handed_in, sources
from domain.reconciliation.handed_in import Became, Came, HandedInBy
from domain.reconciliation.sources import Version
from domain.reconciliation.unpacked import UNPACKED_BYTES_MAX
from jobs import handed_in as entering
from jobs.wire.sender import Sender
from jobs.wire.sftp import Changed, Listed, Login, Server, SftpFailed, opened

_AT_ONCE_MAX: Final = 200  # files of one visit
_VISIT_SECONDS_MAX: Final = 600.0  # from when on no further file is begun
# What PSEs put beside their reports, by the beginning or the end of the name, in upper case.
_NO_REPORTS: Final = ("CONNECTION-CHECK-FILE", "README", "TEST-CONNECTION")
_UNFINISHED: Final = (".PART", ".TMP", ".FILEPART", ".CRDOWNLOAD", ".SWP", "~")
_SIZE_MAX: Final = 2**63 - 1  # that a row holds; servers say up to 64 bits
_SETTLED: Final = timedelta(seconds=60)  # what was written to a moment ago may be written to again
_log = structlog.get_logger()


@door
async def visit(source_id: UUID, sender: Sender, settings: Settings) -> None:
    """Look through the server, if it is its turn. Safe to repeat; why a visit failed stands in its row."""
    with for_all("whose the server is that is visited"):
        source = await ReportSource.get(id=source_id)
    with for_merchant(source.merchant_id):
        if not await sources.begun(source):
            return
        connection = await Connection.get(id=source.connection_id)
        if connection.state not in SENDING or not connection.enabled:
            return
        if await sources.waits_for_another(source, connection):
            await sources.failed(source, connection, sources.ONE_PERSON)
            return
        try:
            account = await _account(source, settings)
            async with opened(account, sender.look_ups) as server:
                await _look_through(server, source, connection, sender)
        except (SftpFailed, Unsealable, KeyServiceAway) as error:
            _log.warning("source.failed", connection=connection.name, error=str(error))
            await sources.failed(source, connection, str(error))
        else:
            await sources.visited(source)


async def _account(source: ReportSource, settings: Settings) -> Login:
    secrets = await sources.secrets_of(source, settings.secret_key)
    return Login(
        merchant_id=source.merchant_id,
        host=source.host,
        port=source.port,
        username=source.username,
        host_key=source.host_key,
        password=secrets.get("password"),
        private_key=secrets.get("private_key"),
    )


async def _look_through(server: Server, source: ReportSource, connection: Connection, sender: Sender) -> None:
    told = await server.listing(source.folder)
    listed = [replace(one, size=min(one.size, _SIZE_MAX)) for one in told if _is_report(one)]
    known = await sources.remembered(connection.id, [one.name for one in listed])
    fresh = [one for one in listed if Version(one.name, one.size, one.modified_at) not in known]
    until = time.monotonic() + _VISIT_SECONDS_MAX
    for one in fresh[:_AT_ONCE_MAX]:
        if time.monotonic() >= until:
            break  # a slow server has its next turn later: nights of others wait behind this one
        try:
            await _fetch(server, source, connection, one, sender)
        except Changed:
            _log.info("source.not_settled", connection=connection.name, file=one.name)
        except SftpFailed:
            raise
        except Exception as error:  # of one file: those behind it are fetched all the same
            if unavailable(error):
                raise
            _log.exception("source.file_failed", connection=connection.name, file=one.name)


def _is_report(one: Listed) -> bool:
    name = one.name.upper()
    if name.startswith(_NO_REPORTS) or name.endswith(_UNFINISHED):
        return False
    return one.modified_at is None or abs(datetime.now(UTC) - one.modified_at) >= _SETTLED


async def _fetch(server: Server, source: ReportSource, connection: Connection, one: Listed, sender: Sender) -> None:
    by = f"sftp:{source.host}"
    if one.size > UNPACKED_BYTES_MAX:
        row = await handed_in.delivered(connection, Came(HandedInBy.SFTP, one.name, one.size, "", one.modified_at), by)
        if row is not None:
            await handed_in.done(row, Became.SKIPPED, f"It has {one.size} bytes: hand it in by `estorno reconcile`.")
        return
    with tempfile.TemporaryDirectory(prefix="estorno-sftp-") as folder:
        path = Path(folder) / "as-it-came"
        digest = await server.fetch(source.folder, one, path, UNPACKED_BYTES_MAX)
        row = await handed_in.delivered(
            connection, Came(HandedInBy.SFTP, one.name, one.size, digest, one.modified_at), by
        )
        if row is None:
            return
        try:
            await entering.enter(row, path, sender)
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("source.not_entered", report=one.name)
            await handed_in.again(row, f"It could not be entered ({type(error).__name__}: {error}).")
