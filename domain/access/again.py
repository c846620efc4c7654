"""Who has asked for work that is done later: what they may do now is looked up again, where it is done."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain.access import vouching
from domain.access.principal import Principal, Reach, role_reach
from domain.access.tokens import GRANTED, granted
from domain.platform.database import for_all, rows

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_ROLES: Final = "LEFT JOIN roles r ON r.merchant_id = $2 AND lower(r.name) = lower(g.role) AND r.ended_at IS NULL"
_PERSON: Final = f"""SELECT g.role AS granted, g.store_id, r.permissions FROM people p
JOIN grants g ON g.person_id = p.id AND g.merchant_id = $2 AND g.ended_at IS NULL {_ROLES}
WHERE p.id = $1 AND p.state = 'ACTIVE'"""  # noqa: S608 - ours
_TOKEN: Final = f"""SELECT t.role, g.role AS granted, g.store_id, r.permissions FROM tokens t
LEFT JOIN grants g ON g.token_id = t.id AND g.ended_at IS NULL {_ROLES}
WHERE t.id = $1 AND t.merchant_id = $2 AND t.revoked_at IS NULL AND t.expires_at > now()
  AND t.payment_id IS NULL AND t.customer_digest IS NULL
  AND NOT EXISTS (SELECT 1 FROM tokens m WHERE m.id = t.maker_id AND m.revoked_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM people m WHERE m.id = t.maker_id AND m.state <> 'ACTIVE')"""  # noqa: S608 - ours


@for_all("what somebody may do who has asked for work that is done now")
async def principal_again(
    merchant_id: UUID, holder: str, party: UUID, person_id: UUID | None, token_id: UUID | None
) -> Principal | None:
    """The person or the token that had asked, with what they may do now; None: they are not there any more."""
    asked, who = (_PERSON, person_id) if person_id is not None else (_TOKEN, token_id)
    if who is None:
        return None
    found = await rows(asked, who, merchant_id)
    if not found:
        return None
    # Whoever made the link by which they signed in counts for what is done later, too.
    makers = (await vouching.behind([party])).get(party, frozenset())
    maker = min(makers, default=None)
    return Principal(who, merchant_id, holder, _reach(found), _NEVER, person_id, party_id=party, vouched_by=maker)


def _reach(found: list[dict[str, Any]]) -> Reach:
    old: Mapping[str, Any] = found[0]
    if old.get("role", GRANTED) != GRANTED:  # a token that was made before there were grants
        return role_reach(old["role"])
    return granted(found)
