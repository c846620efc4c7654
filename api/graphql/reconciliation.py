"""Reconciliation as accounting reads it: runs, and the findings to work off."""

import json
from datetime import date
from typing import Annotated, Any

import strawberry
from strawberry import relay

from api.graphql.context import Info
from api.graphql.nodes import Scoped
from api.graphql.refunds.types import Refund
from api.graphql.transport import ids
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import Date, DateTime, Money
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.findings import findings
from domain.findings.findings import FindingKind
from domain.models import Finding as FindingRow
from domain.models import ReconciliationRun as Row
from domain.models import Refund as RefundRow
from domain.money import Money as Amount
from domain.reconciliation import find as runs
from domain.refunds import find

FindingKindEnum = strawberry.enum(FindingKind, name="FindingKind", description="What is wrong. Members may be added.")


@strawberry.type(description="Something a person must look at: what differs, and what to do.")
class Finding(Scoped, relay.Node):
    readable = findings.readable

    id: relay.NodeID[str]
    kind: Annotated[FindingKind, FindingKindEnum]
    amount: Money = strawberry.field(description="What is at stake.")
    explanation: str
    action: str
    created_at: DateTime
    resolved_at: DateTime | None
    resolution: str | None
    row: strawberry.Private[FindingRow]

    @classmethod
    def of(cls, row: FindingRow) -> "Finding":
        return cls(
            id=str(row.id),
            kind=FindingKind(row.kind),
            amount=Money.of(Amount(row.amount, row.currency)),
            explanation=row.explanation,
            action=row.action,
            created_at=DateTime(row.created_at),
            resolved_at=DateTime(row.resolved_at) if row.resolved_at else None,
            resolution=row.resolution,
            row=row,
        )

    @strawberry.field
    async def refund(self, info: Info) -> Refund | None:
        about = self.row.refund_id
        if about is None:
            return None
        await find.check_also(info.context.principal, about, Permission.READ, had=Permission.READ_LEDGER)
        return Refund.of(await info.context.loaders.row(RefundRow, about))


@strawberry.type(description="One connection's business date against the ledger. Repeating a run is safe.")
class ReconciliationRun(Scoped, relay.Node):
    readable = runs.readable

    id: relay.NodeID[str]
    connection_id: strawberry.ID
    business_date: Date
    state: str = strawberry.field(
        description="RUNNING, WAITING (the PSE has not made the report yet), COMPLETED, NO_REPORT (done, and no report "
        "proves it: the PSE publishes none, or none was announced or handed in) or FAILED. States may be added."
    )
    times: int = strawberry.field(description="How often it was run.")
    error: str | None
    manifest: str = strawberry.field(
        description="JSON: each file of the date with the number of the run that read it, its hash, size and control "
        "totals, its `proof` (COMPLETE, UNPROVEN or CONTRADICTED) and by what; whether the date had not ended; rules."
    )
    created_at: DateTime
    finished_at: DateTime | None
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "ReconciliationRun":
        return cls(
            id=str(row.id),
            connection_id=strawberry.ID(str(row.connection_id)),
            business_date=Date(row.business_date),
            state=row.state,
            times=row.times,
            error=row.error,
            manifest=json.dumps(row.manifest, sort_keys=True),
            created_at=DateTime(row.created_at),
            finished_at=DateTime(row.finished_at) if row.finished_at else None,
            row=row,
        )

    @strawberry.field(description="What the run found, oldest first; `first` is 1-100. More are in `findings`.")
    async def findings(self, info: Info, first: int = PAGE_MAX) -> list[Finding]:
        found = await info.context.loaders.children(findings.of_runs, self.row.id, bounded(first))
        return [Finding.of(row) for row in found]


async def reconciliation_run(info: Info, connection_id: str, business_date: date) -> ReconciliationRun | None:
    """The run of a business date (in the merchant's zone); null: there was none."""
    row = await runs.readable(info.context.principal).get_or_none(
        connection_id=ids.uuid_of(connection_id, ["connectionId"]),
        business_date=business_date,
    )
    return ReconciliationRun.of(row) if row else None


def findings_query(principal: Principal, kinds: list[FindingKind] | None, unresolved: bool | None) -> Any:
    """The findings that one may see, to be paged; null filters nothing."""
    query = findings.readable(principal)
    if kinds:
        query = query.filter(kind__in=[kind.value for kind in kinds])
    if unresolved is not None:
        query = query.filter(resolved_at__isnull=unresolved)
    return query
