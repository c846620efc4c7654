"""The one door for what a PSE says: an answer, a look-up, a webhook, a report line and a person's word come in here.

It moves the state, posts the entries and appends the event in one transaction; what agrees or comes late moves nothing.
"""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from domain.cause import Cause
from domain.findings import findings
from domain.models import Refund
from domain.models.refunds import State
from domain.payments import duplicated, external
from domain.platform import bell, metrics
from domain.platform.crash import crash_here
from domain.platform.database import execute, rows, transaction
from domain.platform.joined import columns, model_of
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, Declined, InDoubt, Outcome, Returned, Succeeded, Unsent
from domain.refunds import (
    call_person,
    corrected,
    doubted,
    intervals,
    learned,
    paid_after_end,
    pse_names,
    schedule,
    staying,
)
from domain.refunds.doubt_table import can_be_asked, capability_of, weighed
from domain.refunds.moves import Note, lock, move
from domain.refunds.news import Door, Recorded, Source, storable, words_of
from domain.refunds.states import AT_THE_PSE, SETTLED_FOR_NOW, Agrees, AskAgain, Contradiction, Move, Stay, decide
from domain.refunds.staying import CALL_SECONDS

_OUTCOME_NAMES: Final = {
    Accepted: "ACCEPTED",
    Succeeded: "SUCCEEDED",
    Declined: "DECLINED",
    Returned: "RETURNED",
    Unsent: "UNSENT",
    InDoubt: "IN_DOUBT",
}
_LOCK_AND_END: Final = """
WITH locked AS (SELECT * FROM refunds WHERE id = $1 FOR NO KEY UPDATE),
ended AS (UPDATE attempts a SET ended_at = now(), outcome = $3, code = $4, message = $5, refusal = $6 FROM locked
  WHERE a.refund_id = locked.id AND a.number = $2 AND a.ended_at IS NULL RETURNING a.id)
SELECT {locked}, EXISTS (SELECT 1 FROM ended) AS ended FROM locked"""
_EVENT_KINDS: Final = {State.REQUESTED: "UNSENT"}
_PAID_OR_BACK: Final = (State.SUCCEEDED, State.RETURNED)


async def record(refund_id: UUID, outcome: Outcome, source: Source, cause: Cause) -> Recorded:
    """Take in one outcome. Total: whatever is said in whatever state has a defined effect."""
    outcome = storable(outcome)
    async with transaction():
        if source.door is Door.ANSWER:
            refund, ended = await _lock_and_end_attempt(refund_id, outcome, source)
            if not ended:
                return await _refuse_stale(refund)
        else:
            refund = await lock(refund_id)
        before = refund.state
        recorded = await record_locked(refund, outcome, source, cause)
        crash_here("record.before_commit")
    crash_here("record.committed")
    _count(refund, before, recorded, source)
    await bell.wake(bell.refund_channel(refund_id))
    crash_here("record.woken")
    return recorded


def _count(refund: Refund, before: State, recorded: Recorded, source: Source) -> None:
    if recorded.state is before:
        return
    metrics.REFUND_MOVES.labels(recorded.state.value, source.door.value).inc()
    if recorded.state is State.SUCCEEDED:
        metrics.REFUND_SECONDS.observe((datetime.now(UTC) - refund.created_at).total_seconds())


