"""Who may be behind somebody: whoever makes a person's sign-in link can have used it themselves.

So what a person does in a session that a link began counts as the maker's too, wherever two people are wanted. An
identity provider vouches for whom it signs in; so does the owner of the database, on whose machine nobody made it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.platform.database import for_all, rows

# Of sessions and tokens that live, or did within 30 days before a moment. A token that such a session made has it from
# the session.
_BEHIND: Final = """
SELECT person_id AS party, vouched_by_id AS voucher FROM sessions
WHERE person_id = ANY($1) AND vouched_by_id IS NOT NULL
  AND expires_at > least(now(), $2::timestamptz) - interval '30 days'
UNION SELECT party_id, vouched_by_id FROM tokens
WHERE party_id = ANY($1) AND vouched_by_id IS NOT NULL
  AND expires_at > least(now(), $2::timestamptz) - interval '30 days'"""
_OR_SUSPENDED: Final = f"""{_BEHIND}
UNION SELECT id, NULL FROM people WHERE id = ANY($1) AND state = 'SUSPENDED'"""  # noqa: S608 - ours
# People of a merchant, be it that they are none any more, who have signed in by a link that one of these made.
_MADE_BY: Final = """
SELECT DISTINCT g.person_id AS party FROM grants g WHERE g.merchant_id = $1 AND g.person_id IS NOT NULL AND (
  EXISTS (SELECT 1 FROM sessions s WHERE s.person_id = g.person_id AND s.vouched_by_id = ANY($2)
    AND s.expires_at > now() - interval '30 days')
  OR EXISTS (SELECT 1 FROM tokens t WHERE t.party_id = g.person_id AND t.vouched_by_id = ANY($2)
    AND t.expires_at > now() - interval '30 days'))"""
ADVICE: Final = (
    "who signs in by a link that you made counts as you, so let them sign in with your identity provider, or make the "
    "link where the database is (`estorno sign-in link`)"
)


@for_all("a person may have a part in several merchants, and signs in at their own")
async def behind(parties: Collection[UUID], since: datetime | None = None) -> Mapping[UUID, frozenset[UUID]]:
    """Whoever may have done what each of these did: the makers of the links by which they signed in.

    `since`: when the first of it was done; what waits for a second person outlives the session it was done in.
    """
    found: dict[UUID, frozenset[UUID]] = {}
    for row in await rows(_BEHIND, list(parties), since) if parties else ():
        found[row["party"]] = found.get(row["party"], frozenset()) | {row["voucher"]}
    return found


@for_all("a person may have a part in several merchants, signs in at their own, and is suspended there")
async def behind_or_suspended(
    parties: Collection[UUID], since: datetime
) -> tuple[Mapping[UUID, frozenset[UUID]], frozenset[UUID]]:
    """`behind`, and who of these people is suspended, in one statement."""
    found: dict[UUID, frozenset[UUID]] = {}
    suspended = set()
    for row in await rows(_OR_SUSPENDED, list(parties), since):
        if row["voucher"] is None:
            suspended.add(row["party"])
        else:
            found[row["party"]] = found.get(row["party"], frozenset()) | {row["voucher"]}
    return found, frozenset(suspended)


@for_all("a person may have a part in several merchants, and signs in at their own")
async def all_hands(principal: Principal) -> frozenset[UUID]:
    """All whose deeds at the merchant one pair of hands may have done: this one, who made the link by which they
    signed in, and whoever else has signed in by a link of either."""
    hands = principal.hands
    return hands | {row["party"] for row in await rows(_MADE_BY, principal.merchant_id, list(hands))}


async def is_same(principal: Principal, party: UUID | None, since: datetime | None) -> bool:
    """Whether one pair of hands may be both: this principal, and whoever answers for a deed of that moment."""
    if party is None:
        return False
    makers = (await behind([party], since)).get(party, frozenset())
    return not principal.hands.isdisjoint({party, *makers})
