"""Money that left for a refund that had ended: the truth is booked in SUSPENSE, and given back if it comes back."""

from typing import Final

from domain.cause import Cause
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.history import events
from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.payments import external
from domain.platform.database import execute, rows
from domain.pse.vocabulary import Accepted, Declined, InDoubt, KnownRefund, Outcome, Returned, Succeeded
from domain.refunds.states import SETTLED_FOR_NOW

# The events of a return, or a failure, that the PSE itself has told as well.
CONFIRMED: Final = {State.RETURNED: "RETURN_CONFIRMED", State.FAILED: "FAILURE_CONFIRMED"}
TOLD_AGAIN: Final = "A report tells so again: it was given back in the books."
_FITS: Final = "The PSE's word fits the refund's end by now."
_LEFT = frozenset({State.SUCCEEDED, State.RETURNED})
_SAID: Final = {
    State.RETURNED: "The PSE itself says that it came back.",
    State.FAILED: "The PSE itself says that it failed.",
}


async def book(refund: Refund, outcome: Outcome, cause: Cause) -> None:
    """Money left for a refund that had ended: book it as taken, say so in the history, open a finding."""
    assert isinstance(outcome, Succeeded), "Only money that left contradicts an ended refund."
    payment, name = await Payment.get(id=refund.payment_id), outcome.pse_refund_reference
    if await external.book(payment, _as_known(refund, outcome), FindingKind.CONTRADICTION, cause):
        # Under that name a report may tell of the same money.
        await execute(
            "UPDATE refunds SET pse_refund_reference = coalesce(pse_refund_reference, $2) WHERE id = $1",
            refund.id,
            name,
        )
        # It is one money: that of its name, and only without one some that has no name.
        new = name if name != refund.pse_refund_reference else None
        if new is None or not await external.give_to(refund, new, cause):
            await external.give_unnamed_to(refund, cause)
        await events.note(
            refund,
            "CONTRADICTION",
            cause,
            code="PAID_AFTER_END",
            message="The PSE says the money left although the refund had ended; it is booked in SUSPENSE.",
        )


async def stands(refund: Refund, outcome: Outcome) -> bool:
    """Whether `outcome` would give back what is booked as taken for the refund."""
    if not isinstance(outcome, Declined | Returned) or refund.state not in SETTLED_FOR_NOW - _LEFT:
        return False
    name = await external.current(external.name_of(await Payment.get(id=refund.payment_id), refund.reference))
    return set(await external.booked_as(name)) == {name}


async def give_back(refund: Refund, outcome: Outcome, cause: Cause) -> None:
    """Money of a contradiction that came back is given back to the payment."""
    if not isinstance(outcome, Declined | Returned) or refund.state not in SETTLED_FOR_NOW - _LEFT:
        return
    payment = await Payment.get(id=refund.payment_id)
    if isinstance(outcome, Returned):
        # What came back had left: both are booked, or the news that it left would be believed when it comes late.
        gone = Succeeded(outcome.pse_refund_reference)
        await external.book(payment, _as_known(refund, gone), FindingKind.CONTRADICTION, cause)
    known = _as_known(refund, Declined("RETURNED", "It came back.", outcome.pse_refund_reference))
    await external.book(payment, known, FindingKind.CONTRADICTION, cause)


async def confirm(refund: Refund, outcome: Outcome, cause: Cause, *, by_report: bool) -> None:
    """The PSE itself says of a refund that only a report had returned, or had failed, that it is so: that no report can
    take away. Or, `by_report`, a report tells of the failure again (of a return: reconciliation/unreturned).

    What was booked as taken because no report told of it any longer is given back; what a line proves to have left
    after the failure is not. Inside the caller's transaction, which holds the refund's lock.
    """
    if not _confirms(refund.state, outcome) or (by_report and refund.state is State.RETURNED):
        return
    (known,) = await rows(
        "SELECT coalesce(bool_or(kind = $2), false) AS confirmed, coalesce(bool_or(state = $3 "
        "  AND previous_state <> state AND detail ->> 'door' = 'REPORT'), false) AS by_report, "
        "  $3 = 'FAILED' AND EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = $1 AND l.effect = 'TAKEN' "
        "    AND l.voided_at IS NULL) AS proven FROM events WHERE refund_id = $1",
        refund.id,
        CONFIRMED[refund.state],
        refund.state.value,
    )
    if known["confirmed"] or not known["by_report"] or known["proven"]:
        return
    payment = await Payment.filter(id=refund.payment_id).select_for_update(no_key=True).get()
    said = TOLD_AGAIN if by_report else _SAID[refund.state]
    await external.untell(payment, external.name_of(payment, refund.reference), said, cause)
    if not by_report:
        await events.note(refund, CONFIRMED[refund.state], cause, message=said)


