"""Lending one's own right to approve to another person, for a time. It is never lent on, and can be taken back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access import grants, roles
from domain.access.holders import actor_of
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Delegation, Person
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, NotFound

SPAN_MAX: Final = timedelta(days=90)
OBJECT: Final = "delegation"  # in the log


def readable(principal: Principal) -> QuerySet[Delegation]:
    """What was lent: of the merchant to who manages people, else what one has lent or was lent. Raises Forbidden."""
    principal.require(Permission.READ, Permission.APPROVE, Permission.MANAGE_PEOPLE)
    found = Delegation.filter(merchant_id=principal.merchant_id)
    if principal.may(Permission.MANAGE_PEOPLE):
        return found
    return found.filter(Q(from_id=principal.party) | Q(to_id=principal.party))


async def delegate(
    principal: Principal, to_person: UUID, starts_at: datetime, ends_at: datetime, cause: Cause
) -> Delegation:
    """Lend one's right to a person who does not hold it, from one moment to another (UTC).

    What was lent to oneself cannot be lent: one holds it not. Raises Forbidden, NotFound, InvalidInput.
    """
    principal.require(Permission.APPROVE)
    lender = await Person.get_or_none(id=principal.party)
    if lender is None:
        raise InvalidInput("Only a person lends their right: sign in, or use a token that you made.", path=["input"])
    _check_span(starts_at, ends_at)
    person = await _other(principal, to_person)
    made = Delegation(
        id=uuid4(),
        merchant_id=principal.merchant_id,
        from_id=lender.id,
        from_name=actor_of(lender.name, lender.email),
        to_id=person.id,
        to_name=actor_of(person.name, person.email),
        starts_at=starts_at,
        ends_at=ends_at,
    )
    async with transaction():
        await made.save(force_create=True)
        what = deeds.changed({}, _told(made))
        await deeds.note(made.merchant_id, "approvalDelegate", Of(OBJECT, made.id), cause, what)
    return made


async def revoke(principal: Principal, delegation_id: UUID, cause: Cause) -> Delegation:
    """Take back what one has lent; who manages people takes back anybody's. Raises Forbidden, NotFound."""
    principal.require(Permission.APPROVE, Permission.MANAGE_PEOPLE)
    found = await Delegation.get_or_none(id=delegation_id, merchant_id=principal.merchant_id)
    if found is None or not (found.from_id == principal.party or principal.may(Permission.MANAGE_PEOPLE)):
        raise NotFound("No such delegation of yours.", path=["input", "delegationId"])
    async with transaction():
        taken = await execute(
            "UPDATE approval_delegations SET revoked_at = now(), revoked_by = $2 WHERE id = $1 AND revoked_at IS NULL",
            delegation_id,
            principal.holder[:200],
        )
        if taken:  # once: repeated, it changes nothing
            what = deeds.changed(_told(found), {})
            await deeds.note(found.merchant_id, "approvalDelegationRevoke", Of(OBJECT, found.id), cause, what)
    return await Delegation.get(id=delegation_id)


def _told(row: Delegation) -> dict[str, object]:
    """What is lent, whose it is, to whom, and for how long (UTC)."""
    return {
        "right": Permission.APPROVE.value,
        "lent_by": row.from_name,
        "lent_by_id": str(row.from_id),
        "lent_to": row.to_name,
        "lent_to_id": str(row.to_id),
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
    }


async def lent_to(principal: Principal) -> Sequence[Delegation]:
    """What is lent to somebody now."""
    now = datetime.now(UTC)
    mine = Delegation.filter(merchant_id=principal.merchant_id, to_id=principal.party, revoked_at=None)
    return await mine.filter(starts_at__lte=now, ends_at__gte=now).order_by("made_at", "id").limit(20)


def _check_span(starts_at: datetime, ends_at: datetime) -> None:
    if not starts_at < ends_at or ends_at <= datetime.now(UTC):
        raise InvalidInput("endsAt lies after startsAt, and ahead.", path=["input", "endsAt"])
    if ends_at - starts_at > SPAN_MAX:
        raise InvalidInput(f"A right is lent for at most {SPAN_MAX.days} days.", path=["input", "endsAt"])


async def _other(principal: Principal, person_id: UUID) -> Person:
    """A person with a part in the merchant, who does not approve everywhere themselves."""
    path = ["input", "toPersonId"]
    found = await Person.get_or_none(id=person_id, state="ACTIVE")
    held = await grants.of_person(person_id, principal.merchant_id)
    if found is None or not (found.merchant_id == principal.merchant_id or held):
        raise NotFound("No such person; people lists them.", path=path)
    if found.id == principal.party:
        raise InvalidInput("It is lent to another person.", path=path)
    sets = await roles.sets_of(principal.merchant_id)
    if any(Permission.APPROVE in sets.get(one.role, frozenset()) and one.store_id is None for one in held):
        raise InvalidInput("This person may approve already.", path=path)
    return found
