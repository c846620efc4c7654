"""Sheets as rows: handed in, judged as a job, confirmed by whoever may, called off at any moment."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access import second, vouching
from domain.access.again import principal_again
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.batches import limits
from domain.batches.columns import SheetKind
from domain.batches.verdicts import WILL_BE_DONE, RowVerdict
from domain.cause import Cause, Doer
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Batch, BatchRow, File
from domain.models.files import Purpose
from domain.platform import bell, idempotency
from domain.platform.alone import lock_name
from domain.platform.database import execute, rows, transaction
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound, RateLimited

CREATE: Final = "batchCreate"
CONFIRM: Final = "batchConfirm"
CANCEL: Final = "batchCancel"
OBJECT: Final = "batch"
TRIES_MAX: Final = 20
LEASE: Final = timedelta(minutes=5)
KINDS: Final[Mapping[Purpose, SheetKind]] = {
    Purpose.REFUND_BATCH: SheetKind.REFUNDS,
    Purpose.PAYMENT_BATCH: SheetKind.PAYMENTS,
}
NEEDED: Final[Mapping[SheetKind, Permission]] = {
    SheetKind.REFUNDS: Permission.REFUND,
    SheetKind.PAYMENTS: Permission.REGISTER_PAYMENT,
}
_SEEING: Final = (Permission.REFUND, Permission.REGISTER_PAYMENT, Permission.APPROVE, Permission.READ)
_WAITING_MAX: Final = 20  # of one merchant, being read or worked off
_PATH: Final = ["input", "batchId"]
_BEGIN: Final = """UPDATE batches SET tries = tries + 1, changes = changes + 1, due_at = now() + $2::interval
WHERE id = $1 AND state IN ('READING', 'APPLYING') AND due_at <= now()"""
_CONFIRM: Final = """UPDATE batches SET state = 'APPLYING', due_at = now(), tries = 0, rows_done = 0,
  changes = changes + 1, confirmed_by = $2, confirmed_by_id = $3, confirmed_at = now()
WHERE id = $1 AND state = 'JUDGED'"""
# What is in hand this moment is asked for yet; nothing after it.
_CANCEL: Final = """UPDATE batches SET state = 'CANCELED', due_at = NULL, changes = changes + 1, canceled_by = $2,
  ended_at = now() WHERE id = $1 AND state IN ('READING', 'JUDGED', 'APPLYING')"""
_FAIL: Final = """UPDATE batches SET state = 'FAILED', problem = $2, due_at = NULL, changes = changes + 1,
  ended_at = now() WHERE id = $1 AND state IN ('READING', 'APPLYING')"""
_LATER: Final = """UPDATE batches SET due_at = now() + make_interval(secs => 30 * tries)
WHERE id = $1 AND state IN ('READING', 'APPLYING')"""
_TOTALS: Final = """SELECT verdict, currency, store_id, count(*)::int AS rows,
  coalesce(sum(amount), 0)::bigint AS amount
FROM batch_rows WHERE batch_id = $1 GROUP BY verdict, currency, store_id ORDER BY verdict, currency, store_id"""
_GOING: Final = """SELECT batch_id, count(*)::int AS rows FROM batch_rows
WHERE batch_id = ANY($1::uuid[]) AND verdict = ANY($2::varchar[]) GROUP BY batch_id"""
_OUTCOMES: Final = """SELECT outcome, count(*)::int AS rows FROM batch_rows
WHERE batch_id = $1 AND outcome IS NOT NULL GROUP BY outcome ORDER BY outcome"""


class SheetState(StrEnum):
    """Where a sheet is."""

    READING = "READING"
    JUDGED = "JUDGED"  # it waits for somebody's yes
    APPLYING = "APPLYING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


def readable(principal: Principal) -> QuerySet[Batch]:
    """Sheets speak of any store: those that somebody may see who may in all of them. Raises Forbidden."""
    principal.require_everywhere(*_SEEING)
    return Batch.filter(merchant_id=principal.merchant_id)


def rows_of(batch_id: UUID, verdicts: Sequence[RowVerdict] = (), outcomes: Sequence[str] = ()) -> QuerySet[BatchRow]:
    """The rows, of these verdicts and outcomes where some are named."""
    found = BatchRow.filter(batch_id=batch_id)
    if verdicts:
        found = found.filter(verdict__in=list(verdicts))
    return found.filter(outcome__in=list(outcomes)) if outcomes else found


async def totals(batch_id: UUID) -> Sequence[Mapping[str, Any]]:
    """How many rows, and how much (minor units), by verdict, currency and store."""
    return await rows(_TOTALS, batch_id)


async def going(batch_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many rows of each would be done, or were to be; one that has none is left out."""
    return {row["batch_id"]: row["rows"] for row in await rows(_GOING, list(batch_ids), list(WILL_BE_DONE))}


