"""What a person or a token may do at a merchant. Nobody gives, or takes away, what they do not hold themselves."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access import giver, roles, sign_outs, stores
from domain.access.permissions import ADMINISTERING, Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Grant, Person, Token
from domain.platform import bell
from domain.platform.database import for_all, rows, transaction
from domain.problems import Forbidden, InvalidInput, NotFound

GRANTS_MAX: Final = 100  # of one holder at one merchant
_PATH: Final = ["input", "grants"]
RoleInStore = tuple[str, UUID | None]  # a role's name, in one store or (None) in all


@dataclass(frozen=True, slots=True)
class WantedRole:
    """A role by its name, in the store of a code or (None) in all."""

    role: str
    store_code: str | None = None


async def checked(principal: Principal, wanted: Sequence[WantedRole], path: list[str]) -> list[RoleInStore]:
    """What is to be given, each once. Raises Forbidden, InvalidInput, NotFound for a role or store that is unknown."""
    if len(wanted) > GRANTS_MAX:
        raise InvalidInput(f"At most {GRANTS_MAX} grants can be given at once.", path=path)
    sets = await roles.sets_of(principal.merchant_id)
    codes = {one.store_code for one in wanted if one.store_code is not None}
    ids = await stores.by_codes(principal.merchant_id, codes, path)
    pairs: set[RoleInStore] = set()
    for one in wanted:
        if one.role not in sets:
            raise NotFound(f"No such role: {one.role}; roles lists them.", path=path)
        store_id = ids[one.store_code] if one.store_code is not None else None
        roles.check_holds(principal, sets[one.role], store_id)
        pairs.add((one.role, store_id))
    return sorted(pairs, key=str)


@for_all("whoever is given a part may be another merchant's person, whose links and sessions end")
async def give_person(principal: Principal, person_id: UUID, wanted: Sequence[WantedRole], cause: Cause) -> Person:
    """Have these be all that a person may do at this merchant: of its own people, or a guest whose id one was told.

    Who is given what they did not have signs in anew: whoever held their links or sessions may hold less.

    Raises Forbidden, NotFound, InvalidInput; the last administrator keeps that role.
    """
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    async with transaction():
        await roles.lock(principal.merchant_id)
        # Held, so that no link is made meanwhile by who sees what the person may do now.
        person = await Person.filter(id=person_id).select_for_update(no_key=True).get_or_none()
        if person is None or not await _is_known(principal, person):
            raise NotFound("No such person; people lists them.", path=["input", "personId"])
        pairs = await checked(principal, wanted, _PATH)
        await check_covers(principal, person_id)
        if not any(role in ADMINISTERING and store is None for role, store in pairs):
            await check_not_last(principal.merchant_id, person_id)
        had = [(one.role, one.store_id) for one in await of_person(person_id, principal.merchant_id)]
        await _replace(principal.merchant_id, person_id, pairs, cause)
        if what := deeds.changed({"grants": written(had)}, {"grants": written(pairs)}):
            await deeds.note(principal.merchant_id, "grantSet", Of("person", person_id), cause, what)
    await bell.wake(bell.TOKENS_CHANNEL)
    return person


def written(pairs: Collection[RoleInStore]) -> list[str]:
    """As they stand in the log: ROLE, or ROLE:store's id."""
    return sorted(f"{role}:{store_id}" if store_id else role for role, store_id in pairs)


async def _is_known(principal: Principal, person: Person) -> bool:
    """Its own people, those who have a part in it already, and of the people of whoever asks (a platform's)."""
    if person.merchant_id == principal.merchant_id:
        return True
    if principal.person_id is not None and (await Person.get(id=principal.person_id)).merchant_id == person.merchant_id:
        return True
    return await Grant.exists(merchant_id=principal.merchant_id, person_id=person.id, ended_at=None)


async def check_covers(principal: Principal, person_id: UUID) -> None:
    """Raises Forbidden unless one holds all that a person may do at one's merchant."""
    sets = await roles.sets_of(principal.merchant_id)
    for grant in await of_person(person_id, principal.merchant_id):
        roles.check_holds(principal, sets.get(grant.role, frozenset()), grant.store_id)


async def check_not_last(merchant_id: UUID, person_id: UUID) -> None:
    """Raises InvalidInput where the person is the merchant's only administrator who can sign in."""
    found = await rows(
        "SELECT DISTINCT g.person_id FROM grants g JOIN people p ON p.id = g.person_id "
        "WHERE g.merchant_id = $1 AND g.ended_at IS NULL AND g.store_id IS NULL AND g.role = ANY($2) "
        "AND p.state = 'ACTIVE'",
        merchant_id,
        [role.value for role in ADMINISTERING],
    )
    if [row["person_id"] for row in found] == [person_id]:
        raise InvalidInput("This is the last administrator; make another person one first.", path=["input", "personId"])


async def of_person(person_id: UUID, merchant_id: UUID) -> list[Grant]:
    """What a person may do at a merchant."""
    return await Grant.filter(person_id=person_id, merchant_id=merchant_id, ended_at=None).order_by("created_at", "id")


@lru_cache(maxsize=1_024)
def of_people_at(merchant_id: UUID) -> Callable[[Collection[UUID]], Awaitable[dict[UUID, list[Grant]]]]:
    """A reader of what people may do at a merchant."""

    async def read(person_ids: Collection[UUID]) -> dict[UUID, list[Grant]]:
        found = Grant.filter(merchant_id=merchant_id, person_id__in=list(person_ids), ended_at=None)
        return _by(await found.order_by("created_at", "id"), "person_id")

    return read


async def of_tokens(token_ids: Collection[UUID]) -> dict[UUID, list[Grant]]:
    """What each of these tokens may do."""
    return _by(await Grant.filter(token_id__in=list(token_ids), ended_at=None).order_by("created_at", "id"), "token_id")


async def of_token(token: Token) -> list[RoleInStore]:
    """What a token may do; one that was made before there were grants has the role on its row."""
    found = await Grant.filter(token_id=token.id, ended_at=None).order_by("created_at", "id")
    return [(grant.role, grant.store_id) for grant in found] or [(token.role, None)]


async def _end(merchant_id: UUID, person_id: UUID, kept: Collection[RoleInStore], cause: Cause) -> set[RoleInStore]:
    """End what a person may do at a merchant, but what is kept; what they have had of that."""
    now, had = datetime.now(UTC), set[RoleInStore]()
    for grant in await of_person(person_id, merchant_id):
        if (grant.role, grant.store_id) in kept:
            had.add((grant.role, grant.store_id))
        else:
            await Grant.filter(id=grant.id).update(ended_at=now, ended_by=cause.actor)
    return had


async def _replace(merchant_id: UUID, person_id: UUID, pairs: Sequence[RoleInStore], cause: Cause) -> None:
    had = await _end(merchant_id, person_id, pairs, cause)
    if set(pairs) - had:
        await sign_outs.all_of([person_id])
    await giver.show()
    for role, store_id in pairs:
        if (role, store_id) not in had:
            await Grant.create(
                id=uuid4(),
                merchant_id=merchant_id,
                person_id=person_id,
                role=role,
                store_id=store_id,
                created_by=cause.actor,
            )


def _by(found: Sequence[Grant], key: str) -> dict[UUID, list[Grant]]:
    given: dict[Any, list[Grant]] = {}
    for grant in found:
        given.setdefault(getattr(grant, key), []).append(grant)
    return given


def refuse_self(principal: Principal, person_id: UUID) -> None:
    """Raises Forbidden where somebody would do this to themselves."""
    if principal.person_id == person_id:
        raise Forbidden("You cannot do this to yourself; ask another administrator.")
