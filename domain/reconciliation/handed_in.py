"""Reports that come by other ways than a PSE's wire, as rows: who brought one, and what became of it, in a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Whose, scope_of
from domain.cause import Cause
from domain.connections.connections import SENDING
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, File, HandedReport, ReconciliationRun
from domain.models.files import Purpose
from domain.platform import bell, idempotency
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, InvalidState, NotFound
from domain.reconciliation import asked_again, nights
from domain.reconciliation.asked_again import REPEAT
from domain.reconciliation.nights import FutureDate
from domain.refunds.intervals import NIGHT

UPLOAD: Final = "settlementReportUpload"
WAITING_MAX: Final = 100  # uploads of one connection: nights of others wait behind them
_FIRST_DAY: Final = date(2000, 1, 1)
_BEFORE_MAX: Final = timedelta(days=400)  # that a night may lie before its connection was made
_LEASE_SECONDS: Final = 3600.0  # as long as a night's


class HandedInBy(StrEnum):
    """How a report came."""

    UPLOAD = "UPLOAD"
    COMMAND = "COMMAND"  # estorno reconcile --file
    FOLDER = "FOLDER"
    SFTP = "SFTP"


class Became(StrEnum):
    """What became of it."""

    WAITING = "WAITING"  # for its turn
    PROPOSED = "PROPOSED"  # for another person's yes
    TAKEN = "TAKEN"  # entered
    KNOWN = "KNOWN"  # it was here already
    REFUSED = "REFUSED"
    SKIPPED = "SKIPPED"  # no report, by its name


@dataclass(frozen=True, slots=True)
class Came:
    """A file as it came. `modified_at`: by the other side's clock; `size` in bytes, `sha256` of these, hex."""

    way: HandedInBy
    name: str
    size: int
    sha256: str
    modified_at: datetime | None = None


def readable(whose: Whose) -> QuerySet[HandedReport]:
    """Those that somebody may see; a report is of all stores. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    found = HandedReport.filter(merchant_id=scope.merchant_id)
    return found if scope.is_whole else found.filter(id__isnull=True)


async def upload(
    principal: Principal, connection_id: UUID, business_date: date | None, file_id: UUID, key: str, cause: Cause
) -> HandedReport:
    """Hand in a file that was uploaded as SETTLEMENT_REPORT; it has its turn as a job, and waits for another person.

    Raises Forbidden, NotFound, InvalidInput, InvalidState, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    connection = await _connection(principal, connection_id)
    await _check_date(connection, business_date, _FIRST_DAY)
    file = await _file(principal, file_id)
    row_id = uuid4()
    told = {"connection": str(connection_id), "date": business_date and str(business_date), "file": str(file_id)}
    async with transaction():
        stored = await idempotency.claim(principal.merchant_id, UPLOAD, key, told, row_id, cause)
        if stored is None:
            await _check_waiting(connection, file)
            came = Came(HandedInBy.UPLOAD, file.name, file.size, file.sha256)
            by = {"handed_in_by": principal.holder[:200], "handed_in_by_id": principal.party}
            await _create(row_id, connection, came, cause, business_date=business_date, file_id=file_id, **by)
            subject, facts = Of("connection", connection_id), {**told, "sha256": file.sha256, "name": file.name}
            await deeds.note(principal.merchant_id, UPLOAD, subject, cause, deeds.changed({}, facts))
    await bell.ring(bell.HANDED_IN, stored or row_id, queue=bell.BATCH_QUEUE)
    return await HandedReport.get(id=stored or row_id)


