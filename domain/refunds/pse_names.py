"""What a PSE calls a refund: one name belongs to one refund of a connection."""

from uuid import UUID

from domain.models import Refund
from domain.platform.database import rows
from domain.pse.vocabulary import InDoubt, Outcome


async def holder_of_name(connection_id: UUID, pse_refund_reference: str, *, but: UUID) -> str | None:
    """Our reference of the refund that has this name of the PSE already, if it is another one than `but`."""
    found = await rows(
        "SELECT reference FROM refunds WHERE connection_id = $1 AND pse_refund_reference = $2 AND id <> $3",
        connection_id,
        pse_refund_reference,
        but,
    )
    return found[0]["reference"] if found else None


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
