"""Finding a merchant's refunds, by each of their handles."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Scope, Whose, merchant_of, scope_of
from domain.connections.connections import ids_of
from domain.models import Event, Refund
from domain.platform.children import first_of_each
from domain.platform.database import rows
from domain.platform.lengths import equal
from domain.problems import NotFound

CREATE: Final = "refundCreate"  # the mutations whose idempotency keys name refunds
RETRY: Final = "refundRetry"
FOR_SHOP: Final = "shopRefund"  # of ours: no client's key can be the same


def readable(whose: Whose) -> QuerySet[Refund]:
    """The refunds that somebody may see. Raises Forbidden."""
    return Refund.filter(scope_of(whose, Permission.READ, Permission.SEE).refunds())


async def find(scope: Scope | UUID, refund_id: UUID) -> Refund:
    """The refund within a scope (an id: all of that merchant's). Raises NotFound."""
    within = scope if isinstance(scope, Scope) else Scope(scope)
    refund = await Refund.get_or_none(within.refunds(), id=refund_id)
    if refund is None:
        raise NotFound("No such refund.", path=["input", "refundId"])
    return refund


async def check_also(whose: Whose, refund_id: UUID, wanted: Permission, *, had: Permission = Permission.READ) -> None:
    """Raises Forbidden, or NotFound, unless a refund that was found with the one permission is reached with the other.

    Where both are held for the same stores there is nothing to ask.
    """
    scope = scope_of(whose, wanted)
    if not scope.is_whole and scope != scope_of(whose, had, wanted):
        await find(scope, refund_id)


async def by_id(whose: Whose, refund_id: UUID) -> Refund | None:
    """The refund, where somebody may see it."""
    found: Refund | None = await readable(whose).get_or_none(id=refund_id)
    return found


async def by_request_id(whose: Whose, request_id: str) -> Refund | None:
    """The refund that a request ID created, else the one whose history names it."""
    refund = await equal(readable(whose), request_id=request_id).order_by("created_at").first()
    if refund is not None:
        return refund
    events = Event.filter(merchant_id=merchant_of(whose))
    event = await equal(events, request_id=request_id).order_by("id").first()
    return await by_id(whose, event.refund_id) if event else None


async def by_idempotency_key(whose: Whose, key: str, mutations: Sequence[str] = (CREATE, RETRY)) -> Refund | None:
    """The refund that was asked for (or retried) with this key."""
    found = await rows(
        "SELECT subject_id FROM idempotency_keys WHERE merchant_id = $1 AND key = $2 AND mutation = ANY($3) "
        "ORDER BY id LIMIT 1",
        merchant_of(whose),
        key,
        list(mutations),
    )
    return await by_id(whose, found[0]["subject_id"]) if found else None


async def by_pse_reference(whose: Whose, reference: str) -> Refund | None:
    """The refund with this reference at its PSE: the PSE's own, or the one we gave it."""
    query = readable(whose)
    # The PSE's names have an index by connection.
    theirs = query.filter(connection_id__in=await ids_of(merchant_of(whose)))
    named = equal(theirs, pse_refund_reference=reference)
    return await named.first() or await equal(query, reference=reference).first()


async def of_payments(payment_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[Refund]]:
    """The first `limit` refunds of each payment, oldest first."""
    return await first_of_each(Refund, payment_ids, key="payment_id", order="created_at, id", limit=limit)
