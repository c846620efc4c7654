"""What several PSEs' answers mean alike."""

from typing import Final

from domain.pse.vocabulary import Declined, InDoubt, RefundOrder, Returned

# Statuses about our access or our pace: the PSE refused before it looked at the order.
UNHEARD: Final = (401, 403, 429)


def refused(order: RefundOrder, code: str, said: str) -> Declined | InDoubt:
    """A clear "no". It is believed only on the first send: after it, an earlier send may be at the PSE."""
    return InDoubt(code, said, refusal=True) if order.attempt > 1 else Declined(code, said)


def not_paid(code: str, said: str, reference: str | None, *, succeeded: bool) -> Declined | Returned:
    """The PSE says that the refund did not succeed: where it had, the money came back."""
    return (Returned if succeeded else Declined)(code, said, reference)


def another(pse: str, order: RefundOrder, held: str) -> InDoubt:
    """`pse` (its name in a sentence) echoes another refund than the order's, and nobody can guess why."""
    asked = f"{order.amount} of {order.payment_reference} as {order.reference}"
    said = f"{pse} holds another refund: asked for {asked}, {pse} holds {held}."
    return InDoubt("ECHO_MISMATCH", said[:500], needs_person=True)
