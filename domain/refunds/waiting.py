"""How much waits for a person: refunds for their yes or their hand, and findings that are due. One statement in all."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.platform.database import rows

COUNTED_MAX: Final = 100  # of each: who has so much to do needs no number
_SOON: Final = timedelta(days=1)
# As approvals.awaiting finds them: their own right, and each that is lent to them. $2 the words of their own right.
_APPROVALS: Final = """
SELECT 1 FROM approval_needs n JOIN refunds r ON r.id = n.refund_id AND r.state = 'AWAITING_APPROVAL'
WHERE n.merchant_id = $1 AND n.ended_at IS NULL AND n.met_at IS NULL AND NOT (n.barred_ids && $4::uuid[])
  AND ($5::uuid[] IS NULL OR r.store_id = ANY($5))
  AND (cardinality($2::text[]) > 0 AND n.open_words && ($2 || ARRAY(
      SELECT g.role::text FROM grants g WHERE g.merchant_id = $1 AND g.ended_at IS NULL AND g.person_id = $3))
    OR EXISTS (SELECT 1 FROM approval_delegations d WHERE d.merchant_id = $1 AND d.to_id = $3 AND d.revoked_at IS NULL
      AND d.starts_at <= $10 AND d.ends_at >= $10 AND NOT (d.from_id = ANY(n.barred_ids))
      AND n.open_words && (ARRAY['APPROVE'] || ARRAY(SELECT g.role::text FROM grants g
        WHERE g.merchant_id = $1 AND g.ended_at IS NULL AND g.person_id = d.from_id))))"""
_BY_HAND: Final = """
SELECT 1 FROM refunds r WHERE r.merchant_id = $1 AND r.state = 'MANUAL'
  AND ($6::uuid[] IS NULL OR r.store_id = ANY($6))"""
_DUE: Final = """
SELECT 1 FROM findings f WHERE f.merchant_id = $1 AND f.resolved_at IS NULL AND f.due_at < $8 AND ($7::uuid[] IS NULL
  OR EXISTS (SELECT 1 FROM payments p WHERE p.id = f.payment_id AND p.store_id = ANY($7))
  OR EXISTS (SELECT 1 FROM refunds r WHERE r.id = f.refund_id AND r.store_id = ANY($7)))"""
_WAITING: Final = f"""
SELECT (SELECT count(*) FROM ({_APPROVALS} LIMIT $9) AS found) AS approvals,
  (SELECT count(*) FROM ({_BY_HAND} LIMIT $9) AS found) AS by_hand,
  (SELECT count(*) FROM ({_DUE} LIMIT $9) AS found) AS due"""  # noqa: S608 - ours, and all is bound


@dataclass(frozen=True, slots=True)
class CountedTasks:
    """So much of each, up to COUNTED_MAX; nothing of what they may not do."""

    refunds: int
    findings: int


async def waiting(principal: Principal) -> CountedTasks:
    """For a person; nothing waits for a program."""
    if principal.person_id is None:
        return CountedTasks(0, 0)
    now = datetime.now(UTC)
    own = sorted(principal.permissions) if principal.may(Permission.APPROVE) else []
    right = Permission.APPROVE if own else Permission.READ  # a right that is lent reaches what they see
    reaches = [_stores(principal, one) for one in (right, Permission.SETTLE_MANUALLY, Permission.READ_LEDGER)]
    asked: list[Any] = [principal.merchant_id, own, principal.person_id, [*principal.hands], *reaches]
    (found,) = await rows(_WAITING, *asked, now + _SOON, COUNTED_MAX, now)
    return CountedTasks(min(found["approvals"] + found["by_hand"], COUNTED_MAX), found["due"])


def _stores(principal: Principal, permission: Permission) -> list[UUID] | None:
    """In which it is held; None: in all."""
    stores = principal.reach.stores.get(permission, frozenset())
    return None if stores is None else list(stores)
