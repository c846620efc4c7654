"""Who may be behind somebody: whoever makes a person's sign-in link can have used it themselves.

So what a person does in a session that a link began counts as the maker's too, wherever two people are wanted. An
identity provider vouches for whom it signs in; so does the owner of the database, on whose machine nobody made it.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.platform.database import for_all, rows

# Of sessions and tokens that live, or did within 30 days. A token that such a session made has it from the session.
_BEHIND: Final = """
SELECT vouched_by_id AS id FROM sessions
WHERE person_id = ANY($1) AND vouched_by_id IS NOT NULL AND expires_at > now() - interval '30 days'
UNION SELECT vouched_by_id FROM tokens
WHERE party_id = ANY($1) AND vouched_by_id IS NOT NULL AND expires_at > now() - interval '30 days'"""
ADVICE: Final = (
    "who signs in by a link that you made counts as you, so let them sign in with your identity provider, or make the "
    "link where the database is (`estorno sign-in link`)"
)


@for_all("a person may have a part in several merchants, and signs in at their own")
async def behind(parties: Collection[UUID]) -> frozenset[UUID]:
    """Whoever may have done what these did: the makers of the links by which they signed in."""
    return frozenset(row["id"] for row in await rows(_BEHIND, list(parties))) if parties else frozenset()


async def is_same(principal: Principal, party: UUID | None) -> bool:
    """Whether one pair of hands may be both, this principal and whoever answers for another deed."""
    if party is None:
        return False
    return not principal.hands.isdisjoint({party, *await behind([party])})