async def record_locked(refund: Refund, outcome: Outcome, source: Source, cause: Cause) -> Recorded:
    """As `record`, inside the caller's transaction, which holds the refund's lock and wakes the readers afterwards."""
    before, name = refund.state, refund.pse_refund_reference
    outcome = await weighed(refund, await pse_names.unless_anothers(refund, outcome), source)
    if isinstance(outcome, Unsent) and source.asked_at is not None:
        await execute(
            "UPDATE refunds SET unknown_at = greatest(unknown_at, $2) WHERE id = $1",
            refund.id,
            source.asked_at,
        )
    await _correct_name(refund, outcome, source, cause)
    recorded = await _take_in(refund, outcome, source, cause)
    reference = getattr(outcome, "pse_refund_reference", None)
    if recorded.taken == 0:
        return recorded  # the payment is locked, and nothing of it was booked that could turn out to be this refund's
    given = False
    if reference is not None and reference != name:
        given = await external.give_to(refund, reference, cause)
    left = before in AT_THE_PSE and recorded.state in (State.SUCCEEDED, State.RETURNED)
    # A report gives its own line; what a person paid from the bank is no line's.
    if left and not given and source.door is not Door.REPORT and not refund.paid_by_bank_transfer:
        await external.give_unnamed_to(refund, cause)
    if recorded.taken:
        await duplicated.flag(refund.payment_id)
    return recorded


async def _correct_name(refund: Refund, outcome: Outcome, source: Source, cause: Cause) -> None:
    """What is told under another name than the refund's was found by our reference: only so may it correct people, or
    name a refund that only reports have told of.

    A report's lines do it themselves (learned.own_name), and a listing is compared by what it had before.
    """
    told = outcome.pse_refund_reference if isinstance(outcome, Succeeded | Returned) else None
    if told is None or told == refund.pse_refund_reference or source.door in (Door.REPORT, Door.PERSON):
        return
    if source.door is Door.LOOK_UP and (await capability_of(refund)).look_up is not LookUp.BY_REFERENCE:
        return
    is_unnamed = refund.pse_refund_reference is None and refund.state in _PAID_OR_BACK
    if is_unnamed and not refund.paid_by_bank_transfer and isinstance(decide(refund.state, outcome), Agrees):
        await learned.first_name(refund, told, cause)
    else:
        await corrected.name(refund, told, cause)


async def _lock_and_end_attempt(refund_id: UUID, outcome: Outcome, source: Source) -> tuple[Refund, bool]:
    """The refund, its row locked, and whether the attempt had not ended yet. The refund is locked first."""
    code, message = words_of(outcome)
    (found,) = await rows(
        _LOCK_AND_END.format(locked=columns(Refund, "locked")),  # by name: a column may be added while we run
        refund_id,
        source.attempt,
        _OUTCOME_NAMES[type(outcome)],
        code[:100] if code else None,
        message[:500] if message else None,
        isinstance(outcome, InDoubt) and outcome.refusal,
    )
    return model_of(Refund, found, "locked"), bool(found["ended"])


async def _refuse_stale(refund: Refund) -> Recorded:
    # The lease had passed and somebody else went on. What this worker heard is asked for again, not believed.
    await schedule.postpone(refund.id, CALL_SECONDS)
    return Recorded(refund.state, CALL_SECONDS, stale=True)


