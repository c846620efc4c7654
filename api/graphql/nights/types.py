"""Nights and the files of their manifests."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from api.graphql.context import Info
from api.graphql.nights.progress import RunProgress
from api.graphql.reconciliation import ReconciliationRun
from api.graphql.spoken.told import told
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import BigInt, Date, DateTime
from domain.models import Connection as ConnectionRow
from domain.reconciliation import progress
from domain.reconciliation.standing import Night as Stands
from domain.reconciliation.standing import NightState

StateEnum = strawberry.enum(
    NightState,
    name="NightState",
    description="Where a night stands. COMPLETE: proven to be whole; UNPROVEN: nothing proves it; TO_CONFIRM: a "
    "report was handed in and waits for another person; NO_REPORT: none is awaited. States may be added.",
)


@strawberry.type(description="A file of a night, as its manifest has it.")
class NightFile:
    name: str
    sha256: str | None = strawberry.field(description="Of its bytes; null: it could not be used.")
    bytes: BigInt | None
    proof: str | None = strawberry.field(description="COMPLETE, UNPROVEN or CONTRADICTED.")
    proven_by: str | None = told("By what, in words.")
    rows: int | None
    matched_refunds: int | None
    unmatched_refunds: int | None
    unknown_words: int | None = strawberry.field(description="Words of it that nobody here knows.")
    unknown_rows: int | None
    failed: str | None = told("Why it could not be used.")
    run: int | None = strawberry.field(description="The number of the run that read it.")

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "NightFile":
        unknown = entry.get("unknown") or {}
        return cls(
            name=entry["name"],
            sha256=entry.get("sha256"),
            bytes=BigInt(entry["bytes"]) if "bytes" in entry else None,
            proof=entry.get("proof"),
            proven_by=entry.get("completeness"),
            rows=(entry.get("totals") or {}).get("rows"),
            matched_refunds=entry.get("matched_refunds"),
            unmatched_refunds=entry.get("unmatched_refunds"),
            unknown_words=unknown.get("words"),
            unknown_rows=unknown.get("rows"),
            failed=entry.get("failed"),
            run=entry.get("run"),
        )


@strawberry.type(description="One business date of one connection.")
class Night:
    connection_id: strawberry.ID
    business_date: Date
    state: Annotated[NightState, StateEnum]
    until: DateTime | None = strawberry.field(description="WAITING_FOR_PSE: by when the report is to be there.")
    since: DateTime | None = strawberry.field(description="LATE: since when.")
    reason: str | None = told("Why it failed, waits or is late, in words.")
    stands: strawberry.Private[Stands]

    @classmethod
    def of(cls, stands: Stands) -> "Night":
        return cls(
            connection_id=strawberry.ID(str(stands.connection_id)),
            business_date=Date(stands.business_date),
            state=stands.state,
            until=DateTime(stands.until) if stands.until else None,
            since=DateTime(stands.since) if stands.since else None,
            reason=stands.reason,
            stands=stands,
        )

    @strawberry.field(description="What the merchant calls the connection.")
    async def connection_name(self, info: Info) -> str:
        row: ConnectionRow = await info.context.loaders.row(ConnectionRow, self.stands.connection_id)
        return row.name

    @strawberry.field(description="Its run; null: there was none yet.")
    def run(self) -> ReconciliationRun | None:
        return ReconciliationRun.of(self.stands.run) if self.stands.run else None

    @strawberry.field(description="How far it is; null: it does not run.")
    async def progress(self) -> RunProgress | None:
        if self.stands.run is None or self.state is not NightState.RUNNING:
            return None
        told = await progress.of_run(self.stands.run.id)
        return RunProgress.of(told) if told else None

    @strawberry.field(description="Reports of it that were handed in and wait for another person (`handedReport`).")
    def unconfirmed(self) -> list[strawberry.ID]:
        return [strawberry.ID(str(one)) for one in self.stands.unconfirmed]

    @strawberry.field(description="The files of its manifest; `first` is 1-100.")
    def files(self, first: int = PAGE_MAX) -> list[NightFile]:
        return [NightFile.of(one) for one in self._manifest().get("files", ())[: bounded(first)]]

    @strawberry.field(description="How many files its manifest has.")
    def file_count(self) -> int:
        return len(self._manifest().get("files", ()))

    @strawberry.field(
        description="The head of the chain of events when it was done, as `estorno check --head` takes it."
    )
    def chain_head(self) -> str | None:
        run, head = self.stands.run, self._manifest().get("chain")
        return f"{run.merchant_id}:{head['position']}:{head['hash']}" if run and head else None

    @strawberry.field(description="By which rules its report was expected: their source, and the calendars.")
    def expected_by(self) -> list[str]:
        return [str(self._manifest()[one]) for one in ("expected", "calendars") if one in self._manifest()]

    def _manifest(self) -> Mapping[str, Any]:
        return self.stands.run.manifest if self.stands.run else {}