def _confirms(state: State, outcome: Outcome) -> bool:
    if state is State.RETURNED:
        return isinstance(outcome, Declined | Returned)
    return state is State.FAILED and isinstance(outcome, Declined)  # what came back had not failed


async def beside_a_transfer(refund: Refund, outcome: Outcome, cause: Cause) -> None:
    """What the PSE says of a refund that a person has paid from the bank: its money is other money, and the bank's word
    is not the PSE's.
    """
    payment = await Payment.get(id=refund.payment_id)
    if isinstance(outcome, Returned):
        gone = Succeeded(outcome.pse_refund_reference)
        await external.book(payment, _as_known(refund, gone), FindingKind.CONTRADICTION, cause)
    if isinstance(outcome, Returned | Declined):
        back = Declined("RETURNED", "It came back.", outcome.pse_refund_reference)
        await external.book(payment, _as_known(refund, back), FindingKind.CONTRADICTION, cause)
    elif isinstance(outcome, Succeeded):
        if await external.book(payment, _as_known(refund, outcome), FindingKind.CONTRADICTION, cause):
            said = "The PSE says that it has paid this refund, too; that money is booked in SUSPENSE."
            await events.note(refund, "CONTRADICTION", cause, code="PAID_AFTER_END", message=said)
    elif isinstance(outcome, Accepted):
        await open_unasked(refund, works_on_it(outcome), cause)


def works_on_it(outcome: Accepted) -> InDoubt:
    """What "accepted" means for a refund that had ended, or that a person is about to pay."""
    code = outcome.code or "ACCEPTED_AFTER_END"
    return InDoubt(code, "The PSE has it and works on it: its money may leave yet.")


def closed_where_it_fits(refund: Refund) -> dict[str, str]:
    """The PSE's present word fits the refund's end: the findings of what did not are over, and how they are closed."""
    return {f"{names.AFTER_END}{refund.id}/": _FITS}


async def close_unasked(refund: Refund) -> None:
    """Close what did not fit the refund's end. It opens again if it is told again."""
    await findings.resolve_of(refund.merchant_id, refund.id, closed_where_it_fits(refund))


async def open_unasked(refund: Refund, outcome: Outcome, cause: Cause) -> None:
    """News that does not fit a refund's end, of which the PSE cannot be asked: nothing is booked, a person must look.

    Once per kind of news, however often it is told.
    """
    assert isinstance(outcome, Declined | InDoubt), "Other news is booked, asked about, or agrees."
    said = f"Refund {refund.reference} is {refund.state}, and the PSE says {outcome.code}: {outcome.message}"
    found = Found(
        kind=FindingKind.STATUS_MISMATCH,
        merchant_id=refund.merchant_id,
        connection_id=refund.connection_id,
        fingerprint=f"{names.AFTER_END}{refund.id}/{outcome.code}",
        amount=Money(refund.amount, refund.currency),
        explanation=f"{said} Nothing was booked: look at the PSE's back office.",
        refund_id=refund.id,
        payment_id=refund.payment_id,
    )
    new = await findings.open_finding(found)
    await findings.open_again([found], _FITS)
    if new is not None:
        await events.note(refund, "CONTRADICTION", cause, code=outcome.code, message=said)


def _as_known(refund: Refund, outcome: Succeeded | Declined) -> KnownRefund:
    return KnownRefund(
        reference=refund.reference,
        pse_refund_reference=outcome.pse_refund_reference or refund.pse_refund_reference,
        amount=Money(refund.amount, refund.currency),
        outcome=outcome,
        by_bank=False,
        kind=f"after {refund.state}",
        requested_at=None,
        settled_at=outcome.at if isinstance(outcome, Succeeded) else None,
    )
