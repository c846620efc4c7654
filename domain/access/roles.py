"""What a role's name stands for at a merchant: one that is built in, or a set that the merchant has named itself."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from domain.access import giver, sign_outs
from domain.access.holders import checked_name
from domain.access.permissions import CUSTOMERS, PERMISSIONS, Permission, Role, built_in
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Grant, OwnRole
from domain.platform import bell
from domain.platform.alone import lock_name
from domain.platform.database import rows, transaction
from domain.problems import Forbidden, InvalidInput, NotFound

NAME_LENGTH_MAX: Final = 64
OWN_MAX: Final = 90  # of one merchant: with those that are built in, a page
_PATH: Final = ["input", "name"]
# Tokens that have ended keep their grants, and nobody can use them again.
_HOLDERS: Final = (
    "SELECT 1 AS one FROM grants g LEFT JOIN tokens t ON t.id = g.token_id "
    "WHERE g.merchant_id = $1 AND g.role = $2 AND g.ended_at IS NULL "
    "AND (g.person_id IS NOT NULL OR (t.revoked_at IS NULL AND t.expires_at > now())) LIMIT 1"
)
_CUSTOMERS_ONLY: Final = frozenset({Permission.SEE, Permission.ASK})


async def sets_of(merchant_id: UUID) -> Mapping[str, frozenset[Permission]]:
    """All roles that can be given at a merchant, by name."""
    own = await OwnRole.filter(merchant_id=merchant_id, ended_at=None).order_by("name")
    sets = {role.value: granted for role, granted in PERMISSIONS.items()}
    return sets | {row.name: known(row.permissions) for row in own}


async def own(principal: Principal) -> list[OwnRole]:
    """The merchant's own roles, by name, for who gives them. Raises Forbidden."""
    principal.require_everywhere(Permission.MANAGE_PEOPLE, Permission.MANAGE_TOKENS)
    return await current(principal.merchant_id)


async def current(merchant_id: UUID) -> list[OwnRole]:
    """The merchant's own roles, by name."""
    return await OwnRole.filter(merchant_id=merchant_id, ended_at=None).order_by("name").limit(OWN_MAX)


def known(names: Collection[str]) -> frozenset[Permission]:
    """The permissions of these names; a word of a later version is none."""
    return frozenset(Permission(name) for name in names if name in Permission.__members__)


def check_holds(principal: Principal, permissions: frozenset[Permission], store_id: UUID | None) -> None:
    """Raises Forbidden unless one holds what one gives, or takes away, where it is held."""
    lacking = sorted(one for one in permissions if not principal.covers([one], store_id))
    if lacking:
        raise Forbidden(f"You do not hold {', '.join(lacking)} there yourself, so you cannot give it or take it away.")


async def save(principal: Principal, name: str, permissions: frozenset[Permission], cause: Cause) -> OwnRole:
    """Name a set of permissions, or change what a name stands for: whoever has it, has the new set at once.

    Where it is more than it was, these people sign in anew, as `grants.give_person` says.

    Raises Forbidden, InvalidInput.
    """
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    name = _checked(name, permissions)
    async with transaction():
        await lock(principal.merchant_id)
        before = await _named(principal.merchant_id, name)
        check_holds(principal, permissions | known(before.permissions if before else ()), None)
        if before is None and len(await current(principal.merchant_id)) >= OWN_MAX:
            raise InvalidInput(f"A merchant names at most {OWN_MAX} roles; delete one first.", path=_PATH)
        if before is not None:
            await _end(before, cause)
            if permissions - known(before.permissions):
                await sign_outs.all_of(await _people_with(before))
        await giver.show()
        made = await OwnRole.create(
            id=uuid4(),
            merchant_id=principal.merchant_id,
            name=before.name if before else name,  # grants hold the name as it was first written
            permissions=sorted(permissions),
            created_by=cause.actor,
        )
        had = {"permissions": sorted(before.permissions) if before else None}
        what = deeds.changed(had, {"permissions": sorted(permissions)})
        await deeds.note(principal.merchant_id, "roleSave", Of("role", made.name), cause, what)
    await bell.wake(bell.TOKENS_CHANNEL)
    return made


async def delete(principal: Principal, name: str, cause: Cause) -> None:
    """Forget a role that nobody has. Raises Forbidden, NotFound, InvalidInput."""
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    async with transaction():
        await lock(principal.merchant_id)
        role = await _named(principal.merchant_id, name)
        if role is None:
            raise NotFound("No such role of your own; roles lists them.", path=_PATH)
        check_holds(principal, known(role.permissions), None)
        if await rows(_HOLDERS, principal.merchant_id, role.name):
            raise InvalidInput("Somebody still has this role; set their grants first (grantSet).", path=_PATH)
        await _end(role, cause)
        what = deeds.changed({"permissions": sorted(role.permissions)}, {})
        await deeds.note(principal.merchant_id, "roleDelete", Of("role", role.name), cause, what)


async def lock(merchant_id: UUID) -> None:
    """One change of a merchant's access at a time, inside the caller's transaction."""
    await lock_name(f"access/{merchant_id}")


async def _named(merchant_id: UUID, name: str) -> OwnRole | None:
    return await OwnRole.get_or_none(merchant_id=merchant_id, name__iexact=name, ended_at=None)


async def _end(role: OwnRole, cause: Cause) -> None:
    await OwnRole.filter(id=role.id).update(ended_at=datetime.now(UTC), ended_by=cause.actor)


async def _people_with(role: OwnRole) -> list[UUID]:
    found = Grant.filter(merchant_id=role.merchant_id, role=role.name, person_id__isnull=False, ended_at=None)
    return [grant.person_id for grant in await found if grant.person_id is not None]


def _checked(name: str, permissions: frozenset[Permission]) -> str:
    stripped = checked_name(name, _PATH)
    taken = {*Role.__members__, *CUSTOMERS}
    if len(stripped) > NAME_LENGTH_MAX or built_in(stripped) is not None or stripped.upper() in taken:
        raise InvalidInput(f"name takes at most {NAME_LENGTH_MAX} characters and is no built-in role's.", path=_PATH)
    if not permissions or permissions & _CUSTOMERS_ONLY:
        raise InvalidInput(
            "A role has some permissions; SEE and ASK are the customers' (customerTokenCreate).",
            path=["input", "permissions"],
        )
    return stripped
