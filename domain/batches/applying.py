"""Working a confirmed sheet off, row by row: each is claimed, asked for, and its outcome kept, in that order.

A row is asked for with the idempotency key that it was judged with, so whatever dies in between, what is asked for
again is what was asked for. Between the verdict and the claim others may have asked for the same: under a lock of the
payment it is counted again, and left out where there is more than was seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import structlog

from domain.access.principal import Principal
from domain.batches import batches, judging, known, refunding, registering, verdicts
from domain.batches.columns import SheetKind
from domain.batches.lines import Line
from domain.batches.registering import NamedPlaces
from domain.batches.verdicts import WILL_BE_DONE
from domain.cause import Cause
from domain.models import Batch, BatchRow, Event
from domain.money import Money
from domain.payments import register
from domain.platform import bell, idempotency
from domain.platform.alone import lock_name
from domain.platform.database import execute, rows, transaction, unavailable
from domain.platform.settings import Settings
from domain.problems import Problem
from domain.refunds import request
from domain.refunds.find import CREATE
from domain.refunds.request import NewRefund

_TELL_EACH: Final = 50
# The numbers (or none) of refunds of the payment and amount that have left or may, and of rows of other sheets that are
# being asked for (of one that has ended: while its worker may be in the middle of it); this very row is none of these.
_BESIDE: Final = """SELECT (SELECT min(b.number) FROM batch_rows b WHERE b.refund_id = r.id) AS number FROM refunds r
  WHERE r.payment_id = $1 AND r.amount = $2 AND r.state <> ALL($5::varchar[])
UNION ALL SELECT b.number FROM batch_rows b WHERE b.payment_id = $1 AND b.amount = $2 AND b.claimed_at IS NOT NULL
  AND b.outcome IS NULL AND b.id <> $3 AND (b.number IS NULL OR b.key <> $4) AND EXISTS (SELECT FROM batches a
    WHERE a.id = b.batch_id AND (a.state = 'APPLYING' OR a.ended_at > now() - $6::interval))"""
_CLAIM: Final = """UPDATE batch_rows SET claimed_at = now() WHERE id = $1 AND claimed_at IS NULL AND outcome IS NULL
  AND EXISTS (SELECT FROM batches b WHERE b.id = $2 AND b.state = 'APPLYING' AND b.tries = $3)"""
_KEEP: Final = """UPDATE batch_rows SET outcome = $2, outcome_code = $3, outcome_said = $4, refund_id = $5, at = now()
WHERE id = $1 AND outcome IS NULL"""
# Rows of which nothing was to be done: their verdict is their outcome.
_LEAVE: Final = """UPDATE batch_rows b SET outcome_code = b.code, outcome_said = b.said, at = now(),
  outcome = CASE b.verdict WHEN 'DONE' THEN 'ALREADY' WHEN 'DUPLICATE' THEN 'LEFT' ELSE 'REFUSED' END,
  refund_id = CASE b.verdict WHEN 'DONE' THEN (SELECT o.refund_id FROM batch_rows o WHERE o.key = b.key
    AND o.merchant_id = b.merchant_id AND o.refund_id IS NOT NULL ORDER BY o.id LIMIT 1) END
FROM batches a WHERE a.id = $1 AND a.state = 'APPLYING' AND b.batch_id = a.id AND b.outcome IS NULL
  AND b.verdict <> ALL($2::varchar[])"""
_FAR: Final = """UPDATE batches SET due_at = now() + $3::interval, changes = changes + 1,
  rows_done = (SELECT count(*) FROM batch_rows r WHERE r.batch_id = $1 AND r.outcome IS NOT NULL)
WHERE id = $1 AND state = 'APPLYING' AND tries = $2"""
# What is not asked for any more, and why. A row that a worker has claimed may have a refund: nothing is said of it.
_STOP: Final = """UPDATE batch_rows b SET outcome = 'REFUSED', outcome_code = 'FORBIDDEN', outcome_said = $3, at = now()
FROM batches a WHERE a.id = $1 AND a.state = 'APPLYING' AND a.tries = $2 AND b.batch_id = a.id AND b.outcome IS NULL
  AND b.claimed_at IS NULL"""
_GONE: Final = "Whoever handed it in may not do it any more."
_END: Final = """UPDATE batches SET state = 'DONE', due_at = NULL, ended_at = now(), changes = changes + 1,
  rows_done = (SELECT count(*) FROM batch_rows r WHERE r.batch_id = $1 AND r.outcome IS NOT NULL)
WHERE id = $1 AND state = 'APPLYING' AND tries = $2"""
_log = structlog.get_logger()


class RowOutcome(StrEnum):
    """What became of a row."""

    ASKED = "ASKED"  # there is a refund, which goes its way
    ALREADY = "ALREADY"  # it had been asked for, or registered, before
    REGISTERED = "REGISTERED"
    REFUSED = "REFUSED"
    LEFT = "LEFT"  # it looks like one that was asked for before, and nothing was done


@dataclass(frozen=True, slots=True)
class RowCame:
    """The outcome of one row."""

    outcome: RowOutcome
    said: str
    code: str | None = None
    refund_id: UUID | None = None


class _Overtaken(Exception):
    """It was called off, or another worker has it in hand."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One worker's turn of a sheet."""

    batch: Batch
    who: Principal
    cause: Cause
    secret: bytes
    places: NamedPlaces | None


