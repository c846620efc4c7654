"""The refunds that wait for one's own yes: it would count now, and one has no part in them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.models import Refund
from domain.models.refunds import State
from domain.platform.database import rows

FOUND_MAX: Final = 1_000
# What is open to somebody by their own right, or by one that is lent to them: of that the lender has no part in it
# either. Names are compared when the yes is said. $1 the merchant; $2 the words of their own right, none: they have
# none; $3 who holds it, $4 the hands that it is in, $5 stores or null for all, $6 to whom is lent, $7 now.
OPEN: Final = """approval_needs n JOIN refunds r ON r.id = n.refund_id AND r.state = 'AWAITING_APPROVAL'
WHERE n.merchant_id = $1 AND n.ended_at IS NULL AND n.met_at IS NULL AND NOT (n.barred_ids && $4::uuid[])
  AND ($5::uuid[] IS NULL OR r.store_id = ANY($5))
  AND (cardinality($2::text[]) > 0 AND n.open_words && ($2 || ARRAY(SELECT g.role::text FROM grants g
      WHERE g.merchant_id = $1 AND g.ended_at IS NULL AND (g.person_id = $3 OR g.token_id = $3)))
    OR EXISTS (SELECT 1 FROM approval_delegations d WHERE d.merchant_id = $1 AND d.to_id = $6 AND d.revoked_at IS NULL
      AND d.starts_at <= $7 AND d.ends_at >= $7 AND NOT (d.from_id = ANY(n.barred_ids))
      AND n.open_words && (ARRAY['APPROVE'] || ARRAY(SELECT g.role::text FROM grants g
        WHERE g.merchant_id = $1 AND g.ended_at IS NULL AND g.person_id = d.from_id))))"""
# Beside them, what has waited since before needs were kept.
_AWAITING: Final = f"""
(SELECT r.created_at, r.id FROM {OPEN} ORDER BY n.made_at LIMIT $8)
UNION (SELECT r.created_at, r.id FROM refunds r WHERE cardinality($2::text[]) > 0
    AND r.merchant_id = $1 AND r.state = 'AWAITING_APPROVAL' AND ($5::uuid[] IS NULL OR r.store_id = ANY($5))
    AND NOT EXISTS (SELECT 1 FROM approval_needs n WHERE n.refund_id = r.id AND n.ended_at IS NULL)
  ORDER BY r.created_at LIMIT $8)
ORDER BY created_at, id"""  # noqa: S608 - ours, and every value is bound


class WaitsForYes(NamedTuple):
    """A refund that waits; so they are in order."""

    created_at: datetime
    id: UUID


async def awaiting(principal: Principal) -> Sequence[WaitsForYes]:
    """Those that wait, the longest first: of 1,000. Raises Forbidden."""
    scope = principal.scope(Permission.APPROVE, Permission.READ)
    stores = None if scope.stores is None else list(scope.stores)
    found = await rows(_AWAITING, *asked(principal, stores, datetime.now(UTC)), FOUND_MAX)
    return [WaitsForYes(row["created_at"], row["id"]) for row in found]


def these(principal: Principal, ids: Sequence[UUID]) -> QuerySet[Refund]:
    """Those of these refunds that wait still. Raises as `awaiting`."""
    scope = principal.scope(Permission.APPROVE, Permission.READ)
    return Refund.filter(scope.refunds(), id__in=ids, state=State.AWAITING_APPROVAL)


def asked(principal: Principal, stores: list[UUID] | None, now: datetime) -> list[Any]:
    """The values of OPEN."""
    own = sorted(principal.permissions) if principal.may(Permission.APPROVE) else []
    holder = principal.person_id or principal.token_id
    return [principal.merchant_id, own, holder, [*principal.hands], stores, principal.party, now]
