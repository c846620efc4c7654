"""People: invited by a one-time link, suspended at once. Whose people they are manages them."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from domain.access import giver, grants, roles, sign_outs
from domain.access.grants import WantedRole
from domain.access.holders import checked_name
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.access.tokens import digest_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Grant, Person, SignInLink
from domain.platform import bell, idempotency
from domain.platform.database import for_all, transaction
from domain.problems import Forbidden, InvalidInput, NotFound

INVITE: Final = "personInvite"
UPDATE: Final = "personUpdate"
LINK_LIFETIME: Final = timedelta(hours=24)
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_EMAIL_LENGTH_MAX: Final = 95


class PersonState(StrEnum):
    """Whether somebody can sign in."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True)
class Link:
    """A sign-in link's secret in clear, this once, and until when it works (UTC)."""

    secret: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """A person and the link that signs them in; `link` None where the same key had invited them before."""

    person: Person
    link: Link | None


def readable(principal: Principal) -> QuerySet[Person]:
    """The merchant's own people, and the guests who have a part in it. Raises Forbidden."""
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    here = principal.merchant_id
    guests = Subquery(Grant.filter(merchant_id=here, ended_at=None, person_id__isnull=False).values("person_id"))
    return Person.filter(Q(merchant_id=here) | Q(id__in=guests))


async def invite(
    principal: Principal, name: str, email: str, wanted: Sequence[WantedRole], key: str, cause: Cause
) -> Invited:
    """Make a person with what they may do, and a link that signs them in once within a day.

    Raises Forbidden, NotFound, InvalidInput, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    name, email = checked_name(name, ["input", "name"]), checked_email(email)
    facts = {"name": name, "email": email, "grants": sorted([one.role, one.store_code or ""] for one in wanted)}
    person_id = uuid4()
    try:
        async with transaction():
            stored = await idempotency.claim(principal.merchant_id, INVITE, key, facts, person_id, cause)
            if stored is not None:
                return Invited(await Person.get(id=stored), None)
            await roles.lock(principal.merchant_id)  # what a role holds does not grow before the link is there
            pairs = await grants.checked(principal, wanted, ["input", "grants"])
            made = await make(
                principal.merchant_id, name, email, pairs, cause.actor, person_id=person_id, maker=principal.voucher
            )
            told = {"name": name, "email": email, "grants": grants.written(pairs)}
            await deeds.note(principal.merchant_id, INVITE, Of("person", person_id), cause, deeds.changed({}, told))
            return Invited(*made)
    except IntegrityError as error:
        raise InvalidInput("One of your people has this address already.", path=["input", "email"]) from error


async def make(
    merchant_id: UUID,
    name: str,
    email: str,
    pairs: Sequence[grants.RoleInStore],
    actor: str,
    *,
    person_id: UUID | None = None,
    maker: UUID | None = None,
) -> tuple[Person, Link]:
    """A person with these grants and a first link, inside the caller's transaction; nobody's leave is asked.

    `maker`: who stands behind the link; None: the owner of the database, who vouches for whom it is made for.
    """
    await giver.show()
    person = await Person.create(
        id=person_id or uuid4(), merchant_id=merchant_id, name=name, email=email, created_by=actor
    )
    for role, store_id in pairs:
        await Grant.create(
            id=uuid4(), merchant_id=merchant_id, person_id=person.id, role=role, store_id=store_id, created_by=actor
        )
    return person, await new_link(person.id, actor, maker)


async def new_link(person_id: UUID, actor: str, maker: UUID | None = None) -> Link:
    """Another link; those before it that nobody used work no more."""
    secret, expires_at = secrets.token_urlsafe(32), datetime.now(UTC) + LINK_LIFETIME
    await sign_outs.close_links([person_id])
    await giver.show()
    await SignInLink.create(
        id=uuid4(),
        person_id=person_id,
        digest=digest_of(secret),
        created_by=actor,
        created_by_id=maker,
        expires_at=expires_at,
    )
    return Link(secret, expires_at)


@for_all("a person may have a part in several merchants: each keeps an administrator")
async def update(
    principal: Principal, person_id: UUID, name: str | None, state: PersonState | None, cause: Cause
) -> Person:
    """Give a person of one's own another name, suspend them (their sessions end at once), or have them back.

    Raises Forbidden, NotFound, InvalidInput.
    """
    places = {principal.merchant_id, *await _merchants_of(person_id)}
    async with transaction():
        for merchant_id in sorted(places):
            await roles.lock(merchant_id)
        person = await _own(principal, person_id)
        if name is not None:
            await Person.filter(id=person_id).update(name=checked_name(name, ["input", "name"]))
        if state is PersonState.SUSPENDED:
            grants.refuse_self(principal, person_id)
            for merchant_id in places:
                await grants.check_not_last(merchant_id, person_id)
            await sign_outs.all_of([person_id])
        if state is not None:
            await giver.show()
            await Person.filter(id=person.id).update(state=state.value)
        had, after = _facts(person), _facts(await Person.get(id=person_id))
        if what := deeds.changed(had, after):
            await deeds.note(person.merchant_id, UPDATE, Of("person", person_id), cause, what)
    await bell.wake(bell.TOKENS_CHANNEL)
    return await Person.get(id=person_id)


async def sign_in_link(principal: Principal, person_id: UUID, cause: Cause) -> tuple[Person, Link]:
    """A new one-time link for a person of one's own, who may do nothing that one may not oneself.

    Raises Forbidden, NotFound, InvalidInput.
    """
    async with transaction():
        await roles.lock(principal.merchant_id)
        person = await _own(principal, person_id)
        if person.state != PersonState.ACTIVE:
            raise InvalidInput("This person is suspended.", path=["input", "personId"])
        elsewhere = set(await _merchants_of(person_id)) - {principal.merchant_id}
        if elsewhere and principal.person_id != person_id:
            raise Forbidden("This person has a part in other merchants too; they must make the link themselves.")
        await deeds.note(person.merchant_id, "signInLinkCreate", Of("person", person_id), cause)
        return person, await new_link(person_id, cause.actor, principal.voucher)


async def vouched_link(person: Person, cause: Cause) -> Link:
    """A new one-time link behind which nobody stands: for the owner of the database, who says who it is."""
    async with transaction():
        await deeds.note(person.merchant_id, "signInLinkCreate", Of("person", person.id), cause)
        return await new_link(person.id, cause.actor)


def _facts(person: Person) -> dict[str, str]:
    return {"name": person.name, "state": str(person.state)}


async def _own(principal: Principal, person_id: UUID) -> Person:
    """A person of one's own who may nothing that one may not; the row is held until the transaction ends."""
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    person = await (
        Person.filter(id=person_id, merchant_id=principal.merchant_id).select_for_update(no_key=True).get_or_none()
    )
    if person is None:
        raise NotFound("No such person of your own; people lists them.", path=["input", "personId"])
    await grants.check_covers(principal, person_id)
    return person


@for_all("a person may have a part in several merchants")
async def _merchants_of(person_id: UUID) -> list[UUID]:
    found = await Grant.filter(person_id=person_id, ended_at=None)
    return list({grant.merchant_id for grant in found})


def checked_email(text: str) -> str:
    """An address, without the spaces around it. Raises InvalidInput."""
    stripped = text.strip()
    if len(stripped) > _EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(stripped):
        raise InvalidInput(
            f"email takes an address of at most {_EMAIL_LENGTH_MAX} ASCII characters.", path=["input", "email"]
        )
    return stripped
