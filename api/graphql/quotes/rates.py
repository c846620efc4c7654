"""Rates of exchange: read, entered one by one or from a file, and withdrawn."""

import asyncio
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.quotes.read import content, number, read
from api.graphql.transport.answering import answering
from api.graphql.transport.enums import described
from api.graphql.transport.errors import BookkeepingError
from api.graphql.transport.scalars import CurrencyCode, Date, DateTime
from domain.access.permissions import Permission
from domain.models import FxRate as Row
from domain.models.quotes import Origin, Side
from domain.settlements import rates, tabled, written
from domain.settlements.rates import NewRate
from domain.settlements.tabled import RatesLayout

FxSideEnum = described(
    Side,
    "FxSide",
    "Which of a published pair of rates.",
    {Side.SINGLE: "There is but one.", Side.SELL: "The selling rate.", Side.BUY: "The buying rate."},
)
FxOriginEnum = described(
    Origin,
    "FxOrigin",
    "How a rate is known.",
    {
        Origin.ENTERED: "A person entered it.",
        Origin.IMPORTED: "It stood in a file.",
        Origin.REPORT: "A PSE's own, of a line that it converted. It is no reference.",
    },
)
FxLayoutEnum = described(
    RatesLayout,
    "FxLayout",
    "How a file of rates is laid out.",
    {
        RatesLayout.GENERIC: "CSV whose first line names the columns base, quote, rate, valid_from; and of side, "
        "valid_to, source those that you have. A decimal point.",
        RatesLayout.PTAX: "As Brazil's central bank gives PTAX: eight columns between semicolons, no header, a decimal "
        "comma. Currencies that nobody settles in are passed over and counted.",
    },
)


@strawberry.type(description="What one `base` is worth in `quote`. Of the same day the last entered wins.")
class FxRate:
    id: strawberry.ID
    base: CurrencyCode
    quote: CurrencyCode
    side: Annotated[Side, FxSideEnum]
    rate: str = strawberry.field(description="Exact.")
    valid_from: Date
    valid_to: Date = strawberry.field(description="The last day. It is carried for a week more, and said to be.")
    published_at: DateTime | None
    origin: Annotated[Origin, FxOriginEnum]
    source: str = strawberry.field(description="Who publishes it; of a REPORT its line and name.")
    file_sha256: str | None = strawberry.field(description="Of the file that it stood in.")
    entered_by: str
    created_at: DateTime
    withdrawn_at: DateTime | None = strawberry.field(description="Entered in error: it counts no more.")
    withdrawn_by: str | None

    @classmethod
    def of(cls, row: Row) -> "FxRate":
        return cls(
            id=strawberry.ID(str(row.id)),
            base=CurrencyCode(row.base),
            quote=CurrencyCode(row.quote),
            side=Side(row.side),
            rate=f"{row.rate.normalize():f}",
            valid_from=Date(row.valid_from),
            valid_to=Date(row.valid_to),
            published_at=DateTime(row.published_at) if row.published_at else None,
            origin=Origin(row.origin),
            source=row.source,
            file_sha256=row.digest,
            entered_by=row.entered_by,
            created_at=DateTime(row.created_at),
            withdrawn_at=DateTime(row.withdrawn_at) if row.withdrawn_at else None,
            withdrawn_by=row.withdrawn_by,
        )


@strawberry.input(description="A rate as it is published. Nothing between two rates is ever made up.")
class FxRateSetInput:
    base: CurrencyCode
    quote: CurrencyCode
    rate: str = strawberry.field(description="What one `base` is worth in `quote`; at most twelve decimals, as 5.4321.")
    valid_from: Date = strawberry.field(description="The first day; at most ten days ahead.")
    source: str = strawberry.field(description="Who publishes it, in words, as PTAX.")
    idempotency_key: str
    side: Annotated[Side, FxSideEnum] = strawberry.field(default=Side.SINGLE)
    valid_to: Date | None = strawberry.field(default=None, description="The last day; left out: the first.")
    published_at: DateTime | None = None

    def parsed(self) -> NewRate:
        """What is said. Raises InvalidInput."""
        first = read(written.bounded_day, self.valid_from, "validFrom")
        return NewRate(
            base=read(written.currency, self.base, "base"),
            quote=read(written.currency, self.quote, "quote"),
            rate=read(written.rate, self.rate, "rate"),
            valid_from=first,
            valid_to=self.valid_to or first,
            source=read(written.source, self.source, "source"),
            side=self.side,
            published_at=self.published_at,
        )


@strawberry.input(description="A file of rates: all are entered, or none.")
class FxRatesImportInput:
    layout: Annotated[RatesLayout, FxLayoutEnum]
    file_content: str = strawberry.field(description="In base64, at most 512 KiB and 5,000 rates.")
    source: str = strawberry.field(description="Who publishes them, of rows that do not say it.")
    idempotency_key: str


@strawberry.input(description="Which one was entered in error.")
class FxRateWithdrawInput:
    fx_rate_id: strawberry.ID = strawberry.field(description="Of fxRates.")


@strawberry.type(description="`rate` is null exactly when `errors` is not empty.")
class FxRatePayload:
    rate: FxRate | None
    errors: list[BookkeepingError]
    request_id: str


@strawberry.type(description="`entered` is null exactly when `errors` is not empty.")
class FxRatesImportPayload:
    entered: int | None = strawberry.field(description="How many rates; fxRates lists them.")
    passed_over: int | None = strawberry.field(description="How many rows were of currencies that nobody settles in.")
    errors: list[BookkeepingError]
    request_id: str


@answering(FxRatePayload)
async def fx_rate_set(info: Info, input: FxRateSetInput) -> FxRatePayload:
    context = info.context
    context.principal.require_everywhere(Permission.KEEP_BOOKS)
    new, key = input.parsed(), input.idempotency_key
    (row,) = await rates.enter(context.principal, "fxRateSet", [new], None, key, context.cause)
    return FxRatePayload(rate=FxRate.of(row), errors=[], request_id=context.request_id)


@answering(FxRatesImportPayload)
async def fx_rates_import(info: Info, input: FxRatesImportInput) -> FxRatesImportPayload:
    context = info.context
    context.principal.require_everywhere(Permission.KEEP_BOOKS)
    source = read(written.source, input.source, "source")
    key = input.idempotency_key
    found = await asyncio.to_thread(tabled.rates, content(input.file_content), input.layout, source)
    rows = await rates.enter(context.principal, "fxRatesImport", found.rates, found.digest, key, context.cause)
    return FxRatesImportPayload(
        entered=len(rows), passed_over=found.passed_over, errors=[], request_id=context.request_id
    )


@answering(FxRatePayload)
async def fx_rate_withdraw(info: Info, input: FxRateWithdrawInput) -> FxRatePayload:
    context = info.context
    row = await rates.withdraw(context.principal, number(input.fx_rate_id, "fxRateId"), context.cause)
    return FxRatePayload(rate=FxRate.of(row), errors=[], request_id=context.request_id)
