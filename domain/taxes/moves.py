"""Moving a reversal: its state, its entry in the ledger and its findings, together or not at all.

Locks are taken in one order, as for a refund's own moves: the refund, its payment, the reversal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from domain.books import ledger
from domain.cause import Cause
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Payment, Refund, VatReversal
from domain.models.ledger import Entry
from domain.models.refunds import State
from domain.models.taxes import Booked, ReversalState
from domain.money import Money
from domain.problems import InvalidState, NotFound
from domain.taxes import posting, reversals
from domain.taxes.weigh import Review, Weighed

_PATH: Final = ["input", "reversalId"]
_FIELDS: Final = (
    "state", "reason", "booked", "sequence", "rule_id", "rules_version", "country", "regime", "event_on",
    "delivered_on", "cause", "buyer_identified", "due_on", "document_number", "document_on", "period", "note",
    "decided_by", "settled_on", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paper:
    """The document that takes a VAT back: its number, and the day of its issue."""

    number: str
    issued_on: date


async def hold(merchant_id: UUID, reversal_id: UUID) -> tuple[VatReversal, Refund]:
    """The reversal and its refund, locked with its payment until the transaction ends. Raises NotFound."""
    seen = await VatReversal.get_or_none(id=reversal_id, merchant_id=merchant_id)
    if seen is None:
        raise NotFound("There is no such VAT reversal; vatReversals lists yours.", path=_PATH)
    refund = await Refund.filter(id=seen.refund_id).select_for_update(no_key=True).get()
    await Payment.filter(id=seen.payment_id).select_for_update(no_key=True).get()
    return await VatReversal.filter(id=reversal_id).select_for_update(no_key=True).get(), refund


async def lock_refunds(refund_ids: Sequence[UUID]) -> list[Refund]:
    """These refunds, locked in one order until the caller's transaction ends, before any payment or reversal."""
    return await Refund.filter(id__in=list(refund_ids)).order_by("id").select_for_update(no_key=True)


async def document(reversal: VatReversal, paper: Paper, cause: Cause) -> None:
    """A tax document takes the VAT back: it is booked, once. Raises InvalidState.

    Where that would take back more than was declared on the sale (an earlier refund of it was documented and came
    back), it is left to a person.
    """
    if reversal.state in (ReversalState.DOCUMENTED, ReversalState.DECLARED):
        if (reversal.document_number, reversal.document_on) == (paper.number, paper.issued_on):
            return
        raise _refused(reversal, f"It is documented already, by {reversal.document_number}.")
    if not may_be_documented(reversal):
        raise _refused(reversal, "Only what is to be taken back can be documented.")
    if await posting.output_vat(reversal.payment_id) < reversal.amount:
        await _to_review(reversal, Review.EXCEEDS_DECLARED)
        return
    await posting.post(reversal, Entry.VAT_DOCUMENTED, cause, paper_on=paper.issued_on)
    reversal.state, reversal.booked, reversal.reason = ReversalState.DOCUMENTED, Booked.DOCUMENTED, None
    reversal.document_number, reversal.document_on = paper.number, paper.issued_on
    await _decided(reversal, cause)
    await _close(reversal, f"Tax document {paper.number} of {paper.issued_on} takes the VAT back.")


def may_be_documented(reversal: VatReversal) -> bool:
    """Whether a document can take it back now."""
    blocked = (Review.RETURNED_AFTER_DOCUMENT, Review.EXCEEDS_DECLARED)
    return reversal.state in reversals.OPEN and reversal.booked is Booked.NOTHING and reversal.reason not in blocked


async def undocument(reversal: VatReversal, refund: Refund, cause: Cause, why: str) -> None:
    """The document is gone (canceled, or revised): what it had booked is undone by adding."""
    if reversal.booked is not Booked.DOCUMENTED:
        return
    await posting.post(reversal, Entry.VAT_DOCUMENTED, cause, paper_on=reversal.document_on, undo=True)
    declared = reversal.period
    reversal.booked, reversal.settled_on = Booked.NOTHING, None
    reversal.document_number, reversal.document_on, reversal.period = None, None, None
    if refund.state is State.RETURNED:
        await _undone(reversal, cause, why)
        if declared:
            await _owed_again(reversal, refund, declared, f"{why} Amend the return of {declared}.")
        return
    reversal.state = ReversalState.NEEDS_REVIEW if declared else ReversalState.NEEDED
    reversal.reason = Review.DOCUMENT_CANCELED if declared else None
    await save(reversal)
    await reversals.open_finding(reversal, refund.reference, why)


async def lose(reversal: VatReversal, cause: Cause) -> None:
    """It can not be taken back: it is booked as lost. Raises InvalidState."""
    if reversal.state is ReversalState.NOT_RECOVERABLE:
        return
    check_losable(reversal)
    await posting.post(reversal, Entry.VAT_NOT_RECOVERABLE, cause)
    reversal.state, reversal.booked, reversal.reason = ReversalState.NOT_RECOVERABLE, Booked.LOST, None
    await _decided(reversal, cause)
    await _close(reversal, "The VAT is lost: it was written off.")


def check_losable(reversal: VatReversal) -> None:
    """Raises InvalidState where it is nothing that can be given up."""
    if reversal.state not in reversals.OPEN or reversal.booked is not Booked.NOTHING:
        raise _refused(reversal, "Only what is to be taken back can be written off.")


