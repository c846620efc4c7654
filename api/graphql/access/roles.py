"""Sets of permissions that have a name: those that are built in, and a merchant's own."""

from typing import Annotated

import strawberry

from api.graphql.access.viewer import PermissionEnum
from api.graphql.context import Info
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import AccessError
from domain.access import roles
from domain.access.permissions import PERMISSIONS, Permission
from domain.access.principal import Principal
from domain.models import OwnRole as Row


@strawberry.type(description="A named set of permissions.")
class AccessRole:
    name: str
    permissions: list[Annotated[Permission, PermissionEnum]]
    built_in: bool

    @classmethod
    def of(cls, row: Row) -> "AccessRole":
        return cls(name=row.name, permissions=sorted(roles.known(row.permissions)), built_in=False)


@strawberry.input(description="Whoever has the role has the new set at once.")
class RoleSaveInput:
    name: str
    permissions: list[Annotated[Permission, PermissionEnum]] = strawberry.field(
        description="Nothing that you do not hold yourself, for all stores."
    )


@strawberry.input
class RoleDeleteInput:
    name: str


@strawberry.type
class RoleSavePayload:
    role: AccessRole | None
    errors: list[AccessError]
    request_id: str


@strawberry.type
class RoleDeletePayload:
    deleted: bool
    errors: list[AccessError]
    request_id: str


async def all_roles(principal: Principal) -> list[AccessRole]:
    """Those that are built in, then the merchant's own, by name."""
    given = [
        AccessRole(name=role.value, permissions=sorted(granted), built_in=True) for role, granted in PERMISSIONS.items()
    ]
    return given + [AccessRole.of(row) for row in await roles.own(principal)]


@answering(RoleSavePayload)
async def role_save(info: Info, input: RoleSaveInput) -> RoleSavePayload:
    context = info.context
    row = await roles.save(context.principal, input.name, frozenset(input.permissions), context.cause)
    return RoleSavePayload(role=AccessRole.of(row), errors=[], request_id=context.request_id)


@answering(RoleDeletePayload)
async def role_delete(info: Info, input: RoleDeleteInput) -> RoleDeletePayload:
    await roles.delete(info.context.principal, input.name, info.context.cause)
    return RoleDeletePayload(deleted=True, errors=[], request_id=info.context.request_id)
