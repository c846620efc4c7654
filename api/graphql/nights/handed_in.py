"""Reports that are handed in, and nights that are repeated."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry

from api.graphql.context import Info
from api.graphql.nights.types import Night
from api.graphql.reconciliation import ReconciliationRun
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import NightError
from api.graphql.transport.scalars import BigInt, Date, DateTime
from domain.models import HandedReport as Row
from domain.models import ReconciliationRun as RunRow
from domain.problems import NotFound
from domain.reconciliation import confirming, handed_in, listed
from domain.reconciliation.handed_in import Became, HandedInBy

_LOOK_SECONDS: Final = 1.0
_LOOKS_MAX: Final = 3_600
BecameEnum = strawberry.enum(
    Became,
    name="HandedReportState",
    description="What became of a report. PROPOSED: it waits for another person's yes; KNOWN: it was here already; "
    "SKIPPED: it is none, or too large.",
)
WayEnum = strawberry.enum(
    HandedInBy,
    name="HandedReportWay",
    description="How a report came. UPLOAD, COMMAND: a person brought it, and another confirms it; FOLDER, SFTP: a "
    "machine did.",
)


@strawberry.type(description="Lines of a report that are of one type and currency.")
class ForeseenLines:
    type: str
    currency: str
    rows: int
    amount: BigInt = strawberry.field(description="Minor units, added up.")


@strawberry.type(description="What one kind of entry would add to PSE_BALANCE.")
class ForeseenEntry:
    entry: str
    currency: str
    amount: BigInt = strawberry.field(description="Minor units; below zero: it takes away.")


@strawberry.type(description="What a report would change, as things stood when it was judged.")
class HandedReportPreview:
    rows: int
    proof: str = strawberry.field(description="COMPLETE, UNPROVEN or CONTRADICTED.")
    proven_by: str = told()
    lines: list[ForeseenLines]
    books: list[ForeseenEntry] = strawberry.field(description="Less what the report that it replaces has added.")
    refunds_matched: int
    refunds_unmatched: int
    replaces: str | None = strawberry.field(description="The report in force that it would take the place of.")

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "HandedReportPreview":
        return cls(
            rows=told["rows"],
            proof=told["proof"],
            proven_by=told["proven_by"],
            lines=[
                ForeseenLines(type=one["type"], currency=one["currency"], rows=one["rows"], amount=_units(one))
                for one in told["lines"]
            ],
            books=[
                ForeseenEntry(entry=one["entry"], currency=one["currency"], amount=_units(one)) for one in told["books"]
            ],
            refunds_matched=told["refunds_matched"],
            refunds_unmatched=told["refunds_unmatched"],
            replaces=told["replaces"]["name"] if told["replaces"] else None,
        )


def _units(one: Mapping[str, Any]) -> BigInt:
    return BigInt(int(one["amount"]))


@strawberry.type(description="A report that was handed in or delivered, and what became of it.")
class HandedReport:
    id: strawberry.ID
    connection_id: strawberry.ID
    way: Annotated[HandedInBy, WayEnum]
    name: str
    sha256: str = strawberry.field(description="Of the bytes as they came.")
    business_date: Date | None = strawberry.field(description="As told, else as the file says; null: not known yet.")
    state: Annotated[Became, BecameEnum]
    said: str | None = told("What became of it, in a sentence.")
    handed_in_by: str
    confirmed_by: str | None
    confirmed_at: DateTime | None
    preview: HandedReportPreview | None = strawberry.field(description="Null: it was not judged, or a machine's.")
    created_at: DateTime
    done_at: DateTime | None
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "HandedReport":
        return cls(
            id=strawberry.ID(str(row.id)),
            connection_id=strawberry.ID(str(row.connection_id)),
            way=HandedInBy(row.way),
            name=row.name,
            sha256=row.sha256,
            business_date=Date(row.business_date) if row.business_date else None,
            state=Became(row.state),
            said=row.said,
            handed_in_by=row.handed_in_by,
            confirmed_by=row.confirmed_by,
            confirmed_at=DateTime(row.confirmed_at) if row.confirmed_at else None,
            preview=HandedReportPreview.of(row.preview) if row.preview else None,
            created_at=DateTime(row.created_at),
            done_at=DateTime(row.done_at) if row.done_at else None,
            row=row,
        )

    @strawberry.field(description="The run that read it.")
    async def run(self, info: Info) -> ReconciliationRun | None:
        if self.row.run_id is None:
            return None
        return ReconciliationRun.of(await info.context.loaders.row(RunRow, self.row.run_id))


async def follow_report(info: Info, report_id: str) -> AsyncGenerator[HandedReport, None]:
    """The stream of `handedReportChanged`. Raises Forbidden, InvalidInput, NotFound."""
    key = ids.uuid_of(report_id, ["id"])
    if not await handed_in.readable(info.context.principal).filter(id=key).exists():
        raise NotFound("There is no such report; handedReports lists yours.", path=["id"])
    return _changes(key)


async def _changes(key: UUID) -> AsyncGenerator[HandedReport, None]:
    """These are few, have their turn within minutes, and are looked at once a second."""
    told: tuple[object, ...] = ()
    for _ in range(_LOOKS_MAX):
        row = await Row.get(id=key)
        if (seen := (row.state, row.tries, row.said)) != told:
            told = seen
            yield HandedReport.of(row)
        if row.state != Became.WAITING:
            return
        await asyncio.sleep(_LOOK_SECONDS)


@strawberry.input
class SettlementReportUploadInput:
    idempotency_key: str
    connection_id: strawberry.ID
    file_id: strawberry.ID = strawberry.field(description="Of `fileAnnounce` with SETTLEMENT_REPORT; gzip is unpacked.")
    business_date: Date | None = strawberry.field(
        default=None, description="In the merchant's zone; null: what the file says."
    )


@strawberry.type(
    description="`report` is null exactly when `errors` is not empty. A job judges it, then it awaits another person."
)
class SettlementReportUploadPayload:
    report: HandedReport | None
    errors: list[NightError]
    request_id: str


@strawberry.input
class SettlementReportConfirmInput:
    report_id: strawberry.ID
    sha256: str = strawberry.field(description="Of the file that you saw, as `HandedReport.sha256` has it.")


@strawberry.input
class SettlementReportRefuseInput:
    report_id: strawberry.ID
    why: str = strawberry.field(description="3-500 characters.")


@strawberry.type(description="`report` is null exactly when `errors` is not empty.")
class SettlementReportDecisionPayload:
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


@answering(SettlementReportDecisionPayload)
async def settlement_report_confirm(info: Info, input: SettlementReportConfirmInput) -> SettlementReportDecisionPayload:
    context, report_id = info.context, ids.uuid_of(input.report_id, ["input", "reportId"])
    row = await confirming.confirm(context.principal, report_id, input.sha256, context.cause)
    return SettlementReportDecisionPayload(report=HandedReport.of(row), errors=[], request_id=context.request_id)


@answering(SettlementReportDecisionPayload)
async def settlement_report_refuse(info: Info, input: SettlementReportRefuseInput) -> SettlementReportDecisionPayload:
    context, report_id = info.context, ids.uuid_of(input.report_id, ["input", "reportId"])
    row = await confirming.refuse(context.principal, report_id, input.why, context.cause)
    return SettlementReportDecisionPayload(report=HandedReport.of(row), errors=[], request_id=context.request_id)


@answering(NightRepeatPayload)
async def night_repeat(info: Info, input: NightRepeatInput) -> NightRepeatPayload:
    context = info.context
    connection_id = ids.uuid_of(input.connection_id, ["input", "connectionId"])
    day: date = input.business_date
    connection = await handed_in.repeat(context.principal, connection_id, day, input.idempotency_key, context.cause)
    stands = await listed.one(connection.merchant_id, connection_id, day)
    return NightRepeatPayload(night=Night.of(stands) if stands else None, errors=[], request_id=context.request_id)
