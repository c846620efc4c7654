"""A second person's yes or no (four eyes), bound to the destination as it is: any change of it needs a new one."""

from uuid import UUID, uuid4

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.models import Approval, Refund
from domain.models import Destination as Row
from domain.models.refunds import State
from domain.platform.database import transaction
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.refunds.approvals import involved
from domain.refunds.destination import destinations
from domain.refunds.find import find
from domain.refunds.moves import Note, lock, move

NOTE_LENGTH_MAX = 500


async def approve(principal: Principal, refund_id: UUID, fingerprint: str, note: str | None, cause: Cause) -> Refund:
    """Say yes to the refund and to the destination of that fingerprint: it is cleared to go.

    Raises Forbidden, NotFound, InvalidState, InvalidInput.
    """
    return await _decide(principal, refund_id, fingerprint, note, cause, yes=True)


async def reject(principal: Principal, refund_id: UUID, note: str, cause: Cause) -> Refund:
    """Say no: the refund ends, the amount is free again. Raises Forbidden, NotFound, InvalidState, InvalidInput."""
    if not note.strip():
        raise InvalidInput("note says why, for the one who asked.", path=["input", "note"])
    return await _decide(principal, refund_id, None, note, cause, yes=False)


async def _decide(
    principal: Principal, refund_id: UUID, fingerprint: str | None, note: str | None, cause: Cause, *, yes: bool
) -> Refund:
    scope = principal.scope(Permission.APPROVE)
    if note is not None and len(note) > NOTE_LENGTH_MAX:
        raise InvalidInput(f"note takes at most {NOTE_LENGTH_MAX} characters.", path=["input", "note"])
    await find(scope, refund_id)
    async with transaction():
        refund = await lock(refund_id)
        destination = await _checked(principal, refund, fingerprint)
        part = await involved.of(refund, destination)
        await Approval.create(
            id=uuid4(),
            merchant_id=refund.merchant_id,
            refund_id=refund.id,
            amount=refund.amount,
            currency=refund.currency,
            fingerprint=destination.fingerprint,
            requested_by=refund.requested_by,
            requested_by_id=refund.requested_by_id,
            provided_by=destination.provided_by,
            provided_by_id=destination.provided_by_id,
            involved_ids=list(part.parties),
            decided_by=principal.holder,
            decided_by_id=principal.party,
            decision="YES" if yes else "NO",
            note=note,
        )
        to = State.REQUESTED if yes else State.REJECTED
        news = Note("APPROVED" if yes else "REJECTED", message=note)
        await move(refund, to, cause, news, due_in=0 if yes else None)
    await destinations.announce(refund_id)
    return await Refund.get(id=refund_id)


async def _checked(principal: Principal, refund: Refund, fingerprint: str | None) -> Row:
    destination = await destinations.current(refund.id)
    if refund.state is not State.AWAITING_APPROVAL or destination is None:
        raise InvalidState(
            "Only a refund that waits for approval can be decided on.",
            path=["input", "refundId"],
            current_state=refund.state,
        )
    if (await involved.of(refund, destination)).has(principal.party, principal.holder):
        raise Forbidden(
            "You asked for this refund, named its account or made the customer's link or token; another person must "
            "decide.",
            path=["input", "refundId"],
        )
    if fingerprint is not None and fingerprint != destination.fingerprint:
        raise InvalidState(
            "The destination is not the one that you saw; read the refund again and decide anew.",
            path=["input", "destinationFingerprint"],
            current_state=refund.state,
        )
    return destination
