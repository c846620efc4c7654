"""How much waits for a person: refunds for their yes or their hand, and findings that are due. One statement in all."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.platform.database import rows
from domain.refunds.approvals import awaiting

COUNTED_MAX: Final = 100  # of each: who has so much to do needs no number
_SOON: Final = timedelta(days=1)
# $1 to $7 as approvals.awaiting has them.
_BY_HAND: Final = """
SELECT 1 FROM refunds r WHERE r.merchant_id = $1 AND r.state = 'MANUAL'
  AND ($8::uuid[] IS NULL OR r.store_id = ANY($8))"""
_DUE: Final = """
SELECT 1 FROM findings f WHERE f.merchant_id = $1 AND f.resolved_at IS NULL AND f.due_at < $10 AND ($9::uuid[] IS NULL
  OR EXISTS (SELECT 1 FROM payments p WHERE p.id = f.payment_id AND p.store_id = ANY($9))
  OR EXISTS (SELECT 1 FROM refunds r WHERE r.id = f.refund_id AND r.store_id = ANY($9)))"""
_WAITING: Final = f"""
SELECT (SELECT count(*) FROM (SELECT 1 FROM {awaiting.OPEN} LIMIT $11) AS found) AS approvals,
  (SELECT count(*) FROM ({_BY_HAND} LIMIT $11) AS found) AS by_hand,
  (SELECT count(*) FROM ({_DUE} LIMIT $11) AS found) AS due"""  # noqa: S608 - ours, and all is bound


@dataclass(frozen=True, slots=True)
class CountedTasks:
    """So much of each, up to COUNTED_MAX; nothing of what they may not do."""

    refunds: int
    findings: int


async def waiting(principal: Principal) -> CountedTasks:
    """For a person; nothing waits for a program."""
    if principal.person_id is None:
        return CountedTasks(0, 0)
    now, may = datetime.now(UTC), principal.may(Permission.APPROVE)
    right = Permission.APPROVE if may else Permission.READ  # a right that is lent reaches what they see
    asked = awaiting.asked(principal, _stores(principal, right), now)
    reaches = [_stores(principal, one) for one in (Permission.SETTLE_MANUALLY, Permission.READ_LEDGER)]
    (found,) = await rows(_WAITING, *asked, *reaches, now + _SOON, COUNTED_MAX)
    return CountedTasks(min(found["approvals"] + found["by_hand"], COUNTED_MAX), found["due"])


def _stores(principal: Principal, permission: Permission) -> list[UUID] | None:
    """In which it is held; None: in all."""
    stores = principal.reach.stores.get(permission, frozenset())
    return None if stores is None else list(stores)
