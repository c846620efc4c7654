"""Who could say the yes that is needed; and where nobody could, what to do about it, in plain words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from domain.access import vouching
from domain.access.holders import actor_of
from domain.access.permissions import PERMISSIONS, Permission, built_in
from domain.models import Payment, Refund
from domain.platform.database import rows
from domain.refunds.approvals import needs, weigh
from domain.refunds.approvals.involved import Involved
from domain.refunds.approvals.rules import Need
from domain.refunds.approvals.weigh import Yes

SHOWN_MAX: Final = 20
_PEOPLE_MAX: Final = 1_000
# People, and what each holds in the store. Programs are not named: nobody should count on one to approve.
_HOLDERS: Final = """
SELECT p.id, p.name, p.email, g.role, g.store_id, r.permissions FROM people p
JOIN grants g ON g.person_id = p.id AND g.merchant_id = $1 AND g.ended_at IS NULL
  AND (g.store_id IS NULL OR g.store_id = ANY($2))
LEFT JOIN roles r ON r.merchant_id = g.merchant_id AND lower(r.name) = lower(g.role) AND r.ended_at IS NULL
WHERE p.state = 'ACTIVE' ORDER BY p.created_at, p.id LIMIT $3"""


@dataclass(frozen=True, slots=True)
class Approver:
    """A person who could say yes, and the roles and permissions that they hold."""

    id: UUID
    name: str
    words: frozenset[str]


async def candidates(merchant_id: UUID, store_id: UUID, part: Involved) -> list[Approver]:
    """The people who may approve in a store, but those who have a part in the refund."""
    return without((await holders(merchant_id, [store_id]))[store_id], part)


async def holders(merchant_id: UUID, store_ids: Collection[UUID]) -> Mapping[UUID, list[Approver]]:
    """The people who may approve in each of these stores, with all that they hold there."""
    found = await rows(_HOLDERS, merchant_id, list(store_ids), _PEOPLE_MAX)
    return {store_id: _in_store(found, store_id) for store_id in store_ids}


def _in_store(found: Sequence[Mapping[str, Any]], store_id: UUID) -> list[Approver]:
    names: dict[UUID, str] = {}
    held: dict[UUID, set[str]] = {}
    for row in found:
        if row["store_id"] in (None, store_id):
            names[row["id"]] = actor_of(row["name"], row["email"])
            words = held.setdefault(row["id"], set())
            words.update({row["role"], *(built_in(row["role"]) or row["permissions"] or ())})
    able = {person: words for person, words in held.items() if Permission.APPROVE in words}
    return [Approver(person, names[person], frozenset(words)) for person, words in able.items()]


def without(able: Sequence[Approver], part: Involved, barred: Collection[UUID] = ()) -> list[Approver]:
    """Those of them who have no part in a refund, and have not said yes to it."""
    return [one for one in able if one.id not in barred and not part.has(one.id, one.name)]


def lacking(wanted: Sequence[Need], given: Sequence[Yes], able: Collection[Approver]) -> Mapping[str, int]:
    """Of which roles and permissions more people are needed than could still say yes, and how many more."""
    said = [*given, *(Yes(one.words) for one in able)]
    return {
        step.of: weigh.missing(need, said)
        for need in (replace(one, in_sequence=False) for one in wanted)  # whoever is there waits for their turn
        for step in need.steps
        if weigh.missing(need, [*said, Yes(frozenset({step.of}))]) < weigh.missing(need, said)
    }


def told(people_wanted: Mapping[str, int]) -> str | None:
    """What to do where there are too few; None: there are enough."""
    if not people_wanted:
        return None
    people = " and ".join(
        f"{count} more {'person' if count == 1 else 'people'} with {word}" for word, count in people_wanted.items()
    )
    role = " or ".join(dict.fromkeys(_role_with(word) for word in people_wanted))
    return (
        f"Nobody else here can say this yes: it takes {people}, who has no part in this refund. Invite a second person "
        f"(personInvite with the role {role}, or `estorno people invite`); they sign in and approve it with a "
        f"token of their own. Mind that {vouching.ADVICE}."
    )


def _role_with(word: str) -> str:
    """The least role that is built in, has this permission and may approve; what is no permission is a role."""
    able = [role.value for role, held in PERMISSIONS.items() if {word, Permission.APPROVE} <= held]
    return able[0] if able else word


async def advice(refund: Refund, part: Involved) -> str | None:
    """What to do about a refund that waits, where nobody could say the yes; None: somebody can."""
    row = await needs.current(refund.id)
    given = await needs.said_to(row) if row is not None else []
    store_id: UUID = (await Payment.get(id=refund.payment_id)).store_id
    able = (await holders(refund.merchant_id, [store_id]))[store_id]
    barred = row.barred_ids if row is not None else ()
    return told(lacking(needs.wanted_of(row), given, without(able, part, barred)))