async def outcomes(batch_id: UUID) -> Mapping[str, int]:
    """How many rows have come to what."""
    return {row["outcome"]: row["rows"] for row in await rows(_OUTCOMES, batch_id)}


async def create(principal: Principal, file_id: UUID, key: str, cause: Cause) -> Batch:
    """Hand a sheet in that was uploaded; a job judges it. The same `key` again gives what is there.

    Raises Forbidden, NotFound, InvalidInput, RateLimited, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.REFUND, Permission.REGISTER_PAYMENT)
    file = await File.get_or_none(id=file_id, merchant_id=principal.merchant_id, purpose__in=list(KINDS))
    if file is None or file.stored_at is None or file.sealed_key is None:
        raise NotFound(
            f"There is no such file of a purpose {' or '.join(KINDS)} that has come.", path=["input", "fileId"]
        )
    kind = KINDS[file.purpose]
    principal.require_everywhere(NEEDED[kind])
    batch_id = uuid4()
    async with transaction():
        stored = await idempotency.claim(principal.merchant_id, CREATE, key, {"file": str(file_id)}, batch_id, cause)
        if stored is None:
            await _check_waiting(principal.merchant_id)
            await _create(batch_id, principal, file, kind, cause)
            facts = {"file": str(file_id), "kind": kind.value, "name": file.name}
            await deeds.note(principal.merchant_id, CREATE, Of(OBJECT, batch_id), cause, deeds.changed({}, facts))
    await bell.ring(bell.BATCH, stored or batch_id, queue=bell.BATCH_QUEUE)
    return await Batch.get(id=stored or batch_id)


async def _check_waiting(merchant_id: UUID) -> None:
    await lock_name(f"batches/{merchant_id}")
    waiting = Batch.filter(merchant_id=merchant_id, state__in=[SheetState.READING, SheetState.APPLYING])
    if await waiting.count() >= _WAITING_MAX:
        raise RateLimited(f"{_WAITING_MAX} sheets are in hand; let those come to their end first.", retry_after=60)


async def _create(batch_id: UUID, principal: Principal, file: File, kind: SheetKind, cause: Cause) -> None:
    await Batch.create(
        id=batch_id,
        merchant_id=principal.merchant_id,
        kind=kind.value,
        file_id=file.id,
        name=file.name,
        state=SheetState.READING.value,
        due_at=datetime.now(UTC) - timedelta(seconds=1),
        created_by=principal.holder[:200],
        party=principal.party,
        person_id=principal.person_id,
        token_id=cause.by.token_id or (principal.token_id if principal.person_id is None else None),
        session_id=cause.by.session_id,
        request_id=cause.request_id[:64],
    )


async def confirm(principal: Principal, batch_id: UUID, digest: str, cause: Cause) -> Batch:
    """The yes by which a judged sheet is worked off; `digest` of what was seen. Again by the same: nothing more.

    A large one takes another person than who handed it in, with APPROVE in all stores (of payments, REGISTER_PAYMENT).
    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    async with transaction():
        row = await _held(principal, batch_id)
        if (
            row.state in (SheetState.APPLYING, SheetState.DONE)
            and row.confirmed_by_id == principal.party
            and row.digest == digest
        ):
            return row
        if row.state != SheetState.JUDGED:
            raise InvalidState("It does not wait for a yes.", path=_PATH, current_state=row.state)
        if digest.strip().lower() != row.digest:
            raise InvalidInput("This is another sheet's digest: look at its rows first.", path=["input", "digest"])
        await _check_may(principal, row)
        if await execute(_CONFIRM, row.id, principal.holder[:200], principal.party) != 1:
            raise RuntimeError("The sheet was not confirmed: it is behind the wall.")
        told: dict[str, Any] = {"digest": row.digest, "handed_in_by": row.created_by, "rows": row.rows_total}
        facts = {name: [None, one] for name, one in told.items()}
        await _note(row, CONFIRM, cause, {"state": [row.state, SheetState.APPLYING.value], **facts})
    await bell.ring(bell.BATCH, row.id, queue=bell.BATCH_QUEUE)
    await bell.wake(bell.batch_channel(row.id))
    return await Batch.get(id=row.id)


