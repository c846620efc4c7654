"""The fields of nights: schema.py has them beside the others."""

from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Annotated

import strawberry
from strawberry.relay import PageInfo

from api.graphql.context import Info
from api.graphql.nights import expected, handed_in, progress
from api.graphql.nights.expected import (
    BankDay,
    BankDaySetInput,
    BankDaySetPayload,
    ReportExpectation,
    ReportExpectationSetInput,
    ReportExpectationSetPayload,
    ReportSource,
    ReportSourceSetInput,
    ReportSourceSetPayload,
)
from api.graphql.nights.handed_in import (
    BecameEnum,
    HandedReport,
    NightRepeatInput,
    NightRepeatPayload,
    SettlementReportConfirmInput,
    SettlementReportDecisionPayload,
    SettlementReportRefuseInput,
    SettlementReportUploadInput,
    SettlementReportUploadPayload,
)
from api.graphql.nights.progress import RunStreamMessage
from api.graphql.nights.types import Night, StateEnum
from api.graphql.transport import ids
from api.graphql.transport.live import LIVE
from api.graphql.transport.narrowed import days
from api.graphql.transport.paging import Connection, Counting, Edge, Position, bounded, page, position_of
from api.graphql.transport.scalars import Date
from domain.access.permissions import Permission
from domain.books import bank_days
from domain.connections import connections
from domain.models import Connection as ConnectionRow
from domain.models import ReportSource as SourceRow
from domain.problems import InvalidInput
from domain.reconciliation import expected as awaited
from domain.reconciliation import handed_in as handed
from domain.reconciliation import listed
from domain.reconciliation.handed_in import Became
from domain.reconciliation.listed import Place, WantedNights
from domain.reconciliation.standing import NightState


@strawberry.input(description="Which nights; what is null filters nothing.")
class NightFilter:
    connection_id: strawberry.ID | None = None
    from_: Date | None = strawberry.field(name="from", default=None, description="The first business date.")
    to: Date | None = strawberry.field(default=None, description="The last business date; at most 400 days later.")
    states: list[Annotated[NightState, StateEnum]] | None = None


@strawberry.type
class NightQuery:
    @strawberry.field(
        description="Every connection's nights, the newest business date first; of the last 30 days unless the filter "
        "says otherwise. `first` is 1-100. A page may be short, or empty, before the last. Needs READ_LEDGER."
    )
    async def nights(
        self, info: Info, first: int, after: str | None = None, filter: NightFilter | None = None
    ) -> Connection[Night]:
        given = filter or NightFilter()
        wanted = WantedNights(
            connection_id=ids.uuid_of(given.connection_id, ["filter", "connectionId"]) if given.connection_id else None,
            start=given.from_,
            end=given.to,
            states=frozenset(given.states) if given.states is not None else None,
        )
        bounded(first)
        zone = (await info.context.merchant()).zone if wanted.end is None else None
        found = await listed.page(info.context.principal, wanted, first, _place(after), zone)
        edges = [Edge(node=Night.of(one), cursor=_cursor(listed.place_of(one))) for one in found.nights]
        return Connection(
            edges=edges,
            page_info=PageInfo(
                has_next_page=found.more,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=_cursor(found.place) if found.place else None,
            ),
            total=Counting(partial(listed.count, info.context.principal, wanted)),
        )

    @strawberry.field(description="One connection's business date; null: it has none. Needs READ_LEDGER.")
    async def night(self, info: Info, connection_id: strawberry.ID, business_date: Date) -> Night | None:
        key = ids.uuid_of(connection_id, ["connectionId"])
        found = await listed.one(info.context.principal, key, business_date)
        return Night.of(found) if found else None

    @strawberry.field(description="A report that was handed in, by its id; null: there is none. Needs READ_LEDGER.")
    async def handed_report(self, info: Info, id: strawberry.ID) -> HandedReport | None:
        row = await handed.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return HandedReport.of(row) if row else None

    @strawberry.field(
        description="Reports that were handed in or delivered, newest first. `first` is 1-100. Needs READ_LEDGER."
    )
    async def handed_reports(
        self,
        info: Info,
        first: int,
        after: str | None = None,
        connection_id: strawberry.ID | None = None,
        states: list[Annotated[Became, BecameEnum]] | None = None,
        since: Date | None = None,
        until: Date | None = None,
    ) -> Connection[HandedReport]:
        query = handed.readable(info.context.principal).filter(**days(since, until, "business_date"))
        if states is not None:
            query = query.filter(state__in=[one.value for one in states])
        if connection_id is not None:
            query = query.filter(connection_id=ids.uuid_of(connection_id, ["connectionId"]))
        return await page(query, first, after, HandedReport.of)

    @strawberry.field(description="When a connection's reports are to be there; null: there is no such connection.")
    async def report_expectation(self, info: Info, connection_id: strawberry.ID) -> ReportExpectation | None:
        row = await _connection(info, connection_id)
        return await ReportExpectation.of(row, await awaited.last_ended(row)) if row else None

    @strawberry.field(description="Bank days that your people know better, from that day on: at most 100.")
    async def bank_days(self, info: Info, start: Date) -> list[BankDay]:
        scope = info.context.principal.scope(Permission.READ_LEDGER)
        return [BankDay.of(row) for row in await bank_days.listed(scope.merchant_id, start)]

    @strawberry.field(
        description="Where a connection's reports are fetched by SFTP; null: nowhere. Needs MANAGE_CONNECTIONS."
    )
    async def report_source(self, info: Info, connection_id: strawberry.ID) -> ReportSource | None:
        principal, key = info.context.principal, ids.uuid_of(connection_id, ["connectionId"])
        principal.require_everywhere(Permission.MANAGE_CONNECTIONS)
        source = await SourceRow.get_or_none(connection_id=key, merchant_id=principal.merchant_id)
        return ReportSource.of(source) if source else None


