"""Who is asking, what they may do, and for which merchant."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import strawberry

from api.graphql.context import Info
from api.graphql.onboarding import CertificationRun, PreflightRun
from api.graphql.spoken.told import told
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime
from domain.access import stores
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.models import Connection as ConnectionRow
from domain.models import Merchant as MerchantRow
from domain.models import Store as StoreRow
from domain.onboarding import certification, preflight
from domain.refunds import waiting as counted

PermissionEnum = strawberry.enum(Permission, name="Permission", description="What can be done. Members may be added.")


@strawberry.type(description="A store of the merchant.")
class Store:
    id: strawberry.ID
    code: str
    name: str
    payee_key: str | None = strawberry.field(description="The key or account that receives this store's payments.")
    contact: str | None = strawberry.field(
        description="How its customers reach it: shown where a customer is asked for an account."
    )
    privacy_url: str | None = strawberry.field(description="Where its privacy notice stands: shown there, too.")
    created_at: DateTime

    @classmethod
    def of(cls, row: StoreRow) -> "Store":
        return cls(
            id=strawberry.ID(str(row.id)),
            code=row.code,
            name=row.name,
            payee_key=row.payee_key,
            contact=row.contact,
            privacy_url=row.privacy_url,
            created_at=DateTime(row.created_at),
        )


@strawberry.type(description="The merchant's account at a PSE.")
class PseConnection:
    id: strawberry.ID
    pse: str
    name: str
    enabled: bool
    refused_since: DateTime | None = strawberry.field(
        description="Since when the PSE refuses our access, so that its refunds wait; null: it does not."
    )
    refused_because: str | None = told()
    failing_since: DateTime | None = strawberry.field(
        description="Since when nothing that was sent was answered, so that the PSE is left alone; null: it answers."
    )
    resting_until: DateTime | None = strawberry.field(
        description="Until when nothing is sent, for it does not answer or asked for that; behind it one call tries it."
    )

    @strawberry.field(description="Its newest preflight that has ended; null without READ_CALLS, too.")
    async def last_preflight(self, info: Info) -> PreflightRun | None:
        row = await info.context.loaders.one(preflight.newest_of, UUID(self.id))
        return PreflightRun.of(row) if row and _reads_calls(info) else None

    @strawberry.field(description="Its newest certification that has ended; null without READ_CALLS, too.")
    async def last_certification(self, info: Info) -> CertificationRun | None:
        row = await info.context.loaders.one(certification.newest_of, UUID(self.id))
        return CertificationRun.of(row) if row and _reads_calls(info) else None

    @classmethod
    def of(cls, row: ConnectionRow) -> "PseConnection":
        return cls(
            id=strawberry.ID(str(row.id)),
            pse=row.pse,
            name=row.name,
            enabled=row.enabled,
            refused_since=DateTime(row.refused_since) if row.refused_since else None,
            refused_because=row.refused_because if row.refused_since else None,
            failing_since=DateTime(row.failing_since) if row.failing_since else None,
            resting_until=DateTime(row.resting_until) if row.resting_until else None,
        )


@strawberry.type(description="A merchant: whose refunds they are.")
class Merchant:
    id: strawberry.ID
    name: str
    country: str
    zone: str = strawberry.field(description="IANA zone of the accounting date.")
    language: str | None = strawberry.field(
        description="Of customers whose browser asks for none of ours; null: their money's."
    )

    @classmethod
    def of(cls, row: MerchantRow) -> "Merchant":
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            country=row.country,
            zone=row.zone,
            language=row.language,
        )

    @strawberry.field(description="Those that you have anything to do with, by code. `first` is 1-100.")
    async def stores(self, info: Info, first: int = PAGE_MAX) -> list[Store]:
        query = stores.readable(info.context.principal).filter(merchant_id=UUID(self.id))
        return [Store.of(row) for row in await query.order_by("code").limit(bounded(first))]

    @strawberry.field(description="By name. `first` is 1-100.")
    async def connections(self, info: Info, first: int = PAGE_MAX) -> list[PseConnection]:
        mine = info.context.principal.merchant_id
        query = ConnectionRow.filter(merchant_id=UUID(self.id)).filter(merchant_id=mine)
        return [PseConnection.of(row) for row in await query.order_by("name").limit(bounded(first))]


@strawberry.type(description="One of the merchant's people, by name alone: somebody to give something to.")
class Colleague:
    person_id: strawberry.ID
    name: str


@strawberry.type(description="A permission that is held for some stores only.")
class StorePermission:
    permission: Annotated[Permission, PermissionEnum]
    store_codes: list[str] = strawberry.field(description="At most 100, in order.")


@strawberry.type(description=f"What waits for a person, of each at most {counted.COUNTED_MAX}; zero for a program.")
class WaitingTasks:
    refunds: int = strawberry.field(
        description="For their yes, to be paid by hand, or in doubt and waiting for their word beside another person's."
    )
    findings: int = strawberry.field(
        description="Due within a day, overdue, or waiting for their yes to what another person said."
    )
    doubts: int = strawberry.field(description="Those of `refunds` that wait for their word beside another person's.")
    confirmations: int = strawberry.field(description="Those of `findings` that wait for their yes to what was said.")


@strawberry.type(description="Whoever holds the token of this request.")
class Viewer:
    holder: str = strawberry.field(description="As it stands on what they do.")
    person_id: strawberry.ID | None = strawberry.field(description="Null: a program.")
    permissions: list[Annotated[Permission, PermissionEnum]] = strawberry.field(
        description="All that are held, be it in one store only."
    )
    expires_at: DateTime

    @strawberry.field(description="Those of `permissions` that are held for some stores only.")
    async def in_some_stores(self, info: Info) -> list[StorePermission]:
        principal = info.context.principal
        narrowed = {one: held for one, held in sorted(principal.reach.stores.items()) if held is not None}
        wanted = {store for held in narrowed.values() for store in held}
        rows = await StoreRow.filter(id__in=list(wanted)) if wanted else []
        codes = {row.id: row.code for row in rows}
        return [
            StorePermission(permission=one, store_codes=sorted(codes[store] for store in held)[:PAGE_MAX])
            for one, held in narrowed.items()
        ]

    @strawberry.field(description="How much waits for this person: what a navigation shows.")
    async def waiting(self, info: Info) -> WaitingTasks:
        found = await counted.waiting(info.context.principal)
        return WaitingTasks(**asdict(found))

    @strawberry.field(description="The merchant that the token speaks for.")
    async def merchant(self, info: Info) -> Merchant:
        return Merchant.of(await info.context.merchant())


def viewer(principal: Principal) -> Viewer:
    """Who is asking."""
    return Viewer(
        holder=principal.holder,
        person_id=strawberry.ID(str(principal.person_id)) if principal.person_id else None,
        permissions=sorted(principal.permissions),
        expires_at=DateTime(principal.expires_at),
    )


def _reads_calls(info: Info) -> bool:
    """Whether the caller may see what was said to PSEs in all stores."""
    return info.context.principal.covers([Permission.READ_CALLS], None)
