"""Fee schedules: read, entered one by one or from a file, and withdrawn."""

import asyncio
from decimal import Decimal
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.payments import PaymentMethod
from api.graphql.quotes.read import content, number, read
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.enums import described
from api.graphql.transport.errors import BookkeepingError
from api.graphql.transport.scalars import BigInt, CurrencyCode, Date, DateTime, Money
from domain.access.permissions import Permission
from domain.models import FeeSchedule as Row
from domain.models.quotes import FeeKind, OriginalFee
from domain.money import Money as Amount
from domain.pse.vocabulary import Method
from domain.settlements import schedules, tabled, written
from domain.settlements.schedules import Terms

FeeKindEnum = described(
    FeeKind,
    "FeeKind",
    "What a fee is taken for. Members may be added.",
    {
        FeeKind.PAYMENT: "A payment.",
        FeeKind.REFUND: "A refund, beside what becomes of the payment's own fee.",
        FeeKind.CHARGEBACK: "A chargeback.",
        FeeKind.PAYOUT: "A payout to the bank.",
        FeeKind.FX: "No fee: how far the PSE's rate may lie off the reference rate, in percent. None entered: 3 %.",
    },
)
OriginalFeeEnum = described(
    OriginalFee,
    "OriginalFee",
    "What becomes of a payment's own fee when the payment is refunded.",
    {
        OriginalFee.KEPT: "The PSE keeps it.",
        OriginalFee.RETURNED: "It comes back as a whole, with the refund after which all is refunded.",
        OriginalFee.RETURNED_PRO_RATA: "Each refund brings its share back.",
    },
)


@strawberry.type(
    description="A fee from a day on. Of those that hold on a day one of the method wins, then the one that began "
    "last, then the one that was entered last."
)
class FeeSchedule:
    id: strawberry.ID
    connection_id: strawberry.ID
    method: Annotated[Method, PaymentMethod] | None = strawberry.field(description="Null: all.")
    kind: Annotated[FeeKind, FeeKindEnum]
    percent: str = strawberry.field(description="Of the amount, exact, as 3.99.")
    fixed: Money = strawberry.field(description="Beside the percentage.")
    minimum: Money | None = strawberry.field(description="Not less, before tax.")
    maximum: Money | None = strawberry.field(description="Not more, before tax.")
    tax_percent: str = strawberry.field(description="Tax on the fee, exact.")
    original_fee: Annotated[OriginalFee, OriginalFeeEnum] | None = strawberry.field(description="Of a REFUND.")
    valid_from: Date
    valid_to: Date | None = strawberry.field(description="The last day; null: until another one begins.")
    source: str = strawberry.field(description="Who says so, in words.")
    entered_by: str
    created_at: DateTime
    withdrawn_at: DateTime | None = strawberry.field(description="Entered in error: it counts no more.")
    withdrawn_by: str | None

    @classmethod
    def of(cls, row: Row) -> "FeeSchedule":
        return cls(
            id=strawberry.ID(str(row.id)),
            connection_id=strawberry.ID(str(row.connection_id)),
            method=Method(row.method) if row.method else None,
            kind=FeeKind(row.kind),
            percent=_plain(row.percent),
            fixed=Money.of(Amount(row.fixed, row.currency)),
            minimum=None if row.minimum is None else Money.of(Amount(row.minimum, row.currency)),
            maximum=None if row.maximum is None else Money.of(Amount(row.maximum, row.currency)),
            tax_percent=_plain(row.tax_percent),
            original_fee=OriginalFee(row.original_fee) if row.original_fee else None,
            valid_from=Date(row.valid_from),
            valid_to=Date(row.valid_to) if row.valid_to else None,
            source=row.source,
            entered_by=row.entered_by,
            created_at=DateTime(row.created_at),
            withdrawn_at=DateTime(row.withdrawn_at) if row.withdrawn_at else None,
            withdrawn_by=row.withdrawn_by,
        )


def _plain(exact: Decimal) -> str:
    return f"{exact.normalize():f}"