async def settle(reversal: VatReversal, found: Weighed, cause: Cause) -> None:
    """Bring a reversal that nothing documents to where it stands by rules and facts; what was lost can be found."""
    if found.state is ReversalState.NOT_RECOVERABLE:
        reversal.rule_id = found.rule.id if found.rule else None
        await lose(reversal, cause)
        await save(reversal)
        return
    if reversal.booked is Booked.LOST:
        await posting.post(reversal, Entry.VAT_NOT_RECOVERABLE, cause, undo=True)
        reversal.booked, reversal.settled_on = Booked.NOTHING, None
    reversal.state, reversal.reason, reversal.due_on = found.state, found.reason, found.due_on
    reversal.rule_id = found.rule.id if found.rule else None
    reversal.decided_by = cause.actor[:200]
    await save(reversal)


async def came_back(refund: Refund, cause: Cause) -> None:
    """The refund came back. Before a document there is nothing to take back any more; after it a person is called.

    Inside the caller's transaction, which has locked the refund and moved it.
    """
    found = await VatReversal.filter(refund_id=refund.id).select_for_update(no_key=True).get_or_none()
    if found is None or found.state is ReversalState.UNDONE:
        return
    if found.booked is Booked.DOCUMENTED:
        found.period = None if found.state is not ReversalState.DECLARED else found.period
        await _to_review(found, Review.RETURNED_AFTER_DOCUMENT)
        await findings.open_finding(_of_return(found, refund))
        return
    if found.booked is Booked.LOST:
        await posting.post(found, Entry.VAT_NOT_RECOVERABLE, cause, undo=True)
        found.booked, found.settled_on = Booked.NOTHING, None
    await _undone(found, cause, "The refund came back: its VAT need not be taken back any more.")


async def counter(reversal: VatReversal, refund: Refund, paper: Paper, cause: Cause) -> None:
    """A counter-document gives back what a document had taken of a refund that came back. Raises InvalidState.

    A return that took it back stays as it was filed: what is owed again stands in that of the counter-document.
    """
    if reversal.reason != Review.RETURNED_AFTER_DOCUMENT:
        raise _refused(reversal, "A counter-document is for a refund that came back after its document.")
    await posting.post(reversal, Entry.VAT_DOCUMENTED, cause, paper_on=paper.issued_on, undo=True)
    reversal.booked, reversal.settled_on = Booked.NOTHING, None
    reversal.document_number, reversal.document_on = paper.number, paper.issued_on
    said = f"Counter-document {paper.number} of {paper.issued_on} undoes it."
    await _undone(reversal, cause, said)
    if reversal.period is not None:
        again = f"{paper.issued_on:%Y-%m}"
        await _owed_again(reversal, refund, reversal.period, f"{said} Give it back in the return of {again}.")


async def _owed_again(reversal: VatReversal, refund: Refund, period: str, said: str) -> None:
    """A filed return took back what is owed again: that stays open until a person has said that it was declared so."""
    vat = Money(reversal.amount, reversal.currency)
    await findings.open_finding(
        Found(
            kind=FindingKind.VAT_DOCUMENT_DIFFERS,
            merchant_id=reversal.merchant_id,
            connection_id=reversal.connection_id,
            fingerprint=names.vat_declared(refund.id),
            amount=vat,
            explanation=f"The return of {period} took back {vat} of refund {refund.reference}, which came back. {said}",
            refund_id=refund.id,
            payment_id=refund.payment_id,
            detail={
                "ours": {"state": reversal.state.value},
                "theirs": {"period": period},
                "differs": ["state"],
            },
            action="Declare that the VAT is owed again, and resolve this finding with the return's number.",
            again=True,
        )
    )


def _of_return(reversal: VatReversal, refund: Refund) -> Found:
    return Found(
        kind=FindingKind.VAT_DOCUMENT_DIFFERS,
        merchant_id=reversal.merchant_id,
        connection_id=reversal.connection_id,
        fingerprint=names.vat_returned(refund.id),
        amount=Money(reversal.amount, reversal.currency),
        explanation=(
            f"Refund {refund.reference} came back after document {reversal.document_number} took its VAT back: a "
            "counter-document is needed."
        ),
        refund_id=refund.id,
        payment_id=refund.payment_id,
        detail={
            "ours": {"state": State.RETURNED.value},
            "theirs": {"document": reversal.document_number, "issued_on": str(reversal.document_on)},
            "differs": ["state"],
        },
        action="Issue the counter-document (a debit note), or cancel the note, and say so (vatReversalReview).",
    )


async def _to_review(reversal: VatReversal, reason: Review) -> None:
    reversal.state, reversal.reason = ReversalState.NEEDS_REVIEW, reason
    await save(reversal)


async def _undone(reversal: VatReversal, cause: Cause, said: str) -> None:
    reversal.state, reversal.reason, reversal.due_on = ReversalState.UNDONE, None, None
    reversal.decided_by = cause.actor[:200]
    await save(reversal)
    await _close(reversal, said)


async def _decided(reversal: VatReversal, cause: Cause) -> None:
    reversal.settled_on = await ledger.today(reversal.merchant_id)
    reversal.decided_by = cause.actor[:200]
    await save(reversal)


async def save(reversal: VatReversal) -> None:
    """Write what of a reversal may change."""
    await reversal.save(update_fields=list(_FIELDS))


async def _close(reversal: VatReversal, said: str) -> None:
    """Whatever was open about it is said to be done: it stays in step with the reversal."""
    refund_id = reversal.refund_id
    every = (
        names.vat(refund_id),
        names.vat_overdue(refund_id),
        names.vat_differs(refund_id),
        names.vat_returned(refund_id),
    )
    await findings.resolve_of(reversal.merchant_id, refund_id, dict.fromkeys(every, said))


def _refused(reversal: VatReversal, why: str) -> InvalidState:
    return InvalidState(f"{why} It is {reversal.state.value}.", path=_PATH, current_state=reversal.state.value)
