"""How much waits for a person: refunds for their yes, word or hand; findings that are due, or wait for their word."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from domain.access import second
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.access.second import FirstWord, stores_of
from domain.platform.database import rows
from domain.refunds import said
from domain.refunds.approvals import awaiting

COUNTED_MAX: Final = 100  # of each: who has so much to do needs no number
_SOON: Final = timedelta(days=1)
# $1 to $7 as approvals.awaiting has them, $8 to $11 as _WAITING, the others as `_as_second`.
_BY_HAND: Final = """
SELECT r.id FROM refunds r WHERE r.merchant_id = $1 AND r.state = 'MANUAL'
  AND ($8::uuid[] IS NULL OR r.store_id = ANY($8))"""
_DOUBTS: Final = f"""
SELECT r.id FROM {said.STANDING} AND NOT (v.proposed_by_id = ANY($12::uuid[]))
  AND ($13::uuid[] IS NULL OR r.store_id = ANY($13))
  AND ($14::uuid[] IS NULL OR r.store_id = ANY($14) OR {said.PROVEN})"""  # noqa: S608 - ours
_OF_STORES: Final = """({stores}::uuid[] IS NULL
  OR EXISTS (SELECT 1 FROM payments p WHERE p.id = f.payment_id AND p.store_id = ANY({stores}))
  OR EXISTS (SELECT 1 FROM refunds r WHERE r.id = f.refund_id AND r.store_id = ANY({stores})))"""
_DUE: Final = f"""
SELECT f.id FROM findings f WHERE f.merchant_id = $1 AND f.resolved_at IS NULL AND f.due_at < $10
  AND {_OF_STORES.format(stores="$9")}"""  # noqa: S608 - ours
_CONFIRMED_BY_TWO: Final = f"""
SELECT f.id FROM finding_resolutions s JOIN findings f ON f.id = s.finding_id AND f.resolved_at IS NULL
WHERE s.merchant_id = $1 AND s.started_at IS NULL AND s.ended_at IS NULL AND NOT (s.proposed_by_id = ANY($12::uuid[]))
  AND {_OF_STORES.format(stores="$15")}"""  # noqa: S608 - ours
# What is found in two ways is one thing to do.
_WAITING: Final = f"""
SELECT (SELECT count(*) FROM ((SELECT r.id FROM {awaiting.OPEN} LIMIT $11)
      UNION ({_BY_HAND} LIMIT $11) UNION ({_DOUBTS} LIMIT $11)) AS found) AS refunds,
  (SELECT count(*) FROM (({_DUE} LIMIT $11) UNION ({_CONFIRMED_BY_TWO} LIMIT $11)) AS found) AS findings,
  (SELECT count(*) FROM ({_DOUBTS} LIMIT $11) AS found) AS doubts,
  (SELECT count(*) FROM ({_CONFIRMED_BY_TWO} LIMIT $11) AS found) AS confirmations"""  # noqa: S608 - ours, and all is bound
_FIRST: Final = f"""SELECT party, holder, min(since) AS since FROM (
  SELECT proposed_by_id AS party, proposed_by AS holder, proposed_at AS since FROM finding_resolutions
  WHERE merchant_id = $1 AND started_at IS NULL AND ended_at IS NULL
  UNION ALL SELECT v.proposed_by_id, v.proposed_by, v.proposed_at FROM {said.STANDING} AND v.proposed_by_id IS NOT NULL
) AS told GROUP BY 1, 2"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class CountedTasks:
    """So much of each, up to COUNTED_MAX; nothing of what they may not do.

    `doubts` of the refunds and `confirmations` of the findings wait for their word beside another person's.
    """

    refunds: int = 0
    findings: int = 0
    doubts: int = 0
    confirmations: int = 0


async def waiting(principal: Principal) -> CountedTasks:
    """For a person; nothing waits for a program."""
    if principal.person_id is None:
        return CountedTasks()
    now, may = datetime.now(UTC), principal.may(Permission.APPROVE)
    right = Permission.APPROVE if may else Permission.READ  # a right that is lent reaches what they see
    asked = awaiting.asked(principal, stores_of(principal, right), now)
    reaches = [stores_of(principal, one) for one in (Permission.SETTLE_MANUALLY, Permission.READ_LEDGER)]
    (found,) = await rows(_WAITING, *asked, *reaches, now + _SOON, COUNTED_MAX, *await _as_second(principal))
    return CountedTasks(**{name: min(count, COUNTED_MAX) for name, count in dict(found).items()})


async def _as_second(principal: Principal) -> list[list[UUID] | None]:
    """Of whose words they cannot be the second, and in which stores they may be that of others'."""
    wanted = (Permission.RESOLVE_DOUBT, Permission.RESOLVE_DOUBT_EARLY, Permission.WORK_FINDINGS)
    if not principal.permissions & {Permission.RESOLVE_DOUBT, Permission.WORK_FINDINGS}:
        return [[], [], [], []]
    first = [FirstWord.of(row) for row in await rows(_FIRST, principal.merchant_id)]
    return [await second.own(principal, first), *(stores_of(principal, one) for one in wanted)]
