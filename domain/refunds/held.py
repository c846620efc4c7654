"""What keeps an order from going out, although it is due: its money may be with the customer already.

Any order: the customer's bank, or somebody in the PSE's back office, has taken so much that more is promised than was
captured. A retry besides: it pays what an earlier refund did not, so it waits while that refund's money may have left
after all (a PSE that changes its mind, a refund by hand because it had failed, the other of two equal monies that came
back), while the PSE is being asked about it, and while a webhook about the payment is not understood yet.
"""

from dataclasses import dataclass
from typing import Final

from domain.models import Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.payments import external
from domain.payments.refundable import left_over
from domain.platform.database import rows
from domain.problems import InvalidState

CODE: Final = "PAID_MEANWHILE"
_LOOK: Final = "Look at the payment's findings and in the PSE's back office."
# Of refund $1 and all that it repeats: whether one of those is being asked about, whether the PSE's word does not fit
# the end of one; of their payment, whether it was charged back (by an amount that is not told, too), and whether a
# webhook that names it, or one of them, is not applied yet (nobody may have read it: its bytes are looked into), or was
# given up.
_UNDECIDED: Final = """
WITH RECURSIVE chain AS (SELECT id, merchant_id, payment_id, retry_of_id, due_at, reference, pse_refund_reference,
    id <> $1 OR $2 AS ended FROM refunds WHERE id = $1
  UNION SELECT r.id, r.merchant_id, r.payment_id, r.retry_of_id, r.due_at, r.reference, r.pse_refund_reference, true
    FROM refunds r JOIN chain c ON r.id = c.retry_of_id)
SELECT bool_or(c.ended AND c.due_at IS NOT NULL) AS asked,
  bool_or(EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = c.merchant_id AND f.refund_id = c.id
    AND f.resolved_at IS NULL AND starts_with(f.fingerprint, 'after-end/'))) AS contradicted,
  bool_or(p.charged_back > 0 OR EXISTS (SELECT 1 FROM findings f WHERE f.payment_id = p.id AND f.kind = 'CHARGEBACK'
    AND f.resolved_at IS NULL AND strpos(f.fingerprint, '/unbooked') > 0)) AS charged_back,
  bool_or(n.waiting) AS waiting, bool_or(n.given_up) AS given_up
FROM chain c JOIN payments p ON p.id = c.payment_id CROSS JOIN LATERAL (
  SELECT coalesce(bool_or(due_at IS NOT NULL), false) AS waiting, coalesce(bool_or(due_at IS NULL), false) AS given_up
  FROM notices WHERE connection_id = p.connection_id AND applied_at IS NULL AND (waits_for ? p.pse_reference
    OR due_at IS NOT NULL AND waits_for IS NULL AND (position(convert_to(p.pse_reference, 'UTF8') IN body) > 0
      OR position(convert_to(c.reference, 'UTF8') IN body) > 0
      OR position(convert_to(c.pse_refund_reference, 'UTF8') IN body) > 0))) n"""


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
    if refund.retry_of_id is not None:
        return await _why_not_again(refund, ended=False)
    return await _by_its_own_news(refund) if refund.state is State.MANUAL else None


async def check(refund: Refund) -> None:
    """Raises InvalidState where paying the refund may pay a second time."""
    _refuse(await why(refund, await Payment.get(id=refund.payment_id)), refund)


async def check_retry(retried: Refund) -> None:
    """Raises InvalidState where a retry of the refund may pay a second time. The payment's lock is held."""
    _refuse(await _why_not_again(retried, ended=True), retried)


def _refuse(held: Held | None, refund: Refund) -> None:
    if held is not None:
        raise InvalidState(held.said, path=["input", "refundId"], current_state=refund.state)


async def _by_its_own_news(refund: Refund) -> Held | None:
    """What the PSE says of an order that a person is about to pay."""
    (known,) = await rows(_UNDECIDED, refund.id, False)
    if not known["contradicted"]:
        return None
    return Held(f"The PSE has this order after all: its money may leave. {_LOOK}", lasting=True)


async def _why_not_again(refund: Refund, *, ended: bool) -> Held | None:
    """Why a retry must wait. `ended`: `refund` is what is to be repeated, else the retry itself."""
    payment = await Payment.get(id=refund.payment_id)
    (known,) = await rows(_UNDECIDED, refund.id, ended)
    if known["asked"]:
        return Held("The PSE is being asked about the refund that this repeats; ask again in a moment.", lasting=False)
    if known["waiting"]:
        return Held("A webhook about this payment is not understood yet; ask again when it is.", lasting=False)
    other = f"{_LOOK} If the customer was not paid, cancel the retry and ask with refundCreate."
    gone = Money(refund.amount, refund.currency)
    if await external.standing(payment, refund.amount) > 0:
        said = f"{gone} of this payment left at the PSE without a refund that accounts for it"
        return Held(f"{said}: the customer may have this money already. {other}", lasting=True)
    if known["charged_back"]:
        return Held(f"The customer's bank took money of this payment back. {other}", lasting=True)
    if known["contradicted"]:
        said = "What the PSE says does not fit the end of the refund that this repeats: it may have been paid."
        return Held(f"{said} {other}", lasting=True)
    if known["given_up"]:
        return Held(f"A webhook about this payment was never understood. {other}", lasting=True)
    return None
