"""What a person has taken to pay by hand: who has read where to pay it, and who may still withdraw it."""

from typing import Final
from uuid import UUID

from domain.cause import Cause
from domain.models import Event, Refund
from domain.models.refunds import State
from domain.problems import InvalidState

INSTRUCTION_SHOWN: Final = "INSTRUCTION_SHOWN"


async def check_cancelable(refund: Refund, settles_manually: bool) -> None:
    """Raises InvalidState while a person may be paying it: the money would be free to be refunded once more."""
    if not settles_manually:
        raise InvalidState(
            "A person is paying this refund by hand. Somebody with SETTLE_MANUALLY must settle it, or return it to the "
            "queue (refundReturnToQueue) if it was certainly not paid.",
            path=["input", "refundId"],
            current_state=refund.state,
        )
    shown = await instruction_shown(refund.id)
    if shown is not None:
        raise InvalidState(
            f"{shown.actor} has read where to pay it, so it may be paid. If it was, settle it (refundSettleManually); "
            "if it certainly was not, return it to the queue (refundReturnToQueue) and cancel it there.",
            path=["input", "refundId"],
            current_state=refund.state,
        )


async def instruction_shown(refund_id: UUID, reader: Cause | None = None) -> Event | None:
    """When the account to pay to was shown (to `reader`) since a person took the refund; None: it was not.

    A reader is a name with its party and token: who bears another's name is another reader.
    """
    events = Event.filter(refund_id=refund_id).order_by("-sequence")
    taken = await events.filter(state=State.MANUAL).exclude(previous_state=State.MANUAL).first()
    shown = events.filter(kind=INSTRUCTION_SHOWN, sequence__gt=taken.sequence if taken else 0)
    if reader is not None:
        shown = shown.filter(actor=reader.actor[:200], party=reader.party, token_id=reader.by.token_id)
    return await shown.first()
