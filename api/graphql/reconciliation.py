"""Reconciliation as accounting reads it: the runs, and what each found."""

import json
from datetime import date

import strawberry
from strawberry import relay
from tortoise.queryset import QuerySet

from api.graphql.context import Info
from api.graphql.findings.types import Finding
from api.graphql.nodes import Scoped
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.narrowed import days, texts, uuids
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import Date, DateTime
from domain.findings import findings
from domain.models import ReconciliationRun as Row
from domain.reconciliation import find as runs


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
    error: str | None = told()
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


@strawberry.input(description="Which runs; all given conditions hold at once. A list takes at most 50 values.")
class ReconciliationRunFilter:
    connection_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of one of these connections; plain UUIDs."
    )
    pses: list[str] | None = strawberry.field(
        default=None, description="Of a connection to one of these PSEs, as `pseCapabilities` spells them."
    )
    since: Date | None = strawberry.field(default=None, description="The first business date.")
    until: Date | None = strawberry.field(default=None, description="The last business date.")
    states: list[str] | None = strawberry.field(
        default=None, description="In one of these states, as ReconciliationRun.state spells them."
    )


def narrowed(query: QuerySet[Row], given: ReconciliationRunFilter | None) -> QuerySet[Row]:
    """Those of the runs that the filter names. Raises InvalidInput."""
    if given is None:
        return query
    conditions = days(given.since, given.until, "business_date")
    if given.connection_ids:
        conditions["connection_id__in"] = uuids(given.connection_ids, "connectionIds")
    if given.pses:
        conditions |= texts(Row, "connection__pse", given.pses, "pses")
    if given.states:
        conditions |= texts(Row, "state", given.states, "states")
    return query.filter(**conditions)


async def reconciliation_run(info: Info, connection_id: str, business_date: date) -> ReconciliationRun | None:
    """The run of a business date (in the merchant's zone); null: there was none."""
    row = await runs.readable(info.context.principal).get_or_none(
        connection_id=ids.uuid_of(connection_id, ["connectionId"]),
        business_date=business_date,
    )
    return ReconciliationRun.of(row) if row else None
