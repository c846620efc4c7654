"""When reports are to be there, days that people know better, and servers from which reports are fetched."""

from datetime import date
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.spoken.told import told
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import NightError
from api.graphql.transport.scalars import Date, DateTime
from domain.books import bank_days
from domain.models import BankDay as BankDayRow
from domain.models import Connection as ConnectionRow
from domain.models import ReportSource as SourceRow
from domain.pse.expected import Covers, Lag
from domain.reconciliation import expected, sources
from domain.reconciliation.expected import Contract
from domain.reconciliation.sources import NewSource

CoversEnum = strawberry.enum(
    Covers,
    name="ReportCovers",
    description="DATE: each business date has its report. PERIOD: a report has what came since the one before. "
    "NOTHING: none is awaited.",
)


@strawberry.type(description="When a connection's reports are to be there.")
class ReportExpectation:
    connection_id: strawberry.ID
    covers: Annotated[Covers, CoversEnum]
    days: int = strawberry.field(description="After the business date.")
    bank_days: bool = strawberry.field(description="Whether these are days on which the banks of `countries` work.")
    by_time: str = strawberry.field(description="HH:MM.")
    zone: str = strawberry.field(description="Of `byTime`.")
    countries: list[str]
    line_days: int | None = strawberry.field(description="How long a refund's line takes; null: nothing is known.")
    line_bank_days: bool
    source: str = strawberry.field(description="Where this is from, and of which day.")
    next_due: DateTime = strawberry.field(description="Of the last date that has ended: by when its report is there.")

    @classmethod
    async def of(cls, row: ConnectionRow, day: date) -> "ReportExpectation":
        awaited = await expected.of(row)
        said, line = awaited.said, awaited.said.refund_line
        return cls(
            connection_id=strawberry.ID(str(row.id)),
            covers=said.covers,
            days=said.report.days,
            bank_days=said.report.of_banks,
            by_time=f"{said.until:%H:%M}",
            zone=awaited.zone.key if said.zone == "merchant" else said.zone,
            countries=sorted(awaited.countries),
            line_days=line.days if line else None,
            line_bank_days=line is not None and line.of_banks,
            source=said.version,
            next_due=DateTime(awaited.due(day)),
        )


@strawberry.type(description="Whether a country's banks work on a day, where people know better than a table.")
class BankDay:
    country: str
    day: Date
    closed: bool
    why: str
    set_by: str
    set_at: DateTime

    @classmethod
    def of(cls, row: BankDayRow) -> "BankDay":
        return cls(
            country=row.country,
            day=Date(row.day),
            closed=row.closed,
            why=row.why,
            set_by=row.set_by,
            set_at=DateTime(row.set_at),
        )


@strawberry.type(
    description="A server from which a connection's reports are fetched by SFTP; credentials are not shown."
)
class ReportSource:
    connection_id: strawberry.ID
    host: str
    port: int
    username: str
    folder: str
    host_key_fingerprint: str
    enabled: bool
    visited_at: DateTime | None = strawberry.field(description="The last visit that succeeded.")
    failures: int = strawberry.field(description="In a row.")
    said: str | None = told("Why the last visit failed.")

    @classmethod
    def of(cls, row: SourceRow) -> "ReportSource":
        return cls(
            connection_id=strawberry.ID(str(row.connection_id)),
            host=row.host,
            port=row.port,
            username=row.username,
            folder=row.folder,
            host_key_fingerprint=sources.fingerprint(row.host_key),
            enabled=row.enabled,
            visited_at=DateTime(row.visited_at) if row.visited_at else None,
            failures=row.failures,
            said=row.said,
        )


@strawberry.input(description="What the contract says of a connection's reports.")
class ReportExpectationSetInput:
    connection_id: strawberry.ID
    covers: Annotated[Covers, CoversEnum]
    days: int
    bank_days: bool
    by_time: str = strawberry.field(description="HH:MM.")
    zone: str = strawberry.field(default="merchant", description="An IANA name, or `merchant`.")
    countries: list[str] = strawberry.field(
        default_factory=lambda: ["merchant"], description="Whose banks count; `merchant`: the merchant's own country."
    )
    line_days: int | None = None
    line_bank_days: bool = False


@strawberry.type(description="`expectation` is null exactly when `errors` is not empty.")
class ReportExpectationSetPayload:
    expectation: ReportExpectation | None
    errors: list[NightError]
    request_id: str


@strawberry.input
class BankDaySetInput:
    country: str = strawberry.field(description="Two letters.")
    day: Date
    closed: bool = strawberry.field(description="False: the banks work, though a table says otherwise.")
    why: str = strawberry.field(description="The decree or the notice.")


@strawberry.type(description="`bankDay` is null exactly when `errors` is not empty.")
class BankDaySetPayload:
    bank_day: BankDay | None
    errors: list[NightError]
    request_id: str


@strawberry.input(description="Without `password` and `privateKey` those of before stay, if host and key are the same.")
class ReportSourceSetInput:
    connection_id: strawberry.ID
    host: str
    username: str
    folder: str
    host_key: str = strawberry.field(description="The server's public key, as ssh-keyscan prints it: it is pinned.")
    port: int = 22
    password: str | None = None
    private_key: str | None = strawberry.field(default=None, description="OpenSSH's format, without a passphrase.")
    enabled: bool = True


@strawberry.type(description="`source` is null exactly when `errors` is not empty.")
class ReportSourceSetPayload:
    source: ReportSource | None
    errors: list[NightError]
    request_id: str


@answering(ReportExpectationSetPayload)
async def report_expectation_set(info: Info, input: ReportExpectationSetInput) -> ReportExpectationSetPayload:
    contract = Contract(
        covers=input.covers,
        report=Lag(input.days, input.bank_days),
        until=input.by_time,
        zone=input.zone,
        countries=tuple(input.countries),
        refund_line=None if input.line_days is None else Lag(input.line_days, input.line_bank_days),
    )
    connection_id = ids.uuid_of(input.connection_id, ["input", "connectionId"])
    row = await expected.set_for(info.context.principal, connection_id, contract, info.context.cause)
    told = await ReportExpectation.of(row, await expected.last_ended(row))
    return ReportExpectationSetPayload(expectation=told, errors=[], request_id=info.context.request_id)


@answering(BankDaySetPayload)
async def bank_day_set(info: Info, input: BankDaySetInput) -> BankDaySetPayload:
    given = (input.country, input.day, input.closed, input.why)
    row = await bank_days.set_day(info.context.principal, *given, info.context.cause)
    return BankDaySetPayload(bank_day=BankDay.of(row), errors=[], request_id=info.context.request_id)


@answering(ReportSourceSetPayload)
async def report_source_set(info: Info, input: ReportSourceSetInput) -> ReportSourceSetPayload:
    context = info.context
    new = NewSource(
        host=input.host,
        port=input.port,
        username=input.username,
        folder=input.folder,
        host_key=input.host_key,
        password=input.password,
        private_key=input.private_key,
        enabled=input.enabled,
    )
    connection_id = ids.uuid_of(input.connection_id, ["input", "connectionId"])
    row = await sources.set_for(context.principal, connection_id, new, context.settings.secret_key, context.cause)
    return ReportSourceSetPayload(source=ReportSource.of(row), errors=[], request_id=context.request_id)
