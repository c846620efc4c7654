"""The fields of sheets: schema.py has them beside the others."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from api.graphql.batches.progress import BatchStreamMessage, follow
from api.graphql.batches.types import Batch, BatchFormat, BatchKind, BatchState, BatchTemplate
from api.graphql.context import Info
from api.graphql.files import File
from api.graphql.spoken.languages import locale_of
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import BatchError
from api.graphql.transport.live import LIVE
from api.graphql.transport.narrowed import own_days
from api.graphql.transport.paging import Connection, page
from api.graphql.transport.scalars import Date
from domain.batches import batches, results, sheets
from domain.batches.batches import SheetState
from domain.batches.columns import SheetFormat, SheetKind
from domain.platform.spoken.book import told_in


@strawberry.input
class BatchCreateInput:
    file_id: strawberry.ID = strawberry.field(
        description="Of fileAnnounce, with the purpose REFUND_BATCH or PAYMENT_BATCH; xlsx or csv, up to 10,000 rows."
    )
    idempotency_key: str


@strawberry.input
class BatchConfirmInput:
    batch_id: strawberry.ID
    digest: str = strawberry.field(description="Of the sheet that you have seen, as `Batch.digest` has it.")


@strawberry.input
class BatchCancelInput:
    batch_id: strawberry.ID


@strawberry.input
class BatchResultCreateInput:
    batch_id: strawberry.ID
    format: Annotated[SheetFormat, BatchFormat] = SheetFormat.XLSX


@strawberry.type(description="`batch` is null exactly when `errors` is not empty.")
class BatchPayload:
    batch: Batch | None
    errors: list[BatchError]
    request_id: str


@strawberry.type(description="`file` is null exactly when `errors` is not empty.")
class BatchResultCreatePayload:
    file: File | None
    errors: list[BatchError]
    request_id: str


@strawberry.type
class BatchQuery:
    @strawberry.field(
        description="Sheets of refunds and payments, newest first. Needs REFUND, REGISTER_PAYMENT, APPROVE or READ in "
        "all stores."
    )
    async def batches(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        state: Annotated[SheetState, BatchState] | None = None,
        kind: Annotated[SheetKind, BatchKind] | None = None,
        since: Date | None = None,
        until: Date | None = None,
    ) -> Connection[Batch]:
        principal = info.context.principal
        found = batches.readable(principal).filter(**await own_days(principal, since, until, "created_at"))
        found = found.filter(state=state.value) if state else found
        return await page(found.filter(kind=kind.value) if kind else found, first, after, Batch.of)

    @strawberry.field(description="One sheet; null when there is none. Needs what `batches` needs.")
    async def batch(self, info: Info, id: strawberry.ID) -> Batch | None:
        found = await batches.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Batch.of(found) if found else None

    @strawberry.field(
        description="An empty sheet with its headings and an example; `locale` is en, zh-CN, es or pt-BR. A sheet that "
        "comes may have its headings in any of these, in any order. Needs REFUND or REGISTER_PAYMENT."
    )
    def batch_template(
        self,
        kind: Annotated[SheetKind, BatchKind],
        locale: str | None = None,
        format: Annotated[SheetFormat, BatchFormat] = SheetFormat.XLSX,
    ) -> BatchTemplate:
        made = sheets.template(kind, locale_of(locale), as_csv=format is SheetFormat.CSV)
        return BatchTemplate.of(f"{kind.lower()}.{format.lower()}", made)


@strawberry.type
class BatchMutation:
    @strawberry.mutation(
        description="Hand an uploaded sheet in: a job reads it and judges each row, and nothing is sent. Needs REFUND, "
        "of payments REGISTER_PAYMENT, in all stores."
    )
    async def batch_create(self, info: Info, input: BatchCreateInput) -> BatchPayload:
        return await _create(info, input)

    @strawberry.mutation(
        description="The yes by which a judged sheet is worked off, row by row: one bad row holds up no good one. A "
        "large one (`needsAnother`) takes another person, who has APPROVE; else whoever handed it in."
    )
    async def batch_confirm(self, info: Info, input: BatchConfirmInput) -> BatchPayload:
        return await _confirm(info, input)

    @strawberry.mutation(
        description="Call a sheet off, before or while it is worked off: rows that have no outcome come to nothing."
    )
    async def batch_cancel(self, info: Info, input: BatchCancelInput) -> BatchPayload:
        return await _cancel(info, input)

    @strawberry.mutation(
        description="Write the sheet's rows with what became of each, as it stands now, to a file (`downloadPath`)."
    )
    async def batch_result_create(self, info: Info, input: BatchResultCreateInput) -> BatchResultCreatePayload:
        return await _result(info, input)


@strawberry.type
class BatchSubscription:
    @strawberry.subscription(
        metadata=LIVE,
        description="How far a sheet is, now and whenever it is further; it completes when the sheet has come to its "
        "end. Needs what `batches` needs.",
    )
    async def batch_progress(
        self, info: Info, batch_id: strawberry.ID, after: str | None = None
    ) -> AsyncGenerator[BatchStreamMessage, None]:
        return await follow(info, batch_id, after)


@answering(BatchPayload)
async def _create(info: Info, input: BatchCreateInput) -> BatchPayload:
    file_id = ids.uuid_of(input.file_id, ["input", "fileId"])
    context = info.context
    made = await batches.create(context.principal, file_id, input.idempotency_key, context.cause)
    return BatchPayload(batch=Batch.of(made), errors=[], request_id=context.request_id)


@answering(BatchPayload)
async def _confirm(info: Info, input: BatchConfirmInput) -> BatchPayload:
    batch_id, context = ids.uuid_of(input.batch_id, ["input", "batchId"]), info.context
    made = await batches.confirm(context.principal, batch_id, input.digest, context.cause)
    return BatchPayload(batch=Batch.of(made), errors=[], request_id=context.request_id)


@answering(BatchPayload)
async def _cancel(info: Info, input: BatchCancelInput) -> BatchPayload:
    batch_id, context = ids.uuid_of(input.batch_id, ["input", "batchId"]), info.context
    made = await batches.cancel(context.principal, batch_id, context.cause)
    return BatchPayload(batch=Batch.of(made), errors=[], request_id=context.request_id)


@answering(BatchResultCreatePayload)
async def _result(info: Info, input: BatchResultCreateInput) -> BatchResultCreatePayload:
    batch_id, context = ids.uuid_of(input.batch_id, ["input", "batchId"]), info.context
    as_csv = input.format is SheetFormat.CSV
    made = await results.create(context.principal, batch_id, as_csv, context.settings, context.cause, told_in)
    return BatchResultCreatePayload(file=File.of(made), errors=[], request_id=context.request_id)