async def _take_in(refund: Refund, outcome: Outcome, source: Source, cause: Cause) -> Recorded:
    if refund.paid_by_bank_transfer and refund.state in _PAID_OR_BACK and source.door is not Door.PERSON:
        await paid_after_end.beside_a_transfer(refund, outcome, cause)
        await _rest(refund, source)
        return Recorded(refund.state, None)
    decision = decide(refund.state, outcome)
    match decision:
        case Move(state):
            return await _move(refund, state, outcome, source, cause)
        case Stay():
            return await staying.stay(refund, outcome, source, cause)
        case AskAgain() if isinstance(outcome, Accepted) and source.door in (Door.ANSWER, Door.REPORT):
            pass  # said before the end came, by another door
        case AskAgain() if isinstance(outcome, Accepted) and source.door is Door.LOOK_UP:
            return await _ask_later(refund, paid_after_end.works_on_it(outcome), cause)
        case AskAgain() if await can_be_asked(refund):
            await schedule.postpone(refund.id, CALL_SECONDS)
            return Recorded(refund.state, CALL_SECONDS)
        case AskAgain():
            doubt = paid_after_end.works_on_it(outcome) if isinstance(outcome, Accepted) else outcome
            await paid_after_end.open_unasked(refund, doubt, cause)
        case Contradiction() if await doubted.asked_before_it_is_booked(refund, source):
            await schedule.postpone(refund.id, CALL_SECONDS)
            return Recorded(refund.state, CALL_SECONDS)
        case Contradiction():
            await paid_after_end.book(refund, outcome, cause)
        case Agrees() if (unlike := await doubted.unlike_what_others_said(refund, outcome, source)) is not None:
            await paid_after_end.open_unasked(refund, unlike, cause)
        case Agrees() if isinstance(outcome, InDoubt) and outcome.needs_person:
            await paid_after_end.open_unasked(refund, outcome, cause)
        case Agrees() if isinstance(outcome, InDoubt) and source.door is Door.LOOK_UP:
            return await _ask_later(refund, outcome, cause)
        case Agrees() if await doubted.asked_before_it_is_given_back(refund, outcome, source):
            return Recorded(refund.state, CALL_SECONDS)
        case Agrees() if await doubted.may_be_older(refund, outcome, source):
            await paid_after_end.open_unasked(refund, outcome, cause)
        case Agrees():
            if source.door is Door.LOOK_UP and not isinstance(outcome, InDoubt):
                await paid_after_end.close_unasked(refund)
                await Refund.filter(id=refund.id).update(asks=0)  # the next silence is a new one
            await paid_after_end.confirm(refund, outcome, cause, by_report=source.door is Door.REPORT)
            await paid_after_end.give_back(refund, outcome, cause)
    if refund.state in SETTLED_FOR_NOW:
        await _rest(refund, source)
    return Recorded(refund.state, None)


async def _rest(refund: Refund, source: Source) -> None:
    # Only an answer calls off a question. News comes by itself: a worker that asks meanwhile may die before it is
    # answered, and what it was to ask about would be forgotten.
    if source.door not in (Door.NOTICE, Door.REPORT):
        await schedule.rest(refund.id)


async def _ask_later(refund: Refund, outcome: InDoubt, cause: Cause) -> Recorded:
    """A refund that has ended was asked about, mostly because of news, and the PSE gave no clear answer: ask again.

    At the schedule's end a person must look, and the next news begins it anew.
    """
    asks = refund.asks + 1
    if intervals.IN_DOUBT.ended(asks):
        await paid_after_end.open_unasked(refund, outcome, cause)
        await Refund.filter(id=refund.id).update(asks=0)
        await schedule.rest(refund.id)
        return Recorded(refund.state, None)
    await Refund.filter(id=refund.id).update(asks=asks)
    due_in = intervals.IN_DOUBT.delay(asks - 1)
    await schedule.postpone(refund.id, due_in, keep_rung=True)
    return Recorded(refund.state, due_in)


async def _move(refund: Refund, to: State, outcome: Outcome, source: Source, cause: Cause) -> Recorded:
    code, message = words_of(outcome)
    news = Note(
        kind=_EVENT_KINDS.get(to, to.value),
        code=code,
        message=message,
        pse_refund_reference=getattr(outcome, "pse_refund_reference", None),
        succeeded_at=outcome.at if isinstance(outcome, Succeeded) else None,
        detail={"door": source.door.value, "attempt": source.attempt},
    )
    due_in = staying.due_after(refund, to, source)
    taken = await move(refund, to, cause, news, due_in=due_in, keep_rung=True)
    if to is State.REQUESTED:
        await staying.count_unsent(refund, code, message)
    else:
        await _close_findings(refund, to)
    return Recorded(to, due_in, taken=taken)


async def _close_findings(refund: Refund, to: State) -> None:
    said = call_person.closed_by_its_word(refund, to)
    if to in SETTLED_FOR_NOW:
        said |= call_person.closed_by_its_decision(refund, to) | paid_after_end.closed_where_it_fits(refund)
    await findings.resolve_of(refund.merchant_id, refund.id, said)
