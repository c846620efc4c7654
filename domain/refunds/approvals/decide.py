"""Somebody's yes or no to a refund, bound to its amount and destination: any change of them needs a new one.

All of it under the refund's lock: two who say yes at once are two, one who says it twice is one, and what was edited,
withdrawn or has expired meanwhile is not what was decided on.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from domain.access import vouching
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.history import events
from domain.models import Approval, ApprovalNeeds, Refund
from domain.models import Destination as Row
from domain.models.refunds import State
from domain.money import Money
from domain.platform.database import transaction
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.refunds import current_destination
from domain.refunds.approvals import involved, needs, rights, weigh, who
from domain.refunds.approvals.rights import Right
from domain.refunds.approvals.weigh import Yes
from domain.refunds.find import find
from domain.refunds.moves import Note, announce, lock, move

NOTE_LENGTH_MAX = 500


async def approve(
    principal: Principal,
    refund_id: UUID,
    fingerprint: str | None,
    note: str | None,
    cause: Cause,
    amount: Money | None = None,
) -> Refund:
    """Say yes to the refund and to the destination of that fingerprint. When all have who are needed, it goes.

    `fingerprint` None: it has no destination. `amount`: what was seen; None: whatever it is.
    Raises Forbidden, NotFound, InvalidState, InvalidInput.
    """
    await _find(principal, refund_id)
    _check_note(note)
    async with transaction():
        refund = await lock(refund_id)
        destination = await current_destination.of(refund_id)
        _check_waits(refund)
        part = await involved.of(refund, destination)
        right = await _right(principal, refund, part)
        _check_seen(refund, destination, fingerprint, amount)
        row = await needs.of_locked(refund, fingerprint, part.parties)
        _check_in_time(refund, row)
        await _count_yes(refund, destination, row, right, part, note, cause)
    await announce(refund_id)
    return await Refund.get(id=refund_id)


async def reject(principal: Principal, refund_id: UUID, note: str, cause: Cause) -> Refund:
    """Say no: the refund ends, the amount is free again. Raises Forbidden, NotFound, InvalidState, InvalidInput."""
    await _find(principal, refund_id)
    if not note.strip():
        raise InvalidInput("note says why, for the one who asked.", path=["input", "note"])
    _check_note(note)
    async with transaction():
        refund = await lock(refund_id)
        destination = await current_destination.of(refund_id)
        _check_waits(refund)
        part = await involved.of(refund, destination)
        right = await _right(principal, refund, part)
        row = await needs.of_locked(refund, destination.fingerprint if destination else None, part.parties)
        await _keep(refund, destination, row, right, part, "NO", note)
        await move(refund, State.REJECTED, cause, Note("REJECTED", message=note), due_in=None)
    await announce(refund_id)
    return await Refund.get(id=refund_id)


def _check_note(note: str | None) -> None:
    if note is not None and len(note) > NOTE_LENGTH_MAX:
        raise InvalidInput(f"note takes at most {NOTE_LENGTH_MAX} characters.", path=["input", "note"])


async def _find(principal: Principal, refund_id: UUID) -> None:
    """The refund is there for whoever may approve it, and for whoever sees it and may have been lent the right."""
    scope = principal.scope(Permission.APPROVE, Permission.READ)
    await rights.check_may(principal)
    await find(scope, refund_id)


def _check_waits(refund: Refund) -> None:
    if refund.state is not State.AWAITING_APPROVAL:
        raise InvalidState(
            "Only a refund that waits for approval can be decided on.",
            path=["input", "refundId"],
            current_state=refund.state,
        )


def _check_in_time(refund: Refund, row: ApprovalNeeds) -> None:
    """Whatever the worker has come to: a yes after the end is none. Raises InvalidState."""
    if row.until <= datetime.now(UTC):
        raise InvalidState(
            "It was to be decided on before; it expires. Ask for the refund anew (refundRetry).",
            path=["input", "refundId"],
            current_state=refund.state,
        )


async def _right(principal: Principal, refund: Refund, part: involved.Involved) -> Right:
    """The right to decide: one's own, or a lent one; of nobody who has a part in it. Raises Forbidden."""
    right = await rights.of(principal, refund, part)
    if not part.has_hands(principal) and not (
        right.lender is not None and part.has(right.lender.party, right.lender.name)
    ):
        return right
    said = (
        "You, or the person whose right was lent to you, asked for this refund, named its account or made the "
        "customer's link or token; another person must decide. "
    )
    if not part.has(principal.party, principal.holder) and not principal.hands.isdisjoint(part.parties):
        said = f"Whoever has a part in this refund made a link by which you signed in, or did you: {vouching.ADVICE}. "
    advice = await who.advice(refund, part)
    raise Forbidden(said + (advice or ""), path=["input", "refundId"])