async def _connection(info: Info, connection_id: str) -> ConnectionRow | None:
    key = ids.uuid_of(connection_id, ["connectionId"])
    return await connections.readable(info.context.principal).get_or_none(id=key)


def _cursor(place: Place) -> str:
    return Position(datetime.combine(place[0], time.min, UTC), place[1]).cursor()


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    found = position_of(after)
    if isinstance(found.id, int):
        raise InvalidInput("`after` is a cursor of another list.", path=["after"])
    day: date = found.moment.date()
    return day, found.id


@strawberry.type
class NightMutation:
    @strawberry.mutation(
        description="Hand in a report that was uploaded: a job judges it, and it is entered when another person has "
        "confirmed it. Needs KEEP_BOOKS."
    )
    async def settlement_report_upload(
        self, info: Info, input: SettlementReportUploadInput
    ) -> SettlementReportUploadPayload:
        return await handed_in.settlement_report_upload(info, input)

    @strawberry.mutation(
        description="Another person's yes to a report that was handed in, who has seen what it would change "
        "(`HandedReport.preview`): it is entered by a job. Needs KEEP_BOOKS."
    )
    async def settlement_report_confirm(
        self, info: Info, input: SettlementReportConfirmInput
    ) -> SettlementReportDecisionPayload:
        return await handed_in.settlement_report_confirm(info, input)

    @strawberry.mutation(description="A no to it, or take it back: nothing of it is entered. Needs KEEP_BOOKS.")
    async def settlement_report_refuse(
        self, info: Info, input: SettlementReportRefuseInput
    ) -> SettlementReportDecisionPayload:
        return await handed_in.settlement_report_refuse(info, input)

    @strawberry.mutation(description="Have a night run once more; that is safe. Needs KEEP_BOOKS.")
    async def night_repeat(self, info: Info, input: NightRepeatInput) -> NightRepeatPayload:
        return await handed_in.night_repeat(info, input)

    @strawberry.mutation(description="Say when a connection's reports come by its contract. Needs KEEP_BOOKS.")
    async def report_expectation_set(self, info: Info, input: ReportExpectationSetInput) -> ReportExpectationSetPayload:
        return await expected.report_expectation_set(info, input)

    @strawberry.mutation(
        description="Say whether a country's banks work on a day: reports are awaited, and deadlines of tax counted, "
        "by it. Needs KEEP_BOOKS."
    )
    async def bank_day_set(self, info: Info, input: BankDaySetInput) -> BankDaySetPayload:
        return await expected.bank_day_set(info, input)

    @strawberry.mutation(
        description="Say from which server a connection's reports are fetched by SFTP. Needs MANAGE_CONNECTIONS."
    )
    async def report_source_set(self, info: Info, input: ReportSourceSetInput) -> ReportSourceSetPayload:
        return await expected.report_source_set(info, input)


@strawberry.type
class NightSubscription:
    @strawberry.subscription(
        metadata=LIVE,
        description="How far a run is, now and whenever it says so; it completes when the run has ended. Words that "
        "nobody read in time are left out. Needs READ_LEDGER.",
    )
    async def reconciliation_run_progress(
        self, info: Info, run_id: strawberry.ID
    ) -> AsyncGenerator[RunStreamMessage, None]:
        return await progress.follow_run(info, run_id)

    @strawberry.subscription(
        description="A report that was handed in, now and whenever something of it is new; it completes when the "
        "report waits no longer for its turn: it is entered, refused, or waits for another person. Needs READ_LEDGER."
    )
    async def handed_report_changed(self, info: Info, id: strawberry.ID) -> AsyncGenerator[HandedReport, None]:
        async for report in await handed_in.follow_report(info, id):
            yield report
