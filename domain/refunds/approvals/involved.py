"""Who has a part in a refund, and so does not decide on it: by who answers for them, and by their names besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.access import vouching
from domain.access.holders import same_person
from domain.access.principal import Principal
from domain.models import Destination, Refund
from domain.platform.database import rows

# Whoever makes a link can open it, and whoever makes a customer's token has it: they may be the customer who asked. Who
# said which payment a shop's refund is of, and perhaps how much of it, has asked for it. Whoever gave the shop a secret
# can have signed with it: until others have replaced it, the old one is believed no more, and a month is over besides,
# within which a message can have been kept.
_TOKENS: Final = """
  JOIN tokens t ON t.merchant_id = p.merchant_id AND t.kind = 'CUSTOMER'
    AND (t.payment_id = p.id OR t.customer_digest = p.customer_digest)
  JOIN grants g ON g.token_id = t.id AND g.role = 'CUSTOMER_ASK'"""
_OF_SHOPS: Final = """
SELECT s.refund_id, d.actor AS name, d.party FROM shop_refunds s JOIN deeds d ON d.merchant_id = s.merchant_id
  AND d.object_kind = 'shop' AND d.object_id = s.shop_id::text AND d.kind = 'CHANGE' AND d.changes ? 'secrets'
WHERE s.refund_id = ANY($1) AND NOT EXISTS (SELECT 1 FROM deeds e WHERE e.merchant_id = d.merchant_id
  AND e.object_kind = d.object_kind AND e.object_id = d.object_id AND e.kind = d.kind AND e.id > d.id
  AND (e.changes -> 'secrets' -> 1) @> (d.changes -> 'secrets' -> 1)
  AND coalesce((e.changes -> 'old_secrets_until' ->> 1)::timestamptz, e.occurred_at)
    < s.created_at - interval '30 days')"""
_MAKERS: Final = f"""{_OF_SHOPS} UNION
SELECT refund_id, created_by AS name, created_by_id AS party FROM destination_links WHERE refund_id = ANY($1)
UNION SELECT refund_id, decided_by, decided_by_id FROM shop_refunds
WHERE refund_id = ANY($1) AND decided_by IS NOT NULL
UNION SELECT r.id, t.created_by, t.party_id FROM refunds r JOIN payments p ON p.id = r.payment_id {_TOKENS}
WHERE r.id = ANY($1)"""  # noqa: S608 - ours, and every value is bound
_OF_PAYMENT: Final = f"SELECT t.created_by AS name, t.party_id AS party FROM payments p {_TOKENS} WHERE p.id = $1"  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Involved:
    """The people and programs that have a part in a refund. What is older has names only."""

    parties: frozenset[UUID]
    names: frozenset[str]

    def has_hands(self, principal: Principal) -> bool:
        """Whether this is one of them, or may be: by a link that one of them made, or theirs that this one made."""
        return self.has(principal.party, principal.holder) or not principal.hands.isdisjoint(self.parties)

    def has(self, party: UUID | None, name: str) -> bool:
        """Whether this is one of them: by who answers for them, else by the name, written in any way."""
        return party in self.parties or any(same_person(name, one) for one in self.names)


async def of(refund: Refund, destination: Destination | None) -> Involved:
    """Who asked for it, named its account, or made a link or a customer's token for it."""
    return (await of_all([refund], {refund.id: destination} if destination is not None else {}))[refund.id]


async def of_all(refunds: Sequence[Refund], named: Mapping[UUID, Destination]) -> Mapping[UUID, Involved]:
    """The same of several, with the destinations that count."""
    pairs: dict[UUID, list[tuple[str | None, UUID | None]]] = {
        refund.id: [(refund.requested_by, refund.requested_by_id)] for refund in refunds
    }
    for row in await rows(_MAKERS, list(pairs)):
        pairs[row["refund_id"]].append((row["name"], row["party"]))
    for refund_id, destination in named.items():
        pairs[refund_id].append((destination.provided_by, destination.provided_by_id))
    parties = {party for found in pairs.values() for _, party in found if party is not None}
    makers = await vouching.behind(parties, min((refund.created_at for refund in refunds), default=None))
    for found in pairs.values():
        found += [(None, maker) for _, party in list(found) if party is not None for maker in makers.get(party, ())]
    return {refund_id: _involved(found) for refund_id, found in pairs.items()}


async def of_payment(payment_id: UUID, principal: Principal) -> Involved:
    """Who would have a part in a refund of the payment that this one asked for."""
    found = await rows(_OF_PAYMENT, payment_id)
    direct = {*principal.hands, *(row["party"] for row in found if row["party"] is not None)}
    names = {principal.holder, *(row["name"] for row in found if row["name"])}
    makers = await vouching.behind(direct)
    return Involved(frozenset(direct).union(*makers.values()), frozenset(names))


def _involved(pairs: Sequence[tuple[str | None, UUID | None]]) -> Involved:
    return Involved(
        frozenset(party for _, party in pairs if party is not None), frozenset(name for name, _ in pairs if name)
    )