async def apply(batch: Batch, settings: Settings) -> None:
    """Its turn as a job, after `begun`: each row that has no outcome yet; stopped at any point it is gone on with."""
    who, cause = await batches.asker(batch)
    if who is None:
        await _stop(batch)
        return
    try:
        read = await judging.read(batch, settings)
        places = await NamedPlaces.of(who) if batch.kind == SheetKind.PAYMENTS else None
    except Problem as problem:
        await batches.fail(batch, problem.message)
        return
    said = {line.row: line for line in read.lines}
    turn = _Turn(batch, who, cause, settings.secret_key, places)
    await execute(_LEAVE, batch.id, list(WILL_BE_DONE))
    left = await BatchRow.filter(batch_id=batch.id, outcome__isnull=True).order_by("row")
    try:
        for count, row in enumerate(left, start=1):
            # Who is suspended or demoted while the sheet is worked off sends no further row.
            if (now := (await batches.asker(batch))[0]) is None:
                await _stop(batch)
                return
            await _one(replace(turn, who=now), row, said[row.row])
            if count % _TELL_EACH == 0:
                await _tell(_FAR, batch, batches.LEASE)
        await _tell(_END, batch)
    except _Overtaken:
        return


async def _stop(batch: Batch) -> None:
    """The sheet ends, and each row that was not asked for says why."""
    await execute(_STOP, batch.id, batch.tries, _GONE)
    await batches.fail(batch, _GONE)


async def _tell(statement: str, batch: Batch, *more: Any) -> None:
    told = await execute(statement, batch.id, batch.tries, *more)
    await bell.wake(bell.batch_channel(batch.id))
    if told != 1:
        raise _Overtaken


async def _one(turn: _Turn, row: BatchRow, line: Line) -> None:
    """One row; what is wrong with it is its outcome, and no other row's."""
    came = await _claimed(turn, row)
    if came is None:
        came = await _done(turn, row, line)
    if await execute(_KEEP, row.id, came.outcome.value, came.code, came.said[:500], came.refund_id) != 1:
        raise _Overtaken


async def _claimed(turn: _Turn, row: BatchRow) -> RowCame | None:
    """Claim the row. None: it may be asked for, now or again. Raises _Overtaken.

    One that was claimed by a worker that died is looked at again: nobody saw a refund of it, and may have made one.
    """
    async with transaction():
        if row.payment_id is not None:
            await lock_name(f"asking/{row.payment_id}")
            found = await rows(_BESIDE, row.payment_id, row.amount, row.id, row.key, known.ENDED, batches.LEASE)
            beside = sum(_may_be(row.number, one["number"]) for one in found)
            if beside > row.seen and not await _is_own(turn, row):
                said = (
                    "The same was asked for since this sheet was judged: look, and hand the row in anew if it is meant."
                )
                return RowCame(RowOutcome.LEFT, said, "LIKELY_DUPLICATE")
        if row.claimed_at is None and await execute(_CLAIM, row.id, turn.batch.id, turn.batch.tries) != 1:
            raise _Overtaken
    return None


def _may_be(number: str | None, other: str | None) -> bool:
    """Whether what was asked for may be the same: it, or this, has no number of its own, or they are alike."""
    return number is None or other is None or verdicts.alike(number) == verdicts.alike(other)


async def _is_own(turn: _Turn, row: BatchRow) -> bool:
    """Whether what was asked for since is this very row, of the same sheet handed in twice: its key gives it back."""
    return await idempotency.is_known(turn.batch.merchant_id, CREATE, _key(row))


def _key(row: BatchRow) -> str:
    return f"batch-{row.key}"


async def _done(turn: _Turn, row: BatchRow, line: Line) -> RowCame:
    try:
        if turn.places is not None:
            return await _registered(turn, row, line, turn.places)
        return await _asked(turn, row, line)
    except Problem as problem:
        told = verdicts.problem_of(problem)
        return RowCame(RowOutcome.REFUSED, told.said, told.code)
    except Exception as error:
        if unavailable(error):
            raise
        _log.exception("batches.row_failed", batch=str(turn.batch.id), row=row.row)
        return RowCame(RowOutcome.REFUSED, f"It could not be done ({type(error).__name__}).", "INTERNAL")


async def _asked(turn: _Turn, row: BatchRow, line: Line) -> RowCame:
    assert row.payment_id is not None, "A row that goes has its payment."
    assert row.amount is not None, "And what was confirmed."
    new = NewRefund(
        row.payment_id,
        Money(row.amount, row.currency or ""),
        refunding.reason_of(line),
        line.get("note") or None,
        refunding.given_of(line),
    )
    made = await request.request(turn.who, new, _key(row), turn.cause, turn.secret)
    ours = not made.replayed or await _is_ours(turn, row, made.refund.id)
    outcome = RowOutcome.ASKED if ours else RowOutcome.ALREADY
    said = f"Refund {made.refund.reference} is {made.refund.state}."
    return RowCame(outcome, said, None, made.refund.id)


async def _is_ours(turn: _Turn, row: BatchRow, refund_id: UUID) -> bool:
    """Whether this row asked for the refund that is there already: its sheet died before the outcome was kept.

    Another sheet with the same row may have asked, at this very moment; the refund's first event says which one did.
    """
    if not await Event.filter(refund_id=refund_id, sequence=1, request_id=turn.cause.request_id).exists():
        return False
    return not await BatchRow.filter(batch_id=row.batch_id, key=row.key, refund_id__isnull=False).exists()


async def _registered(turn: _Turn, row: BatchRow, line: Line, places: NamedPlaces) -> RowCame:
    new = registering.new_of(line, places)
    made = await register.register(turn.who, new, _key(row), turn.cause, turn.secret)
    return RowCame(RowOutcome.REGISTERED, f"Payment {made.payment.pse_reference} is registered.")


def told(row: BatchRow) -> Mapping[str, str | None]:
    """The row in the last words that are known: its outcome's, else its verdict's."""
    if row.outcome is not None:
        return {"code": row.outcome_code, "said": row.outcome_said}
    return {"code": row.code, "said": row.said}
