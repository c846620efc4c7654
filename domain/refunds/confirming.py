"""What the PSE's word about a payment means for the refund that waits for it: it goes on, waits, or fails unsent."""

from datetime import timedelta
from typing import Final

from domain.cause import Cause
from domain.findings import findings
from domain.findings.findings import FindingKind
from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.payments import confirmations
from domain.payments.confirmations import By
from domain.platform import bell
from domain.platform.database import transaction
from domain.pse.vocabulary import Declined, NotThere, NotTold, Shown, Standing
from domain.refunds import put_off, schedule
from domain.refunds.moves import Note, lock
from domain.refunds.news import Door, Recorded, Source
from domain.refunds.record import not_sent, record_locked
from domain.refunds.work import AskPayment

UNKNOWN: Final = "PAYMENT_UNKNOWN"
DIFFERS: Final = "PAYMENT_DIFFERS"
WAITS: Final = "PAYMENT_UNCONFIRMED"
_WAITS: Final = Note(
    "HELD", WAITS, "The PSE has not said yet whether there is such a payment: nothing of it is sent before it has."
)
_UNKNOWN_YET: Final = "The PSE does not know this payment; that is believed if it says so again."
_A_MOMENT: Final = timedelta(seconds=1)  # beyond the grace, so that the next "unknown" is after it


async def take_in(work: AskPayment, standing: Standing) -> Recorded:
    """Write down what the PSE says of the payment. Nothing was sent yet, and only a payment that it knows goes on."""
    if isinstance(standing, NotTold):
        return await not_sent(work.refund_id, standing.code, standing.message, _WAITS)
    if isinstance(standing, Shown):
        return await _shown(work, standing)
    return await _not_there(work, standing)


async def _shown(work: AskPayment, shown: Shown) -> Recorded:
    payment = work.payment
    differs = confirmations.differences(payment, work.able, work.connection.client_id, shown)
    if differs is not None:
        said = f"At the PSE payment {payment.pse_reference} is another than was registered: {differs}."
        return await _contradict(work, FindingKind.PAYMENT_DIFFERS, said)
    async with transaction():
        refund = await lock(work.refund_id)
        new = await confirmations.confirm(payment.id, By.PSE)
        await _go_on(refund)
    if new and shown.amount.minor_units > payment.captured:
        await findings.open_finding(confirmations.below(payment, shown))
    return Recorded(refund.state, 0)


async def _not_there(work: AskPayment, standing: NotThere) -> Recorded:
    async with transaction():
        refund = await lock(work.refund_id)
        since = await confirmations.unknown_since(work.payment.id, work.asked_at)
        wait = since + work.able.payment_grace - work.asked_at
        if wait > timedelta(0):
            due_in = (wait + _A_MOMENT).total_seconds()
            if refund.state is State.REQUESTED:
                await put_off.note_held(refund, work.cause, f"{UNKNOWN}_YET", _UNKNOWN_YET)
                await schedule.postpone(refund.id, due_in)
            return Recorded(refund.state, due_in)
    said = f"The PSE does not know payment {work.payment.pse_reference}: {standing.code} {standing.message}"
    return await _contradict(work, FindingKind.PAYMENT_UNKNOWN, said)


async def _contradict(work: AskPayment, kind: FindingKind, said: str) -> Recorded:
    async with transaction():
        refund = await lock(work.refund_id)
        if not await confirmations.contradict(work.payment.id, said, unknown=kind is FindingKind.PAYMENT_UNKNOWN):
            # A webhook, or the answer to another worker, has confirmed it meanwhile.
            await _go_on(refund)
            return Recorded(refund.state, 0)
        await findings.open_finding(confirmations.contradicted(work.payment, kind, said))
        recorded = Recorded(refund.state, None)
        if refund.state is State.REQUESTED:
            recorded = await _decline(refund, kind.value, said, work.cause)
    await bell.wake(bell.refund_channel(work.refund_id))
    return recorded


async def _go_on(refund: Refund) -> None:
    if refund.state is State.REQUESTED:
        await schedule.postpone(refund.id, 0)


async def fail(refund: Refund, payment: Payment, cause: Cause) -> None:
    """End a locked refund that was never sent, because the PSE has contradicted its payment before."""
    said = f"The PSE has contradicted this payment: {payment.contradiction}"
    unknown = payment.unknown_since is not None
    await _decline(refund, UNKNOWN if unknown else DIFFERS, said, cause)


async def _decline(refund: Refund, code: str, said: str, cause: Cause) -> Recorded:
    return await record_locked(refund, Declined(code, said[:500]), Source(Door.PAYMENT), cause)
