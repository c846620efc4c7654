"""The refunds that wait for one's own yes: it would count now, and one has no part in them."""

from typing import Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.models import Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.refunds.approvals import delegate

FOUND_MAX: Final = 1_000
# Of what is lent, the lender has no part in it either. Names are compared when the yes is said.
_OPEN: Final = """
SELECT n.refund_id FROM approval_needs n JOIN refunds r ON r.id = n.refund_id AND r.state = 'AWAITING_APPROVAL'
WHERE n.merchant_id = $1 AND n.ended_at IS NULL AND n.met_at IS NULL AND n.open_words && $2::text[]
  AND NOT (n.barred_ids && $3::uuid[])
ORDER BY n.made_at LIMIT $4"""
_ROLES: Final = "SELECT DISTINCT role FROM grants WHERE merchant_id = $1 AND ended_at IS NULL AND person_id = $2"
_OWN_ROLES: Final = (
    "SELECT DISTINCT role FROM grants WHERE merchant_id = $1 AND ended_at IS NULL AND (person_id = $2 OR token_id = $2)"
)
_OLDER: Final = (
    "SELECT r.id AS refund_id FROM refunds r WHERE r.merchant_id = $1 AND r.state = 'AWAITING_APPROVAL' AND NOT EXISTS "
    "(SELECT 1 FROM approval_needs n WHERE n.refund_id = r.id AND n.ended_at IS NULL) ORDER BY r.created_at LIMIT $2"
)


async def awaiting(principal: Principal) -> QuerySet[Refund]:
    """At most the 1,000 that have waited longest. Raises Forbidden."""
    scope = principal.scope(Permission.APPROVE, Permission.READ)
    found: set[UUID] = set()
    if principal.may(Permission.APPROVE):
        mine = await rows(_OWN_ROLES, principal.merchant_id, principal.person_id or principal.token_id)
        words = {*principal.permissions, *(row["role"] for row in mine)}
        found |= await _open(principal, words, [*principal.hands])
        found |= {row["refund_id"] for row in await rows(_OLDER, principal.merchant_id, FOUND_MAX)}
    for lent in await delegate.lent_to(principal):
        theirs = {row["role"] for row in await rows(_ROLES, principal.merchant_id, lent.from_id)}
        found |= await _open(principal, {Permission.APPROVE, *theirs}, [*principal.hands, lent.from_id])
    return Refund.filter(scope.refunds(), id__in=found, state=State.AWAITING_APPROVAL)


async def _open(principal: Principal, words: set[str], barred: list[UUID]) -> set[UUID]:
    found = await rows(_OPEN, principal.merchant_id, sorted(str(word) for word in words), barred, FOUND_MAX)
    return {row["refund_id"] for row in found}
