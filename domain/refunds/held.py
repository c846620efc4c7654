"""What keeps an order from going out, although it is due: its money may be with the customer already.

Any order: the customer's bank, or somebody in the PSE's back office, has taken so much that more is promised than was
captured. A retry besides: it pays what an earlier refund did not, so it waits while that refund's money may have left
after all (a PSE that changes its mind, a refund by hand because it had failed, the other of two equal monies that came
back), while the PSE is being asked about it, and while a webhook about the payment is not understood yet.
"""

from dataclasses import dataclass
from typing import Final

from domain.models import Payment, Refund
from domain.money import Money
from domain.payments import external
from domain.payments.refundable import left_over
from domain.platform.database import rows
from domain.problems import InvalidState

CODE: Final = "PAID_MEANWHILE"
_LOOK: Final = "Look at the payment's findings and in the PSE's back office."
# Of refund $1 of payment $2: whether it is being asked about, whether the PSE's word does not fit its end, and whether
# a webhook that names the payment is not applied yet.
_UNDECIDED: Final = """
SELECT r.due_at IS NOT NULL AS asked, p.charged_back > 0 AS charged_back,
  EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = r.merchant_id AND f.refund_id = r.id AND f.resolved_at IS NULL
    AND starts_with(f.fingerprint, 'after-end/' || r.id || '/')) AS contradicted,
  EXISTS (SELECT 1 FROM notices n WHERE n.connection_id = p.connection_id AND n.applied_at IS NULL
    AND n.waits_for ? p.pse_reference) AS webhook
FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.id = $1"""


@dataclass(frozen=True, slots=True)
class Held:
    """Why an order does not go out. `lasting`: until a person has looked; else it is known soon, by itself."""

    said: str
    lasting: bool


async def why(refund: Refund, payment: Payment) -> Held | None:
    """Why the refund's order must not go out now; None: it may."""
    over = -left_over(payment)
    if over > 0:
        return Held(
            f"{Money(over, payment.currency)} more of this payment has left, or is promised, than was captured: the "
            f"customer may have this money already. {_LOOK} If so, cancel this refund.",
            lasting=True,
        )
    if refund.retry_of_id is None:
        return None
    return await _why_not_again(await Refund.get(id=refund.retry_of_id))


async def check(refund: Refund) -> None:
    """Raises InvalidState where paying the refund may pay a second time."""
    _refuse(await why(refund, await Payment.get(id=refund.payment_id)), refund)


async def check_retry(retried: Refund) -> None:
    """Raises InvalidState where a retry of the refund may pay a second time. The payment's lock is held."""
    _refuse(await _why_not_again(retried), retried)


def _refuse(held: Held | None, refund: Refund) -> None:
    if held is not None:
        raise InvalidState(held.said, path=["input", "refundId"], current_state=refund.state)


async def _why_not_again(retried: Refund) -> Held | None:
    payment = await Payment.get(id=retried.payment_id)
    (known,) = await rows(_UNDECIDED, retried.id)
    if known["asked"]:
        return Held(
            "The PSE is being asked about the refund that this one repeats; ask again in a moment.", lasting=False
        )
    if known["webhook"]:
        return Held("A webhook about this payment is not understood yet; ask again when it is.", lasting=False)
    gone = Money(retried.amount, retried.currency)
    other = "Only if it was other money, cancel the retry and ask with refundCreate."
    if await external.standing(payment, retried.amount) > 0:
        return Held(
            f"{gone} of this payment left at the PSE without a refund that accounts for it: the customer may have this "
            f"money already. {_LOOK} {other}",
            lasting=True,
        )
    if known["charged_back"]:
        return Held(f"The customer's bank took money of this payment back. {_LOOK} {other}", lasting=True)
    if known["contradicted"]:
        return Held(
            "What the PSE says does not fit the end of the refund that this one repeats: it may have been paid. "
            f"{_LOOK} {other}",
            lasting=True,
        )
    return None
