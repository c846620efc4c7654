"""What becomes of a refund that nothing moves: when it has its turn again, and who is told."""

from typing import Final
from uuid import UUID

from tortoise.expressions import F

from domain.cause import WORKER, Cause
from domain.history import events
from domain.models import Refund
from domain.models.refunds import State
from domain.platform.database import execute, transaction
from domain.pse.vocabulary import Accepted, InDoubt, Outcome
from domain.refunds import call_person, intervals, paid_after_end, put_off, schedule
from domain.refunds.doubt_table import UNKNOWN_AGAIN, capability_of
from domain.refunds.moves import Note, lock
from domain.refunds.news import Door, Recorded, Source

_UNSENT_TRIES_FINDING: Final = 9
CALL_SECONDS: Final = 0.0


def due_after(refund: Refund, to: State, source: Source) -> float | None:
    """Seconds until a refund that has come to that state has its turn; None: it has none by itself."""
    if to is State.PENDING:
        return intervals.PENDING.delay(0)
    if to is State.REQUESTED:
        # Asked and unknown for the first time: send again now. Else the PSE is in trouble: wait longer each time.
        first = source.door is Door.LOOK_UP and refund.unsent == 0
        return CALL_SECONDS if first else intervals.UNSENT.delay(refund.unsent)
    return None


async def not_sent(refund_id: UUID, code: str, message: str, held: Note | None = None) -> Recorded:
    """What must come before the first send failed, so nothing was sent: try again by the schedule.

    `held`: why it waits, as its history says once.
    """
    async with transaction():
        refund = await lock(refund_id)
        if refund.state is not State.REQUESTED:
            return Recorded(refund.state, None)
        if held is not None:
            await put_off.note_held(
                refund, Cause(refund.request_id, WORKER), held.code or code, held.message or message
            )
        await count_unsent(refund, code, message)
        due_in = intervals.UNSENT.delay(refund.unsent)
        await schedule.postpone(refund_id, due_in, keep_rung=True)
    return Recorded(refund.state, due_in)


async def count_unsent(refund: Refund, code: str | None, message: str | None) -> None:
    """Once more nothing left; after some times a person is told."""
    await Refund.filter(id=refund.id).update(unsent=F("unsent") + 1)
    if refund.unsent + 1 == _UNSENT_TRIES_FINDING:
        await call_person.open_not_sent(refund, refund.unsent + 1, f"{code} {message}")


async def stay(refund: Refund, outcome: Outcome, source: Source, cause: Cause) -> Recorded:
    """Nothing is decided: remember the PSE's reference, note fresh doubt, and ask again by the schedule."""
    reference = getattr(outcome, "pse_refund_reference", None)
    if reference is not None and refund.pse_refund_reference is None:
        await Refund.filter(id=refund.id).update(pse_refund_reference=reference)
    if source.door is Door.ANSWER and isinstance(outcome, InDoubt):
        await note_doubt(refund, outcome, cause)
    if isinstance(outcome, InDoubt) and outcome.needs_person:
        code = call_person.NOBODY_KNOWS if outcome.code == UNKNOWN_AGAIN else outcome.code
        await call_person.call_person(refund, cause, outcome.message, keep_rung=True, code=code)
        return Recorded(refund.state, intervals.ESCALATION_SECONDS)
    in_doubt = source.door is Door.LOOK_UP and isinstance(outcome, InDoubt)
    if refund.state is State.MANUAL and isinstance(outcome, Accepted):
        await paid_after_end.open_unasked(refund, paid_after_end.works_on_it(outcome), cause)
    if refund.state is State.MANUAL or (refund.state is State.REQUESTED and not in_doubt):
        # Whoever asked learned nothing new: REQUESTED keeps its own turn, MANUAL waits for a person.
        due_in = CALL_SECONDS if refund.state is State.REQUESTED else None
        await schedule.postpone(refund.id, due_in)
        return Recorded(refund.state, due_in)
    return await reschedule(refund, source, cause)


async def note_doubt(refund: Refund, outcome: InDoubt, cause: Cause) -> None:
    """Its history says that it is in doubt from now on, and the asking begins."""
    await execute("UPDATE refunds SET doubt_since = coalesce(doubt_since, now()), asks = 0 WHERE id = $1", refund.id)
    refund.asks = 0
    await events.note(refund, "IN_DOUBT", cause, code=outcome.code, message=outcome.message)


async def reschedule(refund: Refund, source: Source, cause: Cause) -> Recorded:
    """It is asked for again by the schedule; where that has ended a person is told."""
    interval = intervals.PENDING if refund.state is State.PENDING else intervals.IN_DOUBT
    if source.door is Door.LOOK_UP:
        refund.asks += 1
        await Refund.filter(id=refund.id).update(asks=refund.asks)
    tries = await tries_of(refund, source)
    if interval.ended(tries):
        if refund.state is State.PENDING:
            await call_person.open_overdue(refund)
        else:
            said = "The PSE was asked for a day and gave no clear answer."
            await call_person.call_person(refund, cause, said, keep_rung=True)
    due_in = interval.delay(tries)
    await schedule.postpone(refund.id, due_in, keep_rung=True)
    return Recorded(refund.state, due_in)


async def tries_of(refund: Refund, source: Source) -> int:
    """How often the schedule was used: look-ups, or sends of the same bytes where the PSE cannot be asked."""
    if source.attempt is None or refund.state is State.PENDING:
        return refund.asks
    if (await capability_of(refund)).can_ask(refund.pse_refund_reference):
        return refund.asks
    return source.attempt - 1