async def repeat(principal: Principal, connection_id: UUID, business_date: date, key: str, cause: Cause) -> Connection:
    """Have a night run once more; it is safe to. A few of a connection may wait, each once. Raises as `upload`."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    connection = await _connection(principal, connection_id)
    await _check_date(connection, business_date, connection.created_at.date() - _BEFORE_MAX)
    told = {"connection": str(connection_id), "date": str(business_date)}
    async with transaction():
        if await idempotency.claim(principal.merchant_id, REPEAT, key, told, connection_id, cause) is not None:
            return connection
        await asked_again.check(connection, business_date)
        await deeds.note(
            principal.merchant_id, REPEAT, Of("connection", connection_id), cause, {"date": [None, str(business_date)]}
        )
    await bell.ring(bell.RECONCILE, f"{connection_id}/{business_date}", queue=bell.BATCH_QUEUE)
    return connection


async def delivered(connection: Connection, came: Came, by: str) -> HandedReport | None:
    """A file that a folder or a server has; it is judged and entered by whoever found it. Its row is there before.
    A folder is the operator's, and a live account's server two people's: nobody confirms what they bring.

    None: it failed a while ago, and has its turn later.
    """
    before = await HandedReport.get_or_none(
        connection_id=connection.id, way=came.way.value, name=came.name[:200], sha256=came.sha256, state="WAITING"
    )
    if before is not None:
        return before if await begun(before) else None
    row_id = uuid4()
    cause = Cause(f"{came.way.value.lower()}-{row_id}", by)
    async with transaction():
        await _create(row_id, connection, came, cause)
        facts = {"name": came.name, "sha256": came.sha256, "way": came.way.value}
        await deeds.note(connection.merchant_id, "reportDeliver", Of("connection", connection.id), cause, _new(facts))
    row = await HandedReport.get(id=row_id)
    return row if await begun(row) else None


def _new(facts: Mapping[str, Any]) -> dict[str, list[Any]]:
    return deeds.changed({}, facts)


async def brought(connection: Connection, came: Came, day: date, cause: Cause) -> HandedReport:
    """A file that somebody brings on the command line, which keeps no copy: the one that waits, or a new row."""
    named: dict[str, Any] = {
        "connection_id": connection.id,
        "way": HandedInBy.COMMAND.value,
        "sha256": came.sha256,
        "business_date": day,
    }
    if (before := await HandedReport.get_or_none(**named, name=came.name[:200], done_at=None)) is not None:
        return before
    row_id = uuid4()
    await _create(row_id, connection, came, cause, business_date=day, due_at=None)
    return await HandedReport.get(id=row_id)


async def _create(row_id: UUID, connection: Connection, came: Came, cause: Cause, **more: Any) -> None:
    given = {"due_at": datetime.now(UTC), "handed_in_by": cause.actor, **more}
    await HandedReport.create(
        id=row_id,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        way=came.way.value,
        name=came.name[:200],
        size=came.size,
        sha256=came.sha256,
        modified_at=came.modified_at,
        state=Became.WAITING.value,
        request_id=cause.request_id,
        **given,
    )


async def begun(row: HandedReport) -> bool:
    """Take an upload in hand, for as long as a night may take. False: somebody else has it, or it is done."""
    taken = await execute(
        "UPDATE handed_reports SET due_at = now() + make_interval(secs => $2::float8), tries = tries + 1 "
        "WHERE id = $1 AND state = 'WAITING' AND due_at <= now()",
        row.id,
        _LEASE_SECONDS,
    )
    return bool(taken)


async def again(row: HandedReport, why: str) -> None:
    """It could not have its turn; it has one later, ever more rarely."""
    await execute(
        "UPDATE handed_reports SET due_at = now() + make_interval(secs => $2::float8), said = $3 "
        "WHERE id = $1 AND state = 'WAITING'",
        row.id,
        NIGHT.delay(row.tries),
        nights.fit(why),
    )


async def done(
    row: HandedReport, became: Became, said: str, day: date | None = None, run: ReconciliationRun | None = None
) -> None:
    """What became of it."""
    await execute(
        "UPDATE handed_reports SET state = $2, said = $3, business_date = coalesce($4, business_date), run_id = $5, "
        "  due_at = NULL, done_at = now() WHERE id = $1",
        row.id,
        became.value,
        nights.fit(said),
        day,
        run.id if run is not None else None,
    )
    await row.refresh_from_db()


async def _connection(principal: Principal, connection_id: UUID) -> Connection:
    found = await Connection.get_or_none(id=connection_id, merchant_id=principal.merchant_id)
    if found is None:
        raise NotFound("There is no such connection.", path=["input", "connectionId"])
    if found.state not in SENDING:
        said = f"{found.name} is {found.state.value}: it has no nights until it is certified or goes on."
        raise InvalidState(said, current_state=found.state.value)
    return found


async def _check_waiting(connection: Connection, file: File) -> None:
    """Each is a job of the one worker that everybody's nights have. Raises InvalidState."""
    waiting = HandedReport.filter(connection_id=connection.id, way=HandedInBy.UPLOAD.value, done_at=None)
    if (same := await waiting.filter(sha256=file.sha256).first()) is not None:
        said = "This very file waits already, for its turn or for another person."
        raise InvalidState(said, path=["input", "fileId"], current_state=same.state)
    if await waiting.count() >= WAITING_MAX:
        said = f"{WAITING_MAX} files of this connection wait already: hand in further ones later."
        raise InvalidState(said, path=["input", "fileId"], current_state=Became.WAITING.value)


async def _check_date(connection: Connection, day: date | None, first: date) -> None:
    if day is None:
        return
    if day < first:
        raise InvalidInput(f"Of a date before {first} there is nothing here.", path=["input", "businessDate"])
    try:
        await nights.refuse_future(connection, day)
    except FutureDate as error:
        raise InvalidInput(str(error), path=["input", "businessDate"]) from None


async def _file(principal: Principal, file_id: UUID) -> File:
    found = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id, purpose=Purpose.SETTLEMENT_REPORT)
    if found is None:
        said = "There is no such file; announce one with the purpose SETTLEMENT_REPORT, and send it."
        raise NotFound(said, path=["input", "fileId"])
    if found.stored_at is None or found.sealed_key is None:
        said = "The file has not come, or was removed by retention: send its bytes to the path of its ticket first."
        raise InvalidInput(said, path=["input", "fileId"])
    return found
