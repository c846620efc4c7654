"""Finding a merchant's refunds, by each of their handles."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from domain.connections.connections import ids_of
from domain.models import Event, Refund
from domain.platform.children import first_of_each
from domain.platform.database import rows
from domain.problems import NotFound

CREATE: Final = "refundCreate"  # the mutations whose idempotency keys name refunds
RETRY: Final = "refundRetry"


async def find(merchant_id: UUID, refund_id: UUID) -> Refund:
    """The merchant's refund. Raises NotFound."""
    refund = await Refund.get_or_none(id=refund_id, merchant_id=merchant_id)
    if refund is None:
        raise NotFound("No such refund.", path=["input", "refundId"])
    return refund


async def by_request_id(merchant_id: UUID, request_id: str) -> Refund | None:
    """The refund that a request ID created, else the one whose history names it."""
    refund = await Refund.filter(merchant_id=merchant_id, request_id=request_id).order_by("created_at").first()
    if refund is not None:
        return refund
    event = await Event.filter(merchant_id=merchant_id, request_id=request_id).order_by("id").first()
    return await Refund.get(id=event.refund_id) if event else None


async def by_idempotency_key(merchant_id: UUID, key: str) -> Refund | None:
    """The refund that was asked for (or retried) with this key."""
    found = await rows(
        "SELECT subject_id FROM idempotency_keys WHERE merchant_id = $1 AND key = $2 AND mutation = ANY($3) "
        "ORDER BY id LIMIT 1",
        merchant_id,
        key,
        [CREATE, RETRY],
    )
    return await Refund.get_or_none(id=found[0]["subject_id"]) if found else None


async def by_pse_reference(merchant_id: UUID, reference: str) -> Refund | None:
    """The refund with this reference at its PSE: the PSE's own, or the one we gave it."""
    query = Refund.filter(merchant_id=merchant_id)
    # The PSE's names have an index by connection.
    theirs = query.filter(pse_refund_reference=reference, connection_id__in=await ids_of(merchant_id))
    return await theirs.first() or await query.filter(reference=reference).first()


async def of_payments(payment_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[Refund]]:
    """The first `limit` refunds of each payment, oldest first."""
    return await first_of_each(Refund, payment_ids, key="payment_id", order="created_at, id", limit=limit)
