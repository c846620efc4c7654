"""Sheets of refunds and payments as their people follow them."""

import base64
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.relay import to_base64

from api.graphql.context import Info
from api.graphql.refunds.events import RefundStatus
from api.graphql.spoken.told import told
from api.graphql.transport.enums import described
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import DateTime, Money
from domain.access import vouching
from domain.batches import applying, batches, columns
from domain.batches.applying import RowOutcome
from domain.batches.batches import SheetState
from domain.batches.columns import SheetKind
from domain.batches.verdicts import RowVerdict
from domain.models import Batch as BatchModel
from domain.models import BatchRow as RowModel
from domain.models import Refund as RefundModel
from domain.models.refunds import State as RefundState
from domain.money import Money as Amount

TOTALS_MAX = 100
BatchKind = described(
    SheetKind,
    "BatchKind",
    "What a sheet is of.",
    {SheetKind.REFUNDS: "Refunds that are to be made.", SheetKind.PAYMENTS: "Payments that are to be registered."},
)
BatchState = described(
    SheetState,
    "BatchState",
    "Where a sheet is.",
    {
        SheetState.READING: "It is read, and its rows are judged.",
        SheetState.JUDGED: "Nothing is sent: it waits for a yes (batchConfirm).",
        SheetState.APPLYING: "It is worked off, row by row.",
        SheetState.DONE: "Each row has its outcome; refunds go on by themselves.",
        SheetState.FAILED: "It could not be read, or not be gone on with: `problem` says why.",
        SheetState.CANCELED: "It was called off; rows without an outcome come to nothing.",
    },
)
BatchVerdict = described(
    RowVerdict,
    "BatchVerdict",
    "What would become of a row, as things stood when it was judged.",
    {
        RowVerdict.GOES: "It goes as soon as the sheet is confirmed.",
        RowVerdict.WAITS: "It becomes a refund that waits for another person's approval.",
        RowVerdict.ASKS: "It becomes a refund whose customer is asked for an account.",
        RowVerdict.DONE: "This very row, or its refund number, was done before: nothing.",
        RowVerdict.DUPLICATE: "The same was asked for before: nothing, unless the row says so in the column Again.",
        RowVerdict.REFUSED: "Nothing; `code` and `said` say why.",
    },
)
BatchOutcome = described(
    RowOutcome,
    "BatchOutcome",
    "What became of a row.",
    {
        RowOutcome.ASKED: "There is a refund: `refundStatus` says where it is.",
        RowOutcome.ALREADY: "It had been done before, and was not done again.",
        RowOutcome.REGISTERED: "The payment is registered.",
        RowOutcome.REFUSED: "Nothing; `code` and `said` say why.",
        RowOutcome.LEFT: "It looks like one that was asked for before: it was left out.",
    },
)
BatchFormat = strawberry.enum(
    columns.SheetFormat, name="BatchFormat", description="As what a sheet is written. CSV: UTF-8 with its mark, commas."
)


@strawberry.type(description="Rows of one verdict, currency and store.")
class BatchTotal:
    verdict: Annotated[RowVerdict, BatchVerdict]
    store_id: strawberry.ID | None = strawberry.field(description="Null: no store is known of these rows.")
    rows: int
    amount: Money | None = strawberry.field(description="Null: no amount could be read.")


@strawberry.type(description="How many rows have come to an outcome.")
class BatchResultCount:
    outcome: Annotated[RowOutcome, BatchOutcome]
    rows: int


@strawberry.type(description="One row of a sheet.")
class BatchRow:
    row: int = strawberry.field(description="As a spreadsheet counts: the headings are 1.")
    named: str = strawberry.field(description="The order or payment, as the row says it.")
    number: str | None = strawberry.field(description="The merchant's own refund number.")
    amount: Money | None
    verdict: Annotated[RowVerdict, BatchVerdict]
    outcome: Annotated[RowOutcome, BatchOutcome] | None = strawberry.field(description="Null: it has none yet.")
    code: str | None = strawberry.field(
        description="Of what is refused or left out: NOT_FOUND, AMBIGUOUS, AMOUNT, NUMBER_CUT, FORMULA, "
        "LIKELY_DUPLICATE, DUPLICATE_ROW, NUMBER_USED and those of refundCreate and paymentRegister."
    )
    said: str = told("Of the outcome, else of the verdict, in a sentence.")
    payment_id: strawberry.ID | None
    refund_id: strawberry.ID | None
    refund: strawberry.Private[UUID | None]

    @classmethod
    def of(cls, row: RowModel) -> "BatchRow":
        money = Amount(row.amount, row.currency) if row.amount is not None and row.currency is not None else None
        told = applying.told(row)
        return cls(
            row=row.row,
            named=row.named,
            number=row.number,
            amount=Money.of(money) if money else None,
            verdict=RowVerdict(row.verdict),
            outcome=RowOutcome(row.outcome) if row.outcome else None,
            code=told["code"],
            said=told["said"] or "",
            payment_id=_id("Payment", row.payment_id),
            refund_id=_id("Refund", row.refund_id),
            refund=row.refund_id,
        )

    @strawberry.field(description="Where its refund is now; null: there is none.")
    async def refund_status(self, info: Info) -> Annotated[RefundState, RefundStatus] | None:
        if self.refund is None:
            return None
        found = await info.context.loaders.row(RefundModel, self.refund)
        return found.state


