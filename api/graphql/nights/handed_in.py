"""Reports that are handed in, and nights that are repeated."""

from datetime import date
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.nights.types import Night
from api.graphql.reconciliation import ReconciliationRun
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import NightError
from api.graphql.transport.scalars import Date, DateTime
from domain.models import HandedReport as Row
from domain.models import ReconciliationRun as RunRow
from domain.reconciliation import handed_in, listed
from domain.reconciliation.handed_in import Became, Way

BecameEnum = strawberry.enum(
    Became,
    name="HandedReportState",
    description="What became of a report. KNOWN: it was here already; SKIPPED: it is none, or too large.",
)
WayEnum = strawberry.enum(Way, name="HandedReportWay", description="How a report came.")


@strawberry.type(description="A report that was handed in or delivered, and what became of it.")
class HandedReport:
    id: strawberry.ID
    connection_id: strawberry.ID
    way: Annotated[Way, WayEnum]
    name: str
    sha256: str = strawberry.field(description="Of the bytes as they came.")
    business_date: Date | None = strawberry.field(description="As told, else as the file says; null: not known yet.")
    state: Annotated[Became, BecameEnum]
    said: str | None = strawberry.field(description="What became of it, in a sentence.")
    handed_in_by: str
    created_at: DateTime
    done_at: DateTime | None
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "HandedReport":
        return cls(
            id=strawberry.ID(str(row.id)),
            connection_id=strawberry.ID(str(row.connection_id)),
            way=Way(row.way),
            name=row.name,
            sha256=row.sha256,
            business_date=Date(row.business_date) if row.business_date else None,
            state=Became(row.state),
            said=row.said,
            handed_in_by=row.handed_in_by,
            created_at=DateTime(row.created_at),
            done_at=DateTime(row.done_at) if row.done_at else None,
            row=row,
        )

    @strawberry.field(description="The run that read it.")
    async def run(self, info: Info) -> ReconciliationRun | None:
        if self.row.run_id is None:
            return None
        return ReconciliationRun.of(await info.context.loaders.row(RunRow, self.row.run_id))


@strawberry.input
class SettlementReportUploadInput:
    idempotency_key: str
    connection_id: strawberry.ID
    file_id: strawberry.ID = strawberry.field(description="Of `fileAnnounce` with SETTLEMENT_REPORT; gzip is unpacked.")
    business_date: Date | None = strawberry.field(
        default=None, description="In the merchant's zone; null: what the file says."
    )


@strawberry.type(description="`report` is null exactly when `errors` is not empty. It has its turn as a job.")
class SettlementReportUploadPayload:
    report: HandedReport | None
    errors: list[NightError]
    request_id: str


@strawberry.input
class NightRepeatInput:
    idempotency_key: str
    connection_id: strawberry.ID
    business_date: Date


@strawberry.type(description="`night` as it stands before it is repeated; null where that date had none yet.")
class NightRepeatPayload:
    night: Night | None
    errors: list[NightError]
    request_id: str


@answering(SettlementReportUploadPayload)
async def settlement_report_upload(info: Info, input: SettlementReportUploadInput) -> SettlementReportUploadPayload:
    context = info.context
    row = await handed_in.upload(
        context.principal,
        ids.uuid_of(input.connection_id, ["input", "connectionId"]),
        input.business_date,
        ids.uuid_of(input.file_id, ["input", "fileId"]),
        input.idempotency_key,
        context.cause,
    )
    return SettlementReportUploadPayload(report=HandedReport.of(row), errors=[], request_id=context.request_id)


@answering(NightRepeatPayload)
async def night_repeat(info: Info, input: NightRepeatInput) -> NightRepeatPayload:
    context = info.context
    connection_id = ids.uuid_of(input.connection_id, ["input", "connectionId"])
    day: date = input.business_date
    connection = await handed_in.repeat(context.principal, connection_id, day, input.idempotency_key, context.cause)
    stands = await listed.one(connection.merchant_id, connection_id, day)
    return NightRepeatPayload(night=Night.of(stands) if stands else None, errors=[], request_id=context.request_id)