@strawberry.input(description="A fee as the contract has it. Amounts in minor units of `currency`.")
class FeeScheduleSetInput:
    connection_id: strawberry.ID
    kind: Annotated[FeeKind, FeeKindEnum]
    currency: CurrencyCode = strawberry.field(description="In which the PSE counts it: what it settles in.")
    percent: str = strawberry.field(description="0 to 100, at most six decimals, as 3.99.")
    valid_from: Date = strawberry.field(description="The first day, in the merchant's zone; it may lie ahead.")
    source: str = strawberry.field(description="Who says so, in words: a contract, a page and its day.")
    idempotency_key: str
    method: Annotated[Method, PaymentMethod] | None = strawberry.field(default=None, description="Left out: all.")
    fixed: BigInt = strawberry.field(default=BigInt(0), description="Beside the percentage.")
    minimum: BigInt | None = strawberry.field(default=None, description="Not less, before tax.")
    maximum: BigInt | None = strawberry.field(default=None, description="Not more, before tax.")
    tax_percent: str = strawberry.field(default="0", description="Tax on the fee, as 16.")
    original_fee: Annotated[OriginalFee, OriginalFeeEnum] | None = strawberry.field(
        default=None, description="Of a REFUND, and then always."
    )
    valid_to: Date | None = strawberry.field(default=None, description="The last day, where it ends by itself.")

    def parsed(self) -> Terms:
        """What is said. Raises InvalidInput."""
        units = written.bounded_units
        return Terms(
            connection_id=ids.uuid_of(self.connection_id, ["input", "connectionId"]),
            kind=self.kind,
            currency=read(written.currency, self.currency, "currency"),
            percent=read(written.percent, self.percent, "percent"),
            valid_from=read(written.bounded_day, self.valid_from, "validFrom"),
            source=read(written.source, self.source, "source"),
            method=self.method.value if self.method else None,
            fixed=read(units, self.fixed, "fixed"),
            minimum=None if self.minimum is None else read(units, self.minimum, "minimum"),
            maximum=None if self.maximum is None else read(units, self.maximum, "maximum"),
            tax_percent=read(written.percent, self.tax_percent, "taxPercent"),
            original_fee=self.original_fee,
            valid_to=self.valid_to,
        )


@strawberry.input(description="A file of schedules: all are entered, or none.")
class FeeSchedulesImportInput:
    file_content: str = strawberry.field(
        description="CSV in base64, at most 512 KiB and 1,000 rows. Its first line names the columns: kind, currency, "
        "percent, valid_from, source; and of connection, method, fixed, minimum, maximum, tax_percent, original_fee, "
        "valid_to those that you have."
    )
    idempotency_key: str
    connection_id: strawberry.ID | None = strawberry.field(default=None, description="Of rows that name none.")


@strawberry.input(description="Which one was entered in error.")
class FeeScheduleWithdrawInput:
    fee_schedule_id: strawberry.ID = strawberry.field(description="Of feeSchedules.")


@strawberry.type(description="`schedule` is null exactly when `errors` is not empty.")
class FeeSchedulePayload:
    schedule: FeeSchedule | None
    errors: list[BookkeepingError]
    request_id: str


@strawberry.type(description="`entered` is null exactly when `errors` is not empty.")
class FeeSchedulesImportPayload:
    entered: int | None = strawberry.field(description="How many schedules; feeSchedules lists them.")
    errors: list[BookkeepingError]
    request_id: str


@answering(FeeSchedulePayload)
async def fee_schedule_set(info: Info, input: FeeScheduleSetInput) -> FeeSchedulePayload:
    context = info.context
    context.principal.require_everywhere(Permission.KEEP_BOOKS)
    terms, key = input.parsed(), input.idempotency_key
    (row,) = await schedules.enter(context.principal, "feeScheduleSet", [terms], key, context.cause)
    return FeeSchedulePayload(schedule=FeeSchedule.of(row), errors=[], request_id=context.request_id)


@answering(FeeSchedulesImportPayload)
async def fee_schedules_import(info: Info, input: FeeSchedulesImportInput) -> FeeSchedulesImportPayload:
    context = info.context
    context.principal.require_everywhere(Permission.KEEP_BOOKS)
    given = input.connection_id
    connection_id = ids.uuid_of(given, ["input", "connectionId"]) if given is not None else None
    key = input.idempotency_key
    terms = await asyncio.to_thread(tabled.fees, content(input.file_content), connection_id)
    rows = await schedules.enter(context.principal, "feeSchedulesImport", terms, key, context.cause)
    return FeeSchedulesImportPayload(entered=len(rows), errors=[], request_id=context.request_id)


@answering(FeeSchedulePayload)
async def fee_schedule_withdraw(info: Info, input: FeeScheduleWithdrawInput) -> FeeSchedulePayload:
    context = info.context
    row = await schedules.withdraw(context.principal, number(input.fee_schedule_id, "feeScheduleId"), context.cause)
    return FeeSchedulePayload(schedule=FeeSchedule.of(row), errors=[], request_id=context.request_id)
