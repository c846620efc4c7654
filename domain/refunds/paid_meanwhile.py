"""A retry pays what an earlier refund did not. It must not go out once that refund's money may have left after all.

It may have left after the refund's end (a PSE that changes its mind), somebody may have paid it in the PSE's back
office because it had failed, or the line that told of its return was about the other of two equal monies.
"""

from typing import Final

from domain.models import Payment, Refund
from domain.money import Money
from domain.payments import external
from domain.problems import InvalidState

CODE: Final = "PAID_MEANWHILE"


async def said_of(retried: Refund) -> str | None:
    """Why the money of the refund that `retried` repeats, or is, may be with the customer already; None: it is not.

    As much of the payment as the refund was for left at the PSE, and no refund of ours accounts for it.
    """
    if await external.standing(await Payment.get(id=retried.payment_id), retried.amount) < 1:
        return None
    return (
        f"{Money(retried.amount, retried.currency)} of this payment left at the PSE without a refund that accounts for "
        "it: the customer may have this money already. Look at the payment's findings and in the PSE's back office."
    )


async def check(retried: Refund) -> None:
    """Raises InvalidState where a retry may pay a second time."""
    if (said := await said_of(retried)) is not None:
        raise InvalidState(
            f"{said} Only if it was other money, ask with refundCreate.",
            path=["input", "refundId"],
            current_state=retried.state,
        )
