"""Months: what stands against closing one, who proposed and closed it, and what was kept."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self
from uuid import UUID

import strawberry

from api.graphql.books.trial_balance import TrialBalanceRow, TrialBalanceTotal, part, totals_of
from api.graphql.context import Info
from api.graphql.spoken.languages import locale_of
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import PeriodError
from api.graphql.transport.paging import PAGE_MAX
from api.graphql.transport.scalars import BigInt, Date, DateTime
from domain.access.permissions import Permission
from domain.books.trial_balance import Row, Total
from domain.books.trial_balance import totals_of as sums_of
from domain.findings import kinds
from domain.findings.findings import FindingKind
from domain.models import PeriodClosing
from domain.models.ledger import Account
from domain.periods import closing, kept, preview
from domain.periods.months import Month
from domain.periods.preview import Obstacle

ObstacleEnum = strawberry.enum(Obstacle, name="PeriodObstacle", description="What stands against closing a month.")


@strawberry.type(description="Something that stands against closing a month.")
class PeriodAgainst:
    obstacle: Annotated[Obstacle, ObstacleEnum]
    count: int
    examples: list[str] = strawberry.field(description="The first few: dates, references, kinds.")

    @strawberry.field(description="In words; `locale` is en, zh-CN, es or pt-BR, else what Accept-Language asks for.")
    def meaning(self, locale: str | None = None) -> str:
        return self.obstacle.in_words(locale_of(locale))

    @strawberry.field(
        description="`examples` as people call them: kinds of findings by title; `locale` as of `meaning`."
    )
    def examples_in_words(self, locale: str | None = None) -> list[str]:
        if self.obstacle is not Obstacle.OPEN_FINDINGS:
            return self.examples
        return [kinds.known(FindingKind(one)).title[locale_of(locale)] for one in self.examples]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        return cls(obstacle=Obstacle(told["obstacle"]), count=told["count"], examples=list(told["examples"]))


@strawberry.type(description="A month that somebody proposed to close.")
class Period:
    id: strawberry.ID = strawberry.field(description="Names it, for periodConfirm.")
    month: str = strawberry.field(description="YYYY-MM.")
    state: str = strawberry.field(description="PROPOSED, CLOSED or WITHDRAWN. What is closed is never opened.")
    first_day: Date
    last_day: Date
    against: list[PeriodAgainst] = strawberry.field(description="What stood against it when it was proposed.")
    why: str | None = strawberry.field(description="Why it is closed all the same.")
    proposed_by: str
    proposed_at: DateTime
    confirmed_by: str | None
    confirmed_at: DateTime | None
    last_entry: BigInt | None = strawberry.field(description="The ledger's last entry in it.")
    chain_position: BigInt | None = strawberry.field(description="Of the sealed history, when it was closed.")
    chain_hash: str | None
    digest: str | None = strawberry.field(description="SHA-256 of the kept figures and what they stand on.")

    @classmethod
    def of(cls, row: PeriodClosing) -> Self:
        closed = row.confirmed_at is not None
        return cls(
            id=strawberry.ID(str(row.id)),
            month=str(Month.of(row.first_day)),
            state="CLOSED" if closed else "WITHDRAWN" if row.withdrawn_at else "PROPOSED",
            first_day=Date(row.first_day),
            last_day=Date(row.last_day),
            against=[PeriodAgainst.of(one) for one in row.against],
            why=row.why,
            proposed_by=row.proposed_by,
            proposed_at=DateTime(row.proposed_at),
            confirmed_by=row.confirmed_by,
            confirmed_at=DateTime(row.confirmed_at) if row.confirmed_at else None,
            last_entry=BigInt(row.last_entry) if row.last_entry is not None else None,
            chain_position=BigInt(row.chain_position) if row.chain_position is not None else None,
            chain_hash=row.chain_hash,
            digest=row.digest,
        )


@strawberry.type(description="What closing a month would meet.")
class PeriodPreview:
    month: str
    closable_from: Date = strawberry.field(description="By UTC.")
    closed: bool
    against: list[PeriodAgainst]


@strawberry.type(description="A closed month as it was kept, by connection and store.")
class ClosedPeriod:
    period: Period
    count: int = strawberry.field(description="How many rows were kept.")
    found: strawberry.Private[Sequence[Row]]
    summed: strawberry.Private[Sequence[Total]]

    @strawberry.field(description="`first` is 1-100.")
    def rows(self, first: int = PAGE_MAX, skip: int = 0) -> list[TrialBalanceRow]:
        return [TrialBalanceRow.of(row) for row in part(self.found, first, skip)]

    @strawberry.field(description="By currency.")
    def totals(self, first: int = PAGE_MAX) -> list[TrialBalanceTotal]:
        return totals_of(self.summed, first)


async def period_preview(info: Info, month: str) -> PeriodPreview:
    """What stands against it just now."""
    wanted, principal = Month.parse(month), info.context.principal
    closed = await closing.closed(principal, wanted)
    whole = principal.scope(Permission.READ_LEDGER).is_whole
    found = await preview.against(principal.merchant_id, wanted) if whole else []
    return PeriodPreview(
        month=str(wanted),
        closable_from=Date(wanted.closable_from),
        closed=closed is not None,
        against=[PeriodAgainst.of(one.kept()) for one in found],
    )


async def closed_period(info: Info, month: str) -> ClosedPeriod | None:
    """What was kept of it; None: it is open."""
    row = await closing.closed(info.context.principal, Month.parse(month))
    if row is None:
        return None
    found = [_row(one) for one in await kept.balances(row.id)]
    return ClosedPeriod(period=Period.of(row), count=len(found), found=found, summed=sums_of(found))


def _row(one: Mapping[str, Any]) -> Row:
    numbers = {name: int(one[name]) for name in ("opening", "debits", "credits")}
    return Row(**{**one, **numbers, "account": Account(one["account"])})


@strawberry.input(description="Have another person close a month.")
class PeriodProposeInput:
    month: str = strawberry.field(description="YYYY-MM.")
    why: str | None = strawberry.field(
        default=None, description="Why it is closed although something stands against it; at most 500 characters."
    )
    idempotency_key: str


@strawberry.input(description="Of a month that waits for a second person.")
class PeriodConfirmInput:
    closing_id: strawberry.ID


@strawberry.input(description="Of a month that waits for a second person.")
class PeriodWithdrawInput:
    closing_id: strawberry.ID


@strawberry.type(description="`period` is null exactly when `errors` is not empty.")
class PeriodPayload:
    period: Period | None
    errors: list[PeriodError]
    request_id: str


@answering(PeriodPayload)
async def propose(info: Info, input: PeriodProposeInput) -> PeriodPayload:
    month = Month.parse(input.month)
    context = info.context
    row = await closing.propose(context.principal, month, input.why, input.idempotency_key, context.cause)
    return _payload(info, row)


@answering(PeriodPayload)
async def confirm(info: Info, input: PeriodConfirmInput) -> PeriodPayload:
    return _payload(info, await closing.confirm(info.context.principal, _id(input.closing_id), info.context.cause))


@answering(PeriodPayload)
async def withdraw(info: Info, input: PeriodWithdrawInput) -> PeriodPayload:
    return _payload(info, await closing.withdraw(info.context.principal, _id(input.closing_id), info.context.cause))


def _id(given: str) -> UUID:
    return ids.uuid_of(given, ["input", "closingId"])


def _payload(info: Info, row: PeriodClosing) -> PeriodPayload:
    return PeriodPayload(period=Period.of(row), errors=[], request_id=info.context.request_id)