def _id(name: str, found: object) -> strawberry.ID | None:
    return strawberry.ID(to_base64(name, str(found))) if found else None


@strawberry.type(description="A sheet of refunds or payments, from the upload to the end of its last row.")
class Batch:
    id: strawberry.ID
    kind: Annotated[SheetKind, BatchKind]
    file_id: strawberry.ID
    name: str
    state: Annotated[SheetState, BatchState]
    written: str | None = strawberry.field(description="What it was read as, such as `csv, GB18030, divided by ;`.")
    ignored: str | None = strawberry.field(description="Headings that we have no name for: their columns say nothing.")
    digest: str | None = strawberry.field(description="Of what its rows say; batchConfirm takes it.")
    needs_another: str | None = told("Why another person than who handed it in must confirm it; null: one is enough.")
    rows_total: int | None = strawberry.field(description="That say something; null: it is not read yet.")
    rows_done: int
    problem: str | None = told()
    created_by: str
    created_at: DateTime
    judged_at: DateTime | None
    confirmed_by: str | None
    confirmed_at: DateTime | None
    canceled_by: str | None
    ended_at: DateTime | None
    cursor: str = strawberry.field(description="batchProgress goes on behind it (`after`).")
    batch: strawberry.Private[BatchModel]

    @classmethod
    def of(cls, row: BatchModel) -> "Batch":
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=SheetKind(row.kind),
            file_id=strawberry.ID(str(row.file_id)),
            name=row.name,
            state=SheetState(row.state),
            written=row.written,
            ignored=row.ignored,
            digest=row.digest,
            needs_another=row.by_two,
            rows_total=row.rows_total,
            rows_done=row.rows_done,
            problem=row.problem,
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
            judged_at=DateTime(row.judged_at) if row.judged_at else None,
            confirmed_by=row.confirmed_by,
            confirmed_at=DateTime(row.confirmed_at) if row.confirmed_at else None,
            canceled_by=row.canceled_by,
            ended_at=DateTime(row.ended_at) if row.ended_at else None,
            cursor=str(row.changes),
            batch=row,
        )

    @strawberry.field(description="Whether you handed it in, or may have: then another person confirms a large one.")
    async def is_yours(self, info: Info) -> bool:
        return await vouching.is_same(info.context.principal, self.batch.party, self.batch.created_at)

    @strawberry.field(description="Rows and amounts by verdict, currency and store; the first hundred.")
    async def totals(self) -> list[BatchTotal]:
        return [
            BatchTotal(
                verdict=RowVerdict(one["verdict"]),
                store_id=strawberry.ID(str(one["store_id"])) if one["store_id"] else None,
                rows=one["rows"],
                amount=Money.of_sum(one["amount"], one["currency"]) if one["currency"] else None,
            )
            for one in (await batches.totals(self.batch.id))[:TOTALS_MAX]
        ]

    @strawberry.field(description="How many rows would be done, or were to be; null: it is not judged yet.")
    async def rows_going(self, info: Info) -> int | None:
        if self.batch.rows_total is None:
            return None
        return await info.context.loaders.one(batches.going, self.batch.id) or 0

    @strawberry.field(description="How many rows have come to what.")
    async def results(self) -> list[BatchResultCount]:
        found = await batches.outcomes(self.batch.id)
        return [BatchResultCount(outcome=RowOutcome(name), rows=count) for name, count in found.items()]

    @strawberry.field(
        description="The rows behind `afterRow`, in the sheet's order, of these verdicts and outcomes; `first`: 1-100."
    )
    async def rows(
        self,
        first: int = PAGE_MAX,
        after_row: int = 0,
        verdicts: list[Annotated[RowVerdict, BatchVerdict]] | None = None,
        outcomes: list[Annotated[RowOutcome, BatchOutcome]] | None = None,
    ) -> list[BatchRow]:
        query = batches.rows_of(self.batch.id, verdicts or (), [one.value for one in outcomes or ()])
        found: Sequence[RowModel] = await query.filter(row__gt=after_row).order_by("row").limit(bounded(first))
        return [BatchRow.of(one) for one in found]


@strawberry.type(description="An empty sheet to fill in.")
class BatchTemplate:
    name: str
    content: str = strawberry.field(description="The file's bytes, base64.")

    @classmethod
    def of(cls, name: str, content: bytes) -> "BatchTemplate":
        return cls(name=name, content=base64.b64encode(content).decode())
