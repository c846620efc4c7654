"""The table of doubt: what "never sent" and "unknown" may be believed to mean."""

from typing import Final

from domain.connections import connections
from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.pse.capabilities import Capability, LookUp
from domain.pse.registry import capability
from domain.pse.vocabulary import Declined, InDoubt, Outcome, Returned, Unsent
from domain.refunds import corrected, schedule
from domain.refunds.news import Door, Source
from domain.refunds.states import AT_THE_PSE

UNKNOWN_AGAIN: Final = "UNKNOWN_AGAIN"  # the code of "unknown" that is not believed, however often it is said


async def weighed(refund: Refund, outcome: Outcome, source: Source) -> Outcome:
    """The outcome as it may be believed."""
    if isinstance(outcome, Declined | Returned) and await _of_another_name(refund, outcome, source):
        said = (
            f"The PSE calls it {refund.pse_refund_reference}; of {outcome.pse_refund_reference} it says {outcome.code}."
        )
        return InDoubt("OTHER_NAME", f"{said} {outcome.message}"[:500], needs_person=True)
    if not isinstance(outcome, Unsent):
        return outcome
    if source.door is Door.ANSWER:
        # This send never left, but an earlier one may have: the doubt stays.
        return InDoubt(outcome.code, outcome.message) if refund.doubt_since is not None else outcome
    if source.door is not Door.LOOK_UP:
        return outcome
    return await _weigh_unknown(refund, outcome, source)


async def _of_another_name(refund: Refund, outcome: Declined | Returned, source: Source) -> bool:
    """Whether the PSE itself has another name for the refund than that of which it says "not paid" or "came back".

    It may hold two under our reference, of which the other one is paid. Of an ended refund it moves nothing, and what a
    report's line proves is the night's to say.
    """
    told = outcome.pse_refund_reference
    if told is None or refund.pse_refund_reference in (None, told) or source.door in (Door.REPORT, Door.PERSON):
        return False
    may_move = refund.state in AT_THE_PSE or refund.state is State.SUCCEEDED
    return may_move and not await corrected.named_by_people(refund)


async def _weigh_unknown(refund: Refund, outcome: Unsent, source: Source) -> Outcome:
    found = await rows(
        "SELECT number, ended_at, refusal, code, message FROM attempts WHERE refund_id = $1 "
        "ORDER BY number DESC LIMIT 1",
        refund.id,
    )
    if not found or source.asked_at is None:
        return outcome
    (last,) = found
    able = await capability_of(refund)
    # The bytes left some time between the claim (sent_at) and the end of the attempt: the grace counts from its end.
    if last["number"] != source.attempt or last["ended_at"] is None:
        return InDoubt("UNKNOWN_YET", "The PSE does not know it yet, and the send has not ended.")
    sends = await schedule.sends_of(refund.id)
    if source.asked_at < sends.known_by(able):
        return InDoubt("UNKNOWN_YET", "The PSE does not know it yet; this is believed only after its grace.")
    if refund.needs_person_since is not None and await _was_seen(refund):
        return InDoubt(UNKNOWN_AGAIN, "It had the order before, and does not know it now.", needs_person=True)
    if last["refusal"] and sends.count > 1:
        # It may be refused because an earlier send was taken, which a look-up that lags does not show yet.
        return InDoubt(UNKNOWN_AGAIN, "It refused the order when it was sent again; the first may have arrived.")
    if last["refusal"] and refund.state in AT_THE_PSE:
        return Declined(last["code"] or outcome.code, last["message"] or outcome.message)
    why = sends.why_not_again(able, refund.pse_refund_reference)
    if why is not None and refund.state in (State.REQUESTED, State.SUBMITTED):
        return InDoubt(UNKNOWN_AGAIN, f"The PSE does not know it. {why}", needs_person=True)
    return outcome


async def _was_seen(refund: Refund) -> bool:
    """Whether a person was called for what the PSE itself had told of the order."""
    return bool(
        await rows(
            "SELECT 1 AS one FROM events WHERE refund_id = $1 AND kind = 'NEEDS_PERSON' AND code <> 'DOUBT_UNRESOLVED' "
            "LIMIT 1",
            refund.id,
        )
    )


async def capability_of(refund: Refund) -> Capability:
    """What the refund's PSE can do for its payment's method."""
    payment = await Payment.get(id=refund.payment_id)
    return capability(await connections.pse_of(refund.connection_id), payment.method)


async def can_be_asked(refund: Refund) -> bool:
    """Whether the PSE can be asked about a refund that has ended: a listing without names tells only of doubt."""
    able = await capability_of(refund)
    nameless = able.look_up is LookUp.BY_LISTING and refund.pse_refund_reference is None
    return able.can_ask(refund.pse_refund_reference) and not nameless
