"""News of a refund that has ended, which is not believed at once: it may be older, or fit nothing that is known."""

from typing import Final

from domain.models import Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.pse.vocabulary import Declined, InDoubt, Outcome, Succeeded, Unsent
from domain.refunds import corrected, paid_after_end, schedule
from domain.refunds.doubt_table import can_be_asked
from domain.refunds.news import Door, Source

_CAN_BE_ASKED: Final = (State.FAILED, State.CANCELED, State.EXPIRED, State.REJECTED)  # they ended, and wait for nobody


async def asked_before_it_is_booked(refund: Refund, source: Source) -> bool:
    """Whether the PSE is asked first: a webhook may be older than the end that it contradicts."""
    return source.door is Door.NOTICE and refund.state in _CAN_BE_ASKED and await can_be_asked(refund)


async def unlike_what_others_said(refund: Refund, outcome: Outcome, source: Source) -> InDoubt | None:
    """The PSE's word about an end that it had not told itself, or under another name, where the two do not fit."""
    if await _has_a_second_name(refund, outcome, source):
        assert isinstance(outcome, Succeeded), "Only money that left has a name here."
        one, other = refund.pse_refund_reference, outcome.pse_refund_reference
        return InDoubt("SECOND_NAME", f"It calls it {one}, and says of {other} that it was paid, too.")
    if source.door is not Door.LOOK_UP:
        return None
    if refund.state is State.SUCCEEDED and isinstance(outcome, Unsent) and await _ended_by(refund, Door.PERSON):
        return InDoubt("UNKNOWN_AFTER_END", "It does not know the refund that people said it had paid.")
    if refund.state is State.RETURNED and isinstance(outcome, Succeeded) and await _ended_by(refund, Door.REPORT):
        return InDoubt("STILL_PAID", "It was paid and has not come back, as far as it knows.")
    return None


async def _has_a_second_name(refund: Refund, outcome: Outcome, source: Source) -> bool:
    """Whether a refund that was paid under one name of the PSE's is told to be paid under another one."""
    if refund.state is not State.SUCCEEDED or not isinstance(outcome, Succeeded) or source.door is Door.REPORT:
        return False
    names = (None, refund.reference, refund.pse_refund_reference)
    if refund.pse_refund_reference is None or outcome.pse_refund_reference in names:
        return False
    return not await corrected.named_by_people(refund)


async def _ended_by(refund: Refund, door: Door) -> bool:
    """Whether its state was told by that door alone."""
    found = await rows(
        "SELECT coalesce(bool_or(state = $2 AND previous_state <> state AND detail ->> 'door' = $3), false) "
        "  AND NOT bool_or(kind = 'RETURN_CONFIRMED') AS alone FROM events WHERE refund_id = $1",
        refund.id,
        refund.state.value,
        door.value,
    )
    return bool(found[0]["alone"])


async def asked_before_it_is_given_back(refund: Refund, outcome: Outcome, source: Source) -> bool:
    """Whether the PSE is asked first: a refusal may be older than the news, which is booked, that it was paid."""
    refused = source.door is Door.REPORT and isinstance(outcome, Declined)
    if (
        not (refused or source.door is Door.NOTICE)
        or not await paid_after_end.stands(refund, outcome)
        or not await can_be_asked(refund)
    ):
        return False
    await schedule.postpone(refund.id, 0)
    return True


async def may_be_older(refund: Refund, outcome: Outcome, source: Source) -> bool:
    """Whether a refusal may be the one that had ended the refund, before it was paid after all: nobody can be asked."""
    told = source.door in (Door.NOTICE, Door.ANSWER, Door.REPORT) and isinstance(outcome, Declined)
    return told and await paid_after_end.stands(refund, outcome)
