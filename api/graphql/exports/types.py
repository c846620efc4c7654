"""Exports and sheets of decisions as their asker follows them."""

import json
from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.files import File
from api.graphql.spoken.told import told
from api.graphql.transport.enums import described
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime
from domain.exports import batches
from domain.exports.asked import Format, Kind
from domain.exports.decisions import RowState, ToldRow
from domain.models import DecisionBatch as BatchRow
from domain.models import DecisionRow as OutcomeRow
from domain.models import Export as Row
from domain.models import File as FileRow

ExportKind = strawberry.enum(Kind, name="ExportKind", description="What is exported. Members may be added.")
ExportFormat = described(
    Format,
    "ExportFormat",
    "As what; CSV and PARQUET lie in a ZIP beside `control.csv`.",
    {
        Format.XLSX: "A workbook; its control is the second sheet.",
        Format.CSV: "UTF-8, commas; what a spreadsheet would calculate begins with an apostrophe.",
        Format.PARQUET: "Typed columns.",
    },
)
Decided = described(
    RowState,
    "DecisionOutcome",
    "What becomes, or became, of a row of a sheet.",
    {
        RowState.RESOLVED: "The finding is resolved.",
        RowState.WAITS: "Another person must confirm it (findingResolveConfirm).",
        RowState.ASSIGNED: "The finding is given to somebody.",
        RowState.REFUSED: "Nothing; `code` and `said` say why.",
    },
)


@strawberry.type(description="An export, and how far it is; ask again until it is DONE or FAILED.")
class Export:
    id: strawberry.ID
    kind: Annotated[Kind, ExportKind]
    format: Annotated[Format, ExportFormat]
    filter: str = strawberry.field(description="JSON.")
    state: str = strawberry.field(description="QUEUED, RUNNING, DONE, FAILED or EXPIRED.")
    rows_done: int
    rows_total: int | None = strawberry.field(description="Null: not counted yet.")
    problem: str | None = told("Why it has failed.")
    sha256: str | None = strawberry.field(description="Of the rows as CSV, whatever the format.")
    created_by: str
    created_at: DateTime
    ended_at: DateTime | None
    expires_at: DateTime | None = strawberry.field(description="Until when the file is there.")
    row: strawberry.Private[Row]

    @classmethod
    def of(cls, row: Row) -> "Export":
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=Kind(row.kind),
            format=Format(row.format),
            filter=json.dumps(row.wanted, sort_keys=True),
            state=row.state,
            rows_done=row.rows_done,
            rows_total=row.rows_total,
            problem=row.problem,
            sha256=row.sha256,
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
            ended_at=DateTime(row.ended_at) if row.ended_at else None,
            expires_at=DateTime(row.expires_at) if row.expires_at else None,
            row=row,
        )

    @strawberry.field(description="Null until it is DONE, and when it is EXPIRED. `downloadPath` gives it.")
    async def file(self, info: Info) -> File | None:
        if self.row.file_id is None or self.row.state != "DONE":
            return None
        return File.of(await info.context.loaders.row(FileRow, self.row.file_id))


@strawberry.type(description="One row of a sheet of decisions.")
class DecisionRow:
    row: int = strawberry.field(description="As a spreadsheet counts: the header is 1.")
    finding_id: strawberry.ID | None
    outcome: Annotated[RowState, Decided]
    code: str | None = strawberry.field(
        description="Of what is refused: NOT_FOUND, RESOLVED, FACTS_CHANGED, DUPLICATE_ROW, FORMULA, INVALID_INPUT, "
        "IN_SUSPENSE and others."
    )
    said: str = told()

    @classmethod
    def of(cls, told: ToldRow) -> "DecisionRow":
        return cls(row=told.row, finding_id=_id(told.finding_id), outcome=told.became, code=told.code, said=told.said)

    @classmethod
    def kept(cls, row: OutcomeRow) -> "DecisionRow":
        """What became of a row when it was applied, as `of` tells what would."""
        return cls(
            row=row.row, finding_id=_id(row.finding_id), outcome=RowState(row.outcome), code=row.code, said=row.said
        )


@strawberry.type(description="What would become of a sheet's rows as things stand.")
class DecisionsPreview:
    total: int = strawberry.field(description="Rows of the file that say something.")
    rows: list[DecisionRow] = strawberry.field(description="The first of them behind `afterRow`.")
    more: bool
    seen: str = strawberry.field(description="A digest of what waits for a second person: give it to decisionsApply.")
    replaces: int = strawberry.field(
        description="Of how many findings of the whole file others have said what became of them, which waits for a "
        "second person and would be replaced."
    )


@strawberry.type(description="A sheet of decisions that is applied; ask again until it is DONE or FAILED.")
class DecisionBatch:
    id: strawberry.ID
    file_id: strawberry.ID
    state: str = strawberry.field(description="QUEUED, RUNNING, DONE or FAILED.")
    rows_done: int
    rows_total: int
    problem: str | None = told()
    created_by: str
    created_at: DateTime
    ended_at: DateTime | None
    batch: strawberry.Private[BatchRow]

    @classmethod
    def of(cls, row: BatchRow) -> "DecisionBatch":
        return cls(
            id=strawberry.ID(str(row.id)),
            file_id=strawberry.ID(str(row.file_id)),
            state=row.state,
            rows_done=row.rows_done,
            rows_total=row.rows_total,
            problem=row.problem,
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
            ended_at=DateTime(row.ended_at) if row.ended_at else None,
            batch=row,
        )

    @strawberry.field(description="What became of the rows behind `afterRow`, in the sheet's order; `first` is 1-100.")
    async def rows(self, first: int = PAGE_MAX, after_row: int = 0) -> list[DecisionRow]:
        found: Sequence[OutcomeRow] = await batches.outcomes(self.batch.id, after_row, bounded(first))
        return [DecisionRow.kept(one) for one in found]


def _id(found: object) -> strawberry.ID | None:
    return strawberry.ID(to_base64("Finding", str(found))) if found else None
