"""What keeps an order from going out, although it is due: its money may be with the customer already.

Any order: the customer's bank, or somebody in the PSE's back office, has taken so much that more is promised than was
captured. A retry besides: it pays what an earlier refund did not, so it waits while that refund's money may have left
after all (a PSE that changes its mind, a refund by hand because it had failed, the other of two equal monies that came
back), while the PSE is being asked about it, and while a webhook about the payment is not understood yet.
"""

from dataclasses import dataclass
from typing import Final

from domain.models import Payment, Refund
from domain.models.refunds import RELEASED, State
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

# What stands in the place of refund $1, which has ended: as much of its payment, asked for since (and what repeats
# that), that leaves or has left. A shop told that it failed asks anew by another name, so one of the two is a shop's;
# two of people's own are two. Retries of what was asked for before are that one's.
_ANEW: Final = """
WITH RECURSIVE chain AS (SELECT id, retry_of_id FROM refunds WHERE id = $1
  UNION SELECT r.id, r.retry_of_id FROM refunds r JOIN chain c ON r.id = c.retry_of_id),
anew AS (SELECT r.id, r.id AS root, r.reference, r.state FROM refunds o JOIN refunds r ON r.payment_id = o.payment_id
    AND r.amount = o.amount AND r.retry_of_id IS NULL AND r.id <> o.id AND r.created_at >=
      (SELECT min(e.occurred_at) FROM events e WHERE e.refund_id = o.id AND e.state = o.state) WHERE o.id = $1
  UNION SELECT r.id, a.root, r.reference, r.state FROM refunds r JOIN anew a ON r.retry_of_id = a.id)
SELECT a.reference FROM anew a WHERE a.state <> ALL($2::varchar[])
  AND EXISTS (SELECT 1 FROM shop_refunds s WHERE s.origin <> 'OURS' AND (s.refund_id IN (SELECT id FROM chain)
    OR s.refund_id IN (SELECT b.id FROM anew b WHERE b.root = a.root)))
ORDER BY a.id LIMIT 1"""


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
    _refuse(await _asked_anew(retried) or await _why_not_again(retried, ended=True), retried)


def _refuse(held: Held | None, refund: Refund) -> None:
    if held is not None:
        raise InvalidState(held.said, path=["input", "refundId"], current_state=refund.state)


async def _asked_anew(ended: Refund) -> Held | None:
    """Why what has ended is not asked for again: as much was, since, by a shop or in the place of a shop's."""
    for row in await rows(_ANEW, ended.id, sorted(RELEASED)):
        gone = Money(ended.amount, ended.currency)
        said = (
            f"As much of this payment ({gone}) was asked for since this refund ended: {row['reference']} stands in its "
            "place, and a retry would pay twice. If it really is another refund, ask with refundCreate."
        )
        return Held(said, lasting=True)
    return None


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
