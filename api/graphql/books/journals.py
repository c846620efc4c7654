"""Journals for other programs, and which accounts of theirs stand for ours."""

from typing import Annotated, Self

import strawberry

from api.graphql.books.trial_balance import SignedMoney
from api.graphql.context import Info
from api.graphql.files import File
from api.graphql.ledger import AccountEnum
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import PeriodError
from api.graphql.transport.paging import PAGE_MAX, bounded
from api.graphql.transport.scalars import CurrencyCode, DateTime
from domain.journal import export, mapping
from domain.journal.export import WantedJournal
from domain.journal.formats import Encoding, JournalFormat
from domain.journal.mapping import For, Theirs
from domain.models import File as FileRow
from domain.models import JournalAccount as AccountRow
from domain.models import JournalBatch
from domain.models.ledger import Account
from domain.periods.months import Month
from domain.problems import InvalidInput

FormatEnum = strawberry.enum(JournalFormat, name="JournalFormat", description="Which program reads it.")
EncodingEnum = strawberry.enum(Encoding, name="JournalEncoding", description="How the text is written.")


@strawberry.type(description="An account of your own books, and what it stands for.")
class JournalAccount:
    id: strawberry.ID
    account: Annotated[Account, AccountEnum]
    connection_id: strawberry.ID | None = strawberry.field(description="Null: of all.")
    store_id: strawberry.ID | None = strawberry.field(description="Null: of all.")
    currency: CurrencyCode | None = strawberry.field(description="Null: of all.")
    number: str
    name: str
    tax_rate: str | None
    created_by: str
    created_at: DateTime

    @classmethod
    def of(cls, row: AccountRow) -> Self:
        return cls(
            id=strawberry.ID(str(row.id)),
            account=Account(row.account),
            connection_id=strawberry.ID(str(row.connection_id)) if row.connection_id else None,
            store_id=strawberry.ID(str(row.store_id)) if row.store_id else None,
            currency=CurrencyCode(row.currency) if row.currency else None,
            number=row.number,
            name=row.name,
            tax_rate=row.tax_rate,
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
        )


@strawberry.type(description="A journal that was made: a ZIP with its files and `control.csv`.")
class Journal:
    id: strawberry.ID
    number: int | None = strawberry.field(description="Null: a draft of a month that is open.")
    month: str
    format: Annotated[JournalFormat, FormatEnum]
    encoding: Annotated[Encoding, EncodingEnum]
    lines: int
    digest: str = strawberry.field(description="SHA-256 of what is booked, whatever the number and format.")
    replaces: int | None = strawberry.field(description="The number of the one that said otherwise: take that back.")
    created_by: str
    created_at: DateTime
    row: strawberry.Private[JournalBatch]

    @classmethod
    def of(cls, row: JournalBatch) -> Self:
        return cls(
            id=strawberry.ID(str(row.id)),
            number=row.number,
            month=str(Month.of(row.first_day)),
            format=JournalFormat(row.format),
            encoding=Encoding(row.encoding),
            lines=row.lines,
            digest=row.digest,
            replaces=row.replaces,
            created_by=row.created_by,
            created_at=DateTime(row.created_at),
            row=row,
        )

    @strawberry.field(description="Debits, which are the credits, by currency.")
    def sums(self, first: int = PAGE_MAX) -> list[SignedMoney]:
        found = sorted(self.row.sums.items())[: bounded(first)]
        return [SignedMoney.of(int(amount), currency) for currency, amount in found]

    @strawberry.field(description="`downloadPath` gives it.")
    async def file(self) -> File:
        found = self.row.file
        return File.of(found if isinstance(found, FileRow) else await FileRow.get(id=self.row.file_id))


@strawberry.input(description="Have an account of yours stand for one of ours, from the next journal on.")
class JournalAccountSetInput:
    account: Annotated[Account, AccountEnum]
    connection_id: strawberry.ID | None = strawberry.field(default=None, description="Of this connection alone.")
    store_id: strawberry.ID | None = strawberry.field(default=None, description="Of this store alone.")
    currency: CurrencyCode | None = strawberry.field(default=None, description="Of this currency alone.")
    number: str | None = strawberry.field(default=None, description="Yours; left out with `name`: what was set ends.")
    name: str | None = strawberry.field(default=None, description="Yours; QuickBooks knows accounts by it.")
    tax_rate: str | None = strawberry.field(default=None, description="Its full name, where the program wants one.")
    idempotency_key: str


@strawberry.type(description="`account` is null where what was set has ended, and when `errors` is not empty.")
class JournalAccountSetPayload:
    account: JournalAccount | None
    errors: list[PeriodError]
    request_id: str


@strawberry.input(description="The journal of a month.")
class JournalExportInput:
    month: str = strawberry.field(description="YYYY-MM.")
    format: Annotated[JournalFormat, FormatEnum]
    encoding: Annotated[Encoding, EncodingEnum] = Encoding.UTF_8
    idempotency_key: str


@strawberry.type(description="`journal` is null exactly when `errors` is not empty.")
class JournalExportPayload:
    journal: Journal | None
    errors: list[PeriodError]
    request_id: str


@answering(JournalAccountSetPayload)
async def account_set(info: Info, input: JournalAccountSetInput) -> JournalAccountSetPayload:
    ours = For(
        input.account,
        ids.uuid_of(input.connection_id, ["input", "connectionId"]) if input.connection_id else None,
        ids.uuid_of(input.store_id, ["input", "storeId"]) if input.store_id else None,
        input.currency,
    )
    if (input.number is None) != (input.name is None):
        raise InvalidInput("number and name come together, or neither.", path=["input", "number"])
    theirs = None if input.number is None or input.name is None else Theirs(input.number, input.name, input.tax_rate)
    context = info.context
    row = await mapping.set_account(context.principal, ours, theirs, input.idempotency_key, context.cause)
    shown = JournalAccount.of(row) if row else None
    return JournalAccountSetPayload(account=shown, errors=[], request_id=context.request_id)


@answering(JournalExportPayload)
async def journal_export(info: Info, input: JournalExportInput) -> JournalExportPayload:
    wanted = WantedJournal(Month.parse(input.month), input.format, input.encoding)
    context = info.context
    row = await export.export(context.principal, wanted, input.idempotency_key, context.settings, context.cause)
    return JournalExportPayload(journal=Journal.of(row), errors=[], request_id=context.request_id)
