"""A payment's refunds as the PSE lists them, taken in: ours, and those that were made without us."""

from collections.abc import Sequence
from dataclasses import replace

from domain.cause import Cause
from domain.models import Connection, Payment, Refund
from domain.models.refunds import State
from domain.notices import subjects
from domain.payments import confirmations, taken_otherwise, unnamed
from domain.platform import bell
from domain.platform.database import rows
from domain.pse.capabilities import LookUp
from domain.pse.registry import capability
from domain.pse.vocabulary import Declined, KnownRefund, Outcome, Returned, Succeeded
from domain.refunds import learned, schedule
from domain.refunds.news import Door, Source
from domain.refunds.record import record


async def take_in_all(payment: Payment, listed: Sequence[KnownRefund], cause: Cause) -> bool:
    """Take in a payment's refunds as the PSE lists them: ours by our reference or the PSE's, else taken without us.

    False: where a listing alone tells ours from others, one of ours that is in doubt must be looked up first.
    """
    found = [(known, await _ours(payment, known)) for known in listed]
    if any(refund is None for _, refund in found) and await _make_doubtful_due(payment):
        return False
    left_over = await learned.names(payment, [known for known, refund in found if refund is None], cause)
    await unnamed.from_listing(payment, left_over, cause)
    await taken_otherwise.of_listing(payment, left_over)
    alive = {refund.id for known, refund in found if refund is not None and not isinstance(known.outcome, Declined)}
    for known, refund in found:
        # Of two under one reference, the one that was cancelled does not end the one that was not.
        if refund is not None and not (isinstance(known.outcome, Declined) and refund.id in alive):
            await _take_in(refund, known, cause)
    await confirmations.ask_anew_what_was_gone(payment.id)  # all that it lists is booked: what it had shown is older
    return True


async def _ours(payment: Payment, known: KnownRefund) -> Refund | None:
    refund = None
    if subjects.may_be_ours(known.reference):
        refund = await Refund.get_or_none(payment_id=payment.id, reference=known.reference)
    if refund is None and known.pse_refund_reference is not None:
        query = Refund.filter(payment_id=payment.id, pse_refund_reference=known.pse_refund_reference)
        refund = await query.first()
    return refund


async def _make_doubtful_due(payment: Payment) -> bool:
    connection = await Connection.get(id=payment.connection_id)
    if capability(connection.pse, payment.method).look_up is not LookUp.BY_LISTING:
        return False
    which = f"payment_id = $1 AND {schedule.MAY_ARRIVE}"
    doubtful = await rows(
        f"UPDATE refunds r SET due_at = least(due_at, now()) WHERE {which} RETURNING id",  # noqa: S608 - ours
        payment.id,
    )
    for row in doubtful:
        await bell.ring(bell.REFUND, row["id"])
    return bool(doubtful)


async def _take_in(refund: Refund, known: KnownRefund, cause: Cause) -> None:
    outcome: Outcome = known.outcome
    if isinstance(outcome, Declined) and refund.state is State.SUCCEEDED:
        outcome = Returned(outcome.code, outcome.message, outcome.pse_refund_reference)
    if isinstance(outcome, Succeeded) and known.settled_at is not None:
        outcome = replace(outcome, at=known.settled_at)
    outcome = subjects.checked(refund, outcome, known.amount, "The PSE lists")
    await record(refund.id, outcome, Source(Door.NOTICE), cause)
