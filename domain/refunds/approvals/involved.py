"""Who has a part in a refund, and so does not decide on it: by who answers for them, and by their names besides."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.access.holders import same_person
from domain.models import Destination, Refund
from domain.platform.database import rows

# Whoever makes a link can open it, and whoever makes a customer's token has it: they may be the customer who asked.
_MAKERS: Final = """
SELECT created_by AS name, created_by_id AS party FROM destination_links WHERE refund_id = $1
UNION SELECT t.created_by, t.party_id FROM tokens t JOIN payments p ON p.id = $2 AND p.merchant_id = t.merchant_id
  JOIN grants g ON g.token_id = t.id AND g.role = 'CUSTOMER_ASK'
WHERE t.kind = 'CUSTOMER' AND (t.payment_id = p.id OR t.customer_digest = p.customer_digest)"""


@dataclass(frozen=True, slots=True)
class Involved:
    """The people and programs that have a part in a refund. What is older has names only."""

    parties: frozenset[UUID]
    names: frozenset[str]

    def has(self, party: UUID | None, name: str) -> bool:
        """Whether this is one of them: by who answers for them, else by the name, written in any way."""
        return party in self.parties or any(same_person(name, one) for one in self.names)


async def of(refund: Refund, destination: Destination | None) -> Involved:
    """Who asked for it, named its account, or made a link or a customer's token for it."""
    found = await rows(_MAKERS, refund.id, refund.payment_id)
    pairs = [(refund.requested_by, refund.requested_by_id), *((row["name"], row["party"]) for row in found)]
    if destination is not None:
        pairs.append((destination.provided_by, destination.provided_by_id))
    return Involved(
        frozenset(party for _, party in pairs if party is not None), frozenset(name for name, _ in pairs if name)
    )
