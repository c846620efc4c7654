"""Who is asking: the principal of a request, the permission it needs, and the viewer that clients read."""

import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import strawberry

from api.graphql.context import Info
from api.graphql.transport.follow import Waker
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime
from domain.access.tokens import PERMISSIONS, Permission, Principal, Role, authenticate
from domain.models import Connection as ConnectionRow
from domain.models import Merchant as MerchantRow
from domain.models import Store as StoreRow
from domain.onboarding import certification, preflight
from domain.platform.bell import TOKENS_CHANNEL

if TYPE_CHECKING:
    from api.graphql.connections import CertificationRun, PreflightRun

REMEMBERED_SECONDS: Final = 2.5
_REMEMBERED_MAX: Final = 10_000

RoleEnum = strawberry.enum(Role, name="Role", description="A named set of permissions.")
strawberry.enum(Permission, name="Permission", description="What can be done.")


class Remembered:
    """The principal of a bearer token, None when it is unknown, expired or revoked, remembered for `seconds`.

    A revocation is heard through Valkey at once; where it is not heard, the token ends so many seconds later.
    """

    def __init__(self, waker: Waker, seconds: float = REMEMBERED_SECONDS) -> None:
        self._seconds = seconds
        self._revoked = waker.listen(TOKENS_CHANNEL)
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._generation = 0  # of what is remembered

    async def __call__(self, token: str | None) -> Principal | None:
        self._hear()
        key = hashlib.sha256((token or "").encode("utf-8", "replace")).digest()
        principal, until = self._known.get(key, (None, 0.0))
        if principal is not None and time.monotonic() < until and datetime.now(UTC) < principal.expires_at:
            return principal
        generation = self._generation
        principal = await authenticate(token)
        self._hear()
        if principal is not None and generation == self._generation:  # else it may have been revoked meanwhile
            self._known[key] = (principal, time.monotonic() + self._seconds)
        return principal

    def _hear(self) -> None:
        if self._revoked.woken() or len(self._known) > _REMEMBERED_MAX:
            self._known.clear()
            self._generation += 1


def require(info: Info, permission: Permission) -> Principal:
    """The principal, if it may. Raises domain.problems.Forbidden."""
    principal = info.context.principal
    principal.require(permission)
    return principal


@strawberry.type(description="A store of the merchant.")
class Store:
    code: str
    name: str
    payee_key: str | None

    @classmethod
    def of(cls, row: StoreRow) -> "Store":
        return cls(code=row.code, name=row.name, payee_key=row.payee_key)


@strawberry.type(description="The merchant's account at a PSE.")
class PseConnection:
    id: strawberry.ID
    pse: str
    name: str
    enabled: bool
    refused_since: DateTime | None = strawberry.field(
        description="Since when the PSE refuses our access, so that its refunds wait; null: it does not."
    )
    refused_because: str | None

    @strawberry.field(description="Its newest preflight that has ended; null without READ_CALLS, too.")
    async def last_preflight(
        self, info: Info
    ) -> Annotated["PreflightRun", strawberry.lazy("api.graphql.connections")] | None:
        from api.graphql.connections import PreflightRun  # the two name each other

        row = await info.context.loaders.one(preflight.newest_of, UUID(self.id))
        return PreflightRun.of(row) if row and info.context.principal.may(Permission.READ_CALLS) else None

    @strawberry.field(description="Its newest certification that has ended; null without READ_CALLS, too.")
    async def last_certification(
        self, info: Info
    ) -> Annotated["CertificationRun", strawberry.lazy("api.graphql.connections")] | None:
        from api.graphql.connections import CertificationRun  # as above

        row = await info.context.loaders.one(certification.newest_of, UUID(self.id))
        return CertificationRun.of(row) if row and info.context.principal.may(Permission.READ_CALLS) else None

    @classmethod
    def of(cls, row: ConnectionRow) -> "PseConnection":
        return cls(
            id=strawberry.ID(str(row.id)),
            pse=row.pse,
            name=row.name,
            enabled=row.enabled,
            refused_since=DateTime(row.refused_since) if row.refused_since else None,
            refused_because=row.refused_because if row.refused_since else None,
        )


@strawberry.type(description="The merchant that the token speaks for.")
class Merchant:
    id: strawberry.ID
    name: str
    country: str
    zone: str = strawberry.field(description="IANA zone of the accounting date.")

    @strawberry.field(description="By code. `first` is 1-100.")
    async def stores(self, first: int = PAGE_MAX) -> list[Store]:
        query = StoreRow.filter(merchant_id=UUID(self.id)).order_by("code").limit(bounded(first))
        return [Store.of(row) for row in await query]

    @strawberry.field(description="By name. `first` is 1-100.")
    async def connections(self, first: int = PAGE_MAX) -> list[PseConnection]:
        query = ConnectionRow.filter(merchant_id=UUID(self.id)).order_by("name").limit(bounded(first))
        return [PseConnection.of(row) for row in await query]


@strawberry.type(description="Whoever holds the token of this request.")
class Viewer:
    holder: str
    role: Annotated[Role, RoleEnum]
    permissions: list[Permission]
    expires_at: DateTime

    @strawberry.field
    async def merchant(self, info: Info) -> Merchant:
        row = await MerchantRow.get(id=info.context.principal.merchant_id)
        return Merchant(id=strawberry.ID(str(row.id)), name=row.name, country=row.country, zone=row.zone)


def viewer(info: Info) -> Viewer:
    """Who is asking."""
    principal = info.context.principal
    return Viewer(
        holder=principal.holder,
        role=principal.role,
        permissions=sorted(PERMISSIONS[principal.role]),
        expires_at=DateTime(principal.expires_at),
    )