def _check_seen(refund: Refund, destination: Row | None, fingerprint: str | None, amount: Money | None) -> None:
    if fingerprint != (destination.fingerprint if destination is not None else None):
        raise InvalidState(
            "The destination is not the one that you saw; read the refund again and decide anew.",
            path=["input", "destinationFingerprint"],
            current_state=refund.state,
        )
    if amount is not None and amount != Money(refund.amount, refund.currency):
        raise InvalidState(
            f"The refund is of {Money(refund.amount, refund.currency)}, not of what you saw; read it again.",
            path=["input", "amount"],
            current_state=refund.state,
        )


async def _count_yes(
    refund: Refund,
    destination: Row | None,
    row: ApprovalNeeds,
    right: Right,
    part: involved.Involved,
    note: str | None,
    cause: Cause,
) -> None:
    wanted, given = needs.wanted_of(row), await needs.said_to(row)
    await _check_new(row, right)
    words = await rights.words(right, refund, {step.of for need in wanted for step in need.steps})
    open_now = weigh.open_words(wanted, given)
    if not words & open_now:
        turn = ", ".join(sorted(open_now))
        raise Forbidden(f"It takes the yes of somebody who has {turn} now; you do not.", path=["input", "refundId"])
    await _keep(refund, destination, row, right, part, "YES", note, words)
    given = [*given, Yes(words)]
    await needs.note_yes(row, wanted, given, {*(party for party, _ in right.people), *right.principal.hands})
    detail = {"under_the_right_of": right.lender.name} if right.lender is not None else {}
    if weigh.are_met(wanted, given):
        await move(refund, State.REQUESTED, cause, Note("APPROVED", message=note, detail=detail), due_in=0)
        return
    await events.note(refund, "APPROVAL_GIVEN", cause, message=note, detail=detail)


async def _check_new(row: ApprovalNeeds, right: Right) -> None:
    """Raises Forbidden where one of those whose yes this is has said it already."""
    said_by = set(row.barred_ids) & right.principal.hands
    for one in await Approval.filter(needs_id=row.id, decision="YES"):
        said = involved.Involved(
            frozenset(party for party in (one.decided_by_id, one.delegated_by_id) if party is not None),
            frozenset(name for name in (one.decided_by, one.delegated_by) if name),
        )
        if said_by or any(said.has(party, name) for party, name in right.people):
            raise Forbidden("You, or somebody under your right, said yes to it already.", path=["input", "refundId"])


async def _keep(
    refund: Refund,
    destination: Row | None,
    row: ApprovalNeeds,
    right: Right,
    part: involved.Involved,
    decision: str,
    note: str | None,
    words: frozenset[str] = frozenset(),
) -> None:
    await Approval.create(
        id=uuid4(),
        merchant_id=refund.merchant_id,
        refund_id=refund.id,
        needs_id=row.id,
        amount=refund.amount,
        currency=refund.currency,
        fingerprint=destination.fingerprint if destination else None,
        requested_by=refund.requested_by,
        requested_by_id=refund.requested_by_id,
        provided_by=destination.provided_by if destination else None,
        provided_by_id=destination.provided_by_id if destination else None,
        involved_ids=sorted(part.parties, key=str),
        decided_by=right.name,
        decided_by_id=right.party,
        delegated_by=right.lender.name if right.lender else None,
        delegated_by_id=right.lender.party if right.lender else None,
        counts_as=sorted(words),
        decision=decision,
        note=note,
    )
