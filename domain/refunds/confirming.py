"""What the PSE's word about a payment means for the refund that waits for it: it goes on, waits, or fails unsent."""

from datetime import timedelta
from typing import Final

from domain.cause import Cause
from domain.connections.connections import SENDING
from domain.findings import findings, names
from domain.findings.findings import FindingKind
from domain.models import Connection, Event, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.payments import compared, confirmations
from domain.payments.confirmations import ConfirmedBy
from domain.payments.refundable import left_over
from domain.platform import bell
from domain.platform.database import transaction
from domain.pse.vocabulary import Declined, NotThere, NotTold, Shown, Standing
from domain.refunds import news, put_off, refused, schedule, unproven
from domain.refunds.moves import Note, lock
from domain.refunds.news import Door, Recorded, Source
from domain.refunds.record import record_locked
from domain.refunds.staying import not_sent
from domain.refunds.work import AskPayment

UNKNOWN: Final = "PAYMENT_UNKNOWN"
DIFFERS: Final = "PAYMENT_DIFFERS"
WAITS: Final = "PAYMENT_UNCONFIRMED"
_WAITS: Final = Note(
    "HELD", WAITS, "The PSE has not said yet whether there is such a payment: nothing of it is sent before it has."
)
_UNKNOWN_YET: Final = "The PSE does not know this payment; that is believed if it says so again."
_NOT_CAPTURED_YET: Final = "The PSE shows this payment and has not captured it; that is believed if it says so again."
_TOO_OLD: Final = "The PSE shows no payment so old: that it does not know this one proves nothing."
_A_MOMENT: Final = timedelta(seconds=1)  # beyond the grace, so that the next "unknown" is after it


async def take_in(work: AskPayment, standing: Standing) -> Recorded:
    """Write down what the PSE says of the payment. Nothing was sent yet, and only a payment that it knows goes on.

    One that it cannot know any more, because it is too old, goes on with a second person's yes.
    """
    standing = news.storable_standing(standing)
    if isinstance(standing, NotTold):
        return await not_sent(work.refund_id, standing.code, standing.message, _WAITS)
    async with transaction():
        refund = await lock(work.refund_id)
        payment = await confirmations.locked(work.payment.id)
        if confirmations.is_past(payment, work.asked_at):
            # Others have confirmed it meanwhile, or it is to be asked for anew.
            return await _go_on(refund)
        if isinstance(standing, Shown):
            recorded = await _shown(work, refund, payment, standing)
        else:
            recorded = await _not_there(work, refund, payment, standing)
    await bell.wake(bell.refund_channel(work.refund_id))
    return recorded


async def _shown(work: AskPayment, refund: Refund, payment: Payment, shown: Shown) -> Recorded:
    differs = await _differs(work, payment, shown)
    if differs is None and not shown.captured:
        if (waits := await _wait(work, refund, f"{DIFFERS}_YET", _NOT_CAPTURED_YET)) is not None:
            return waits
        differs = f"it is not captured ({shown.status})"
    if differs is not None:
        said = f"At the PSE payment {payment.pse_reference} is another than was registered: {differs}."
        return await _contradict(work, refund, payment, FindingKind.PAYMENT_DIFFERS, said)
    await confirmations.confirm(payment.id, ConfirmedBy.PSE, shown, work.asked_at)
    ours = await confirmations.ours_of(payment.id, work.asked_at)
    if (other := compared.other_amount(payment, shown, ours)) is not None:
        await findings.open_finding(confirmations.of_other_amount(payment, other))
    else:
        await findings.resolve(
            payment.merchant_id, names.payment_below(payment.id), "The PSE shows the same amount now."
        )
    return await _go_on(refund)


async def _differs(work: AskPayment, payment: Payment, shown: Shown) -> str | None:
    """What speaks against the payment: what the PSE shows, its other name, or another store's key."""
    if (said := compared.differences(payment, work.able, shown)) is not None:
        return said
    if (other := await confirmations.otherwise_named(payment, shown)) is not None:
        return f"it is registered already as {other}"
    if (store := await confirmations.key_of_other_store(payment, shown)) is not None:
        return f"it was paid to the key of store {store}"
    return None


