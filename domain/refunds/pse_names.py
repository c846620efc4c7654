"""What a PSE calls a refund: one name belongs to one refund of a connection."""

from uuid import UUID

from tortoise.expressions import Q

from domain.models import Payment, Refund
from domain.money import Money
from domain.payments import external
from domain.platform.database import rows
from domain.pse.vocabulary import InDoubt, Outcome
from domain.refunds.request import REFERENCE_LENGTH


async def holder_of_name(connection_id: UUID, pse_refund_reference: str, *, but: UUID) -> str | None:
    """Our reference of the refund that has this name of the PSE already, if it is another one than `but`."""
    found = await rows(
        "SELECT reference FROM refunds WHERE connection_id = $1 AND pse_refund_reference = $2 AND id <> $3",
        connection_id,
        pse_refund_reference,
        but,
    )
    return found[0]["reference"] if found else None


async def why_not(refund: Refund, name: str) -> str | None:
    """Why a name that a person typed cannot be this refund's; None: it can be."""
    taken = Q(pse_refund_reference=name)
    if len(name) <= REFERENCE_LENGTH:  # a longer one cannot be a reference of ours, and may not be asked for
        taken |= Q(reference=name)
    holder = await Refund.filter(taken, connection_id=refund.connection_id).exclude(id=refund.id).first()
    if holder is not None:
        return f"This is the name of another refund, {holder.reference}; look it up again."
    left = await external.taken_as(await Payment.get(id=refund.payment_id), name)
    if left is None or left == refund.amount:
        return None
    return (
        f"{Money(left, refund.currency)} left under this name, and the refund is of "
        f"{Money(refund.amount, refund.currency)}; look it up again."
    )


async def unless_anothers(refund: Refund, outcome: Outcome) -> Outcome:
    """The outcome, unless it comes under a name that another refund of ours has: whose it is, a person must say."""
    name = getattr(outcome, "pse_refund_reference", None)
    if name is None or name == refund.pse_refund_reference:
        return outcome
    holder = await holder_of_name(refund.connection_id, name, but=refund.id)
    if holder is None:
        return outcome
    said = f"The PSE calls it {name}, which is the name of our refund {holder} already."
    return InDoubt("NAME_OF_ANOTHER", said[:500], needs_person=True)
