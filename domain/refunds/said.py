"""Doubts of which one person has said what happened, so that another one's word is wanted."""

from typing import Final
from uuid import UUID

from domain.access import second
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.access.second import FirstWord, SecondPerson
from domain.platform.database import rows

_MOST: Final = 1_000
# A vote counts for the refund as it was (doubt.resolve): not after another send, nor after a move. $1 the merchant.
STANDING: Final = """doubt_verdicts v JOIN refunds r ON r.id = v.refund_id
  AND r.state IN ('REQUESTED', 'SUBMITTED', 'PENDING', 'MANUAL')
WHERE v.merchant_id = $1 AND v.withdrawn_at IS NULL AND v.confirmed_at IS NULL
  AND v.attempt = (SELECT max(a.number) FROM attempts a WHERE a.refund_id = v.refund_id)
  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.refund_id = v.refund_id AND e.previous_state <> e.state
    AND e.occurred_at > v.proposed_at)"""
# That it was not paid is said with the PSE's report, or by who may say so before it.
PROVEN: Final = """(v.verdict = 'PAID' OR EXISTS (SELECT 1 FROM reports p WHERE p.connection_id = r.connection_id
  AND p.superseded_at IS NULL
  AND p.business_date > (SELECT max(a.sent_at)::date FROM attempts a WHERE a.refund_id = v.refund_id)))"""
_FIRST: Final = f"""SELECT v.proposed_by_id AS party, v.proposed_by AS holder, min(v.proposed_at) AS since
FROM {STANDING} AND v.proposed_by_id IS NOT NULL GROUP BY 1, 2"""  # noqa: S608 - ours
_OF_ANYBODY: Final = f"SELECT v.refund_id FROM {STANDING} ORDER BY v.proposed_at LIMIT $2"  # noqa: S608 - ours
_OF_ME: Final = f"""SELECT v.refund_id FROM {STANDING} AND NOT (v.proposed_by_id = ANY($3::uuid[]))
  AND ($4::uuid[] IS NULL OR r.store_id = ANY($4))
  AND ($5::uuid[] IS NULL OR r.store_id = ANY($5) OR {PROVEN})
ORDER BY v.proposed_at LIMIT $2"""  # noqa: S608 - ours


async def of_second(principal: Principal, wanted: SecondPerson) -> list[UUID]:
    """The refunds whose doubt waits for anybody's word, or for that of whoever asks: the 1,000 oldest."""
    here = principal.merchant_id
    if wanted is SecondPerson.ANYBODY:
        return [row["refund_id"] for row in await rows(_OF_ANYBODY, here, _MOST)]
    own = await second.own(principal, [FirstWord.of(row) for row in await rows(_FIRST, here)])
    held = [second.stores_of(principal, one) for one in (Permission.RESOLVE_DOUBT, Permission.RESOLVE_DOUBT_EARLY)]
    return [row["refund_id"] for row in await rows(_OF_ME, here, _MOST, own, *held)]
