"""Which of the destinations that a refund was given counts: the last one."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.models import Destination


async def of(refund_id: UUID) -> Destination | None:
    """None: it goes back the way the payment came, or waits for one."""
    return await Destination.get_or_none(refund_id=refund_id, superseded_at=None)


async def of_all(refund_ids: Sequence[UUID]) -> Mapping[UUID, Destination]:
    """By refund; those that have none are left out."""
    return {row.refund_id: row for row in await Destination.filter(refund_id__in=set(refund_ids), superseded_at=None)}
