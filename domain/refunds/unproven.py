"""A payment whose PSE cannot say whether it is one: a second person says yes to the refund of it, or it does not go."""

from uuid import UUID

from domain.cause import Cause
from domain.models import Approval, Refund
from domain.models.refunds import State
from domain.refunds import current_destination
from domain.refunds.approvals import asking, defaults, needs
from domain.refunds.approvals.rules import Need, Step
from domain.refunds.moves import Note, move

CODE = defaults.UNPROVEN_PAYMENT


async def is_approved(refund: Refund, *, but: UUID | None = None) -> bool:
    """Whether a second person has said yes to a refund of an unproven payment; `but`: another one than this person."""
    row = await needs.current(refund.id)
    if row is None or row.met_at is None or CODE not in {need.rule for need in needs.wanted_of(row)}:
        return False
    said = await Approval.filter(needs_id=row.id, decision="YES")
    return but is None or not any(but in (one.decided_by_id, one.delegated_by_id) for one in said)


async def wait_for_another(refund: Refund, why: str, cause: Cause) -> None:
    """Take a locked refund that waits for its PSE's word to where a second person says yes to it, or no."""
    wanted = (Need(CODE, why, (Step(defaults.APPROVE),)),)
    await asking.keep(refund, await current_destination.of(refund.id), wanted)
    note = Note("AWAITING_APPROVAL", CODE, why, detail={"needs": needs.told(wanted)})
    await move(refund, State.AWAITING_APPROVAL, cause, note, due_in=None)
    await needs.wait(refund.id, needs.seconds_of(wanted))
