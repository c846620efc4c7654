"""Applying webhooks at our own pace: match the refund, else ask the PSE about the payment."""

from uuid import UUID

import structlog

from domain.cause import Cause
from domain.connections.calls import About
from domain.models import Payment
from domain.notices import inbox, listings, subjects
from domain.notices.inbox import Claimed
from domain.payments import confirmations
from domain.platform import bell, traces
from domain.platform.crash import crash_here
from domain.platform.database import door, for_merchant, unavailable
from domain.pse.registry import connector
from domain.pse.vocabulary import Announced, BadAnswer, Captured, ChargedBack, InDoubt, NotUnderstood, Told, Unsent
from jobs.wire.sender import Sender

_log = structlog.get_logger()


@door
async def apply(notice_id: UUID, sender: Sender) -> None:
    """Apply one stored webhook, once; what cannot be applied yet is tried later."""
    claimed = await inbox.take(notice_id)
    if claimed is None:
        return
    told = {"estorno.merchant.id": str(claimed.connection.merchant_id), "estorno.pse": claimed.connection.pse}
    with (
        for_merchant(claimed.connection.merchant_id),
        traces.span("process notice", claimed.notice.request_id, told),
    ):
        await _apply(claimed, sender)


async def _apply(claimed: Claimed, sender: Sender) -> None:
    crash_here("notice.taken")
    waiting, raised = await _apply_each(claimed, sender)
    if raised is not None:
        # It would raise for ever, and nobody would be called: the schedule of what cannot be applied has an end.
        await inbox.try_later(claimed, f"Applying it raised {type(raised).__name__}.")
        raise raised
    if waiting:
        await inbox.try_later(claimed, waiting[0])
        crash_here("notice.waits")
        return
    crash_here("notice.applied")
    strange = [f"Not understood: {told.what}" for told in claimed.told if isinstance(told, NotUnderstood)]
    await inbox.done(claimed, "; ".join(strange) or f"{len(claimed.told)} told")
    crash_here("notice.done")
    _log.info("notice.applied", notice=str(claimed.notice.id), told=len(claimed.told))


async def _apply_each(claimed: Claimed, sender: Sender) -> tuple[list[str], Exception | None]:
    """Why some of what it tells is not applied yet, and the first error that one of them raised: it stops no other."""
    waiting: list[str] = []
    raised: Exception | None = None
    for told in claimed.told:
        try:
            if (why := await _apply_one(claimed, told, sender)) is not None:
                waiting.append(why)
        except Exception as error:
            raised = raised or error
            if unavailable(error):
                break
    return waiting, raised


async def _apply_one(claimed: Claimed, told: Told, sender: Sender) -> str | None:
    """None when it is applied, else why not."""
    if isinstance(told, NotUnderstood):
        return None
    if isinstance(told, Announced):
        await inbox.announce(claimed.connection, told)
        return None
    if isinstance(told, Captured):
        await confirmations.confirm_told(claimed.connection, told.payment)
        return None
    if isinstance(told, ChargedBack):
        return await inbox.charge_back(claimed, told)
    refund = await subjects.refund_of(claimed.connection, told)
    if refund is not None:
        await inbox.apply_to(refund, told, claimed.notice)
        await bell.ring(bell.REFUND, refund.id)
        return None
    payment = await subjects.payment_of(claimed.connection, told)
    if payment is None:
        return inbox.NotRegistered(f"Payment {told.payment_reference} is not registered.")
    return await _ask_about_payment(claimed, payment, sender)


async def _ask_about_payment(claimed: Claimed, payment: Payment, sender: Sender) -> str | None:
    """A refund that is not ours is believed only when the PSE lists it under the payment."""
    connection, cause = claimed.connection, Cause(claimed.notice.request_id, inbox.ACTOR)
    wire = connector(connection.pse)
    request = wire.look_up_payment(connection.base_url, payment.pse_reference)
    if request is None:
        return "The PSE cannot be asked about the payment, and the notice names no refund of ours."
    about = About(connection.merchant_id, connection.id, cause.request_id, "PAYMENT")
    answer = await sender.send(connection, request, about)
    if isinstance(answer, Unsent | InDoubt):
        return f"{answer.code}: {answer.message}"
    try:
        listed = wire.read_payment(answer)
    except BadAnswer as error:
        return str(error)
    if listed is None:
        return f"The PSE does not know payment {payment.pse_reference}."
    if not await listings.take_in_all(payment, listed.refunds, cause):
        return "A refund of the payment is in doubt; what became of it is asked first."
    return None