async def _not_there(work: AskPayment, refund: Refund, payment: Payment, standing: NotThere) -> Recorded:
    if (waits := await _wait(work, refund, f"{UNKNOWN}_YET", _UNKNOWN_YET)) is not None:
        return waits
    if confirmations.proves_nothing(payment, work.able, work.asked_at):
        return await _too_old(work, refund, payment)
    said = f"The PSE does not know payment {payment.pse_reference}: {standing.code} {standing.message}"
    return await _contradict(work, refund, payment, FindingKind.PAYMENT_UNKNOWN, said)


async def _too_old(work: AskPayment, refund: Refund, payment: Payment) -> Recorded:
    if refund.state is not State.REQUESTED:
        return Recorded(refund.state, None)
    if payment.refunded == 0 and not await unproven.is_approved(refund):
        await unproven.wait_for_another(refund, _TOO_OLD, work.cause)
        return Recorded(refund.state, None)
    await Refund.filter(id=refund.id).update(unknown_at=work.asked_at)
    return await _go_on(refund)


async def _wait(work: AskPayment, refund: Refund, code: str, said: str) -> Recorded | None:
    """One "no" may come from a copy that lags: the refund waits for the second; None: this is one, after the grace."""
    since = await confirmations.unknown_since(work.payment.id, work.asked_at)
    wait = since + work.able.payment_grace - work.asked_at
    if wait <= timedelta(0):
        return None
    due_in = (wait + _A_MOMENT).total_seconds()
    if refund.state is State.REQUESTED:
        await put_off.note_held(refund, work.cause, code, said)
        await schedule.postpone(refund.id, due_in)
    return Recorded(refund.state, due_in)


async def _contradict(work: AskPayment, refund: Refund, payment: Payment, kind: FindingKind, said: str) -> Recorded:
    await confirmations.contradict(payment.id, said, unknown=kind is FindingKind.PAYMENT_UNKNOWN)
    await findings.open_finding(confirmations.contradicted(payment, kind, said))
    if refund.state is State.REQUESTED:
        return await _decline(refund, kind.value, said, work.cause)
    return Recorded(refund.state, None)


async def _go_on(refund: Refund) -> Recorded:
    if refund.state is State.REQUESTED:
        await schedule.postpone(refund.id, 0)
    return Recorded(refund.state, 0)


def is_beyond(payment: Payment) -> bool:
    """Whether more of the payment has left and is promised than its PSE has captured, though it was registered."""
    if payment.shown_captured is None or payment.shown_gone is None:
        return False
    lost: int = max(payment.captured - payment.shown_captured, 0) + payment.shown_gone
    left: int = left_over(payment)
    return left < 0 <= left + lost


async def fail_beyond(refund: Refund, payment: Payment, cause: Cause) -> None:
    """End a locked refund that was never sent, because with it more would leave than its PSE has captured."""
    captured = Money(payment.shown_captured or 0, payment.currency)
    gone = Money(payment.shown_gone or 0, payment.currency)
    over = Money(-left_over(payment), payment.currency)
    said = f"The PSE has captured {captured}, of which {gone} has left without us: the refund is {over} beyond it."
    await _decline(refund, DIFFERS, said, cause)


async def why_not_asked(refund: Refund) -> str | None:
    """Why the PSE cannot be asked now about the refund's payment, or does not say; None: it can."""
    connection = await Connection.get(id=refund.connection_id)
    if connection.state not in SENDING:
        return f"The connection is {connection.state}: its PSE cannot be asked whether there is such a payment."
    last = await Event.filter(refund_id=refund.id).order_by("-sequence").first()
    if last is None or last.kind != "HELD" or last.code not in (WAITS, refused.CODE):
        return None
    return "The PSE was asked whether there is such a payment, and does not say."


async def fail(refund: Refund, payment: Payment, cause: Cause) -> None:
    """End a locked refund that was never sent, because the PSE has contradicted its payment before."""
    said = f"The PSE has contradicted this payment: {payment.contradiction}"
    unknown = payment.unknown_since is not None
    await _decline(refund, UNKNOWN if unknown else DIFFERS, said, cause)


async def _decline(refund: Refund, code: str, said: str, cause: Cause) -> Recorded:
    return await record_locked(refund, Declined(code, said[:500]), Source(Door.PAYMENT), cause)
