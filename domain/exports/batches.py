"""Sheets of decisions as rows: applied once, here and now or as a job, the outcome of each row kept with it."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog
from tortoise.queryset import QuerySet

from domain.access.again import principal_again
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause, Doer
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.exports import decisions
from domain.exports.decisions import APPLY, RowState, ToldRow
from domain.exports.sheet import SheetLine
from domain.findings import replaced
from domain.models import DecisionBatch, DecisionRow
from domain.platform import bell, idempotency
from domain.platform.alone import lock_name
from domain.platform.database import execute, transaction, unavailable
from domain.platform.settings import Settings
from domain.problems import Forbidden, InvalidInput, Problem

AT_ONCE_MAX: Final = 200  # rows; more are a job
OBJECT: Final = "decisions"
TRIES_MAX: Final = 20
_LEASE: Final = timedelta(minutes=5)
_TELL_EACH: Final = 50
_BEGIN: Final = """UPDATE decision_batches SET state = 'RUNNING', tries = tries + 1, due_at = now() + $2::interval
WHERE id = $1 AND state IN ('QUEUED', 'RUNNING') AND due_at <= now()"""
_FAR: Final = """UPDATE decision_batches SET due_at = now() + $3::interval,
  rows_done = (SELECT count(*) FROM decision_rows r WHERE r.batch_id = $1)
WHERE id = $1 AND state = 'RUNNING' AND tries = $2"""
_END: Final = """UPDATE decision_batches SET state = $2, problem = $3, due_at = NULL, ended_at = now(),
  rows_done = (SELECT count(*) FROM decision_rows r WHERE r.batch_id = $1)
WHERE id = $1 AND state IN ('QUEUED', 'RUNNING')"""
_LATER: Final = """UPDATE decision_batches SET state = 'QUEUED', due_at = now() + make_interval(secs => 30 * tries)
WHERE id = $1 AND state = 'RUNNING'"""
_log = structlog.get_logger()
# One row of a batch at a time, whoever's turn it is: a worker that was thought dead finds it taken.


def readable(principal: Principal) -> QuerySet[DecisionBatch]:
    """Sheets speak of any store: those that somebody may see who may work on findings in all. Raises Forbidden."""
    principal.require_everywhere(Permission.WORK_FINDINGS)
    return DecisionBatch.filter(merchant_id=principal.merchant_id)


async def outcomes(batch_id: UUID, after: int, first: int) -> list[DecisionRow]:
    """The first rows behind `after`, in the sheet's order."""
    return await DecisionRow.filter(batch_id=batch_id, row__gt=after).order_by("row").limit(first)


async def apply(
    principal: Principal, file_id: UUID, key: str, settings: Settings, cause: Cause, seen: str | None = None
) -> DecisionBatch:
    """Apply a sheet. The same `key` again gives what is there. `seen`: as `seen_of` has told it, of what others have
    said: without it nothing of that is replaced.

    Raises Forbidden, NotFound, InvalidInput, IdempotencyConflict; ContentAway, Unsealable, KeyServiceAway.
    """
    found = await decisions.lines(principal, file_id, settings)
    if not found:
        raise InvalidInput("No row of the file says anything: fill in the column Decision.", path=["input", "fileId"])
    batch_id = uuid4()
    async with transaction():
        values = {"file": str(file_id)} | ({"seen": seen.lower()} if seen is not None else {})
        stored = await idempotency.claim(principal.merchant_id, APPLY, key, values, batch_id, cause)
        if stored is None:
            await _check_seen(principal, found, seen)
            await _create(batch_id, principal, file_id, len(found), cause)
            facts = {"file": str(file_id), "rows": len(found)}
            await deeds.note(principal.merchant_id, APPLY, Of(OBJECT, batch_id), cause, deeds.changed({}, facts))
    batch = await DecisionBatch.get(id=stored or batch_id)
    if len(found) > AT_ONCE_MAX:
        await bell.ring(bell.DECISIONS, batch.id, queue=bell.BATCH_QUEUE)
    elif await begun(batch):
        await work_off(batch, principal, found, cause)
    await batch.refresh_from_db()
    return batch


async def seen_of(principal: Principal, found: Sequence[SheetLine]) -> tuple[str, int]:
    """A digest of what waits for a second person of the findings in the sheet, and how much of it others have said."""
    words = await decisions.said_of(found)
    return replaced.digest_of(words, words), len(replaced.others(principal, words))