async def is_confirmed(merchant_id: UUID, batch_id: UUID) -> bool:
    """Whether the yes was said already: again, it begins nothing."""
    return await Batch.exists(id=batch_id, merchant_id=merchant_id, confirmed_at__isnull=False)


async def _check_may(principal: Principal, row: Batch) -> None:
    is_own = await vouching.is_same(principal, row.party, row.created_at) or same_person(
        row.created_by, principal.holder
    )
    by_two = row.by_two
    if by_two is None and is_own:
        principal.require_everywhere(NEEDED[SheetKind(row.kind)])
        # One at a time of a merchant: of two parts that are confirmed at once, the second sees the first.
        await lock_name(f"batches/{row.merchant_id}")
        by_two = await limits.why_two_now(row, await vouching.all_hands(principal))
        if by_two is None:
            return
    if is_own:
        raise Forbidden(
            f"You handed it in yourself, and another person must confirm it. {by_two} If there is nobody else, "
            f"invite a second person (personInvite with the role APPROVER); {vouching.ADVICE}.",
            path=_PATH,
        )
    if await second.suspended([row.party]):
        raise InvalidState(
            "Whoever handed it in is suspended by now: hand it in anew, then another person confirms it.",
            path=_PATH,
            current_state="SUSPENDED",
        )
    other = Permission.APPROVE if row.kind == SheetKind.REFUNDS else Permission.REGISTER_PAYMENT
    principal.require_everywhere(other)


async def cancel(principal: Principal, batch_id: UUID, cause: Cause) -> Batch:
    """Call it off, before or while it is worked off; what was asked for by then stays asked for.

    Raises Forbidden, NotFound, InvalidState.
    """
    async with transaction():
        row = await _held(principal, batch_id)
        if row.state == SheetState.CANCELED:
            return row
        if await execute(_CANCEL, row.id, principal.holder[:200]) != 1:
            raise InvalidState("It has come to its end.", path=_PATH, current_state=row.state)
        await _note(row, CANCEL, cause, {"state": [row.state, SheetState.CANCELED.value]})
    await bell.wake(bell.batch_channel(row.id))
    return await Batch.get(id=row.id)


async def _held(principal: Principal, batch_id: UUID) -> Batch:
    """Locked. Raises Forbidden, NotFound."""
    principal.require_everywhere(Permission.REFUND, Permission.REGISTER_PAYMENT, Permission.APPROVE)
    mine = Batch.filter(id=batch_id, merchant_id=principal.merchant_id)
    row = await mine.select_for_update(no_key=True).get_or_none()
    if row is None:
        raise NotFound("There is no such sheet; batches lists yours.", path=_PATH)
    return row


async def _note(row: Batch, operation: str, cause: Cause, changes: Mapping[str, list[Any]]) -> None:
    await deeds.note(row.merchant_id, operation, Of(OBJECT, row.id), cause, {"name": [None, row.name], **changes})


# As a job


async def begun(row: Batch) -> bool:
    """Take it in hand for as long as the lease lasts. False: somebody else has it, or nothing is to be done."""
    taken = await execute(_BEGIN, row.id, LEASE)
    await row.refresh_from_db()
    return bool(taken)


async def asker(row: Batch) -> tuple[Principal | None, Cause]:
    """Who has handed it in, with what they may do now (None: they are not there any more), as the cause of its rows."""
    who = await principal_again(row.merchant_id, row.created_by, row.party, row.person_id, row.token_id)
    by = Doer(token_id=row.token_id, person_id=row.person_id, session_id=row.session_id)
    return who, Cause(row.request_id, row.created_by, row.party, by)


async def fail(row: Batch, why: str) -> None:
    """It ends, in these words."""
    await execute(_FAIL, row.id, why.replace("\x00", "")[:500])
    await bell.wake(bell.batch_channel(row.id))


async def again(row: Batch, why: str) -> None:
    """It has its turn later, or ends where it has had enough of them."""
    if row.tries >= TRIES_MAX:
        await fail(row, why)
    else:
        await execute(_LATER, row.id)