async def _check_seen(principal: Principal, found: Sequence[SheetLine], seen: str | None) -> None:
    words = await decisions.said_of(found)
    replaced.check_seen(principal, words, seen)
    if seen is not None and replaced.digest_of(words, words) != seen.lower():
        raise InvalidInput(
            "Something else waits for a second person by now: look again (decisionsPreview).", path=["input", "seen"]
        )


async def _create(batch_id: UUID, principal: Principal, file_id: UUID, count: int, cause: Cause) -> None:
    await DecisionBatch.create(
        id=batch_id,
        merchant_id=principal.merchant_id,
        file_id=file_id,
        state="QUEUED",
        rows_total=count,
        due_at=datetime.now(UTC) - timedelta(seconds=1),
        created_by=principal.holder[:200],
        party=principal.party,
        person_id=principal.person_id,
        token_id=cause.by.token_id or (principal.token_id if principal.person_id is None else None),
        session_id=cause.by.session_id,
        request_id=cause.request_id[:64],
    )


async def begun(batch: DecisionBatch) -> bool:
    """Take it in hand. False: somebody else has it, or it is done."""
    taken = await execute(_BEGIN, batch.id, _LEASE)
    await batch.refresh_from_db()
    return bool(taken)


async def run(batch: DecisionBatch, settings: Settings) -> None:
    """Its turn as a job, after `begun`: as whoever asked, with what they may do now."""
    who = await principal_again(batch.merchant_id, batch.created_by, batch.party, batch.person_id, batch.token_id)
    by = Doer(token_id=batch.token_id, person_id=batch.person_id, session_id=batch.session_id)
    cause = Cause(batch.request_id, batch.created_by, batch.party, by)
    try:
        if who is None:
            raise Forbidden("Whoever asked for it may not do it any more.")
        found = await decisions.lines(who, batch.file_id, settings)
    except Problem as problem:
        await end(batch, "FAILED", problem.message)
        return
    await work_off(batch, who, found, cause)


async def work_off(batch: DecisionBatch, principal: Principal, found: Sequence[SheetLine], cause: Cause) -> None:
    """Each row that has no outcome yet; stopped at any point it is gone on with."""
    done = {one.row for one in await DecisionRow.filter(batch_id=batch.id).only("id", "row")}
    several = decisions.twice(found)
    left = [one for one in found if one.row not in done]
    for count, line in enumerate(left, start=1):
        await _one(batch, principal, line, several, cause)
        if count % _TELL_EACH == 0 and await execute(_FAR, batch.id, batch.tries, _LEASE) != 1:
            return  # another worker has it in hand
    await end(batch, "DONE", None)


async def _one(
    batch: DecisionBatch, principal: Principal, line: SheetLine, several: Collection[UUID], cause: Cause
) -> None:
    """The decision and its outcome are one: both are there, or neither is."""
    async with transaction():
        await lock_name(f"decisions/{batch.id}")
        if await DecisionRow.exists(batch_id=batch.id, row=line.row):
            return
        try:
            async with transaction():
                told = await decisions.apply(principal, line, several, cause, batch.created_at)
        except Problem as problem:
            told = decisions.refused(line, problem)
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("decisions.row_failed", batch=str(batch.id), row=line.row)
            told = ToldRow(
                line.row, None, RowState.REFUSED, f"It could not be done ({type(error).__name__}).", "INTERNAL"
            )
        await _keep(batch, told)


async def _keep(batch: DecisionBatch, told: ToldRow) -> None:
    await DecisionRow.create(
        merchant_id=batch.merchant_id,
        batch_id=batch.id,
        row=told.row,
        finding_id=told.finding_id,
        outcome=told.became.value,
        code=told.code,
        said=told.said[:500].replace("\x00", ""),
    )


async def end(batch: DecisionBatch, state: str, problem: str | None) -> None:
    """It is over."""
    await execute(_END, batch.id, state, problem[:500] if problem else None)


async def again(batch: DecisionBatch, why: str) -> None:
    """It has its turn later, or ends where it has had enough of them."""
    if batch.tries >= TRIES_MAX:
        await end(batch, "FAILED", why)
    else:
        await execute(_LATER, batch.id)
