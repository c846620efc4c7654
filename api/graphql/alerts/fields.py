"""The fields of alerts: schema.py has them beside the others."""

from typing import Annotated

import strawberry

from api.graphql.alerts import mutations
from api.graphql.alerts.mutations import (
    AlertAcknowledgeInput,
    AlertPayload,
    AlertRuleEndInput,
    AlertRulePayload,
    AlertRuleSetInput,
    AlertSnoozeInput,
)
from api.graphql.alerts.types import Alert, AlertRule, KindEnum, SeverityEnum
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.narrowed import own_days
from api.graphql.transport.paging import PAGE_MAX, Connection, bounded, page
from api.graphql.transport.scalars import Date
from domain.alerts import change, work
from domain.models.alerts import AlertKind, Severity


@strawberry.input(description="Which alerts; what is null filters nothing, all that is given holds at once.")
class AlertFilter:
    kinds: list[Annotated[AlertKind, KindEnum]] | None = None
    severities: list[Annotated[Severity, SeverityEnum]] | None = None
    open: bool | None = strawberry.field(default=None, description="True: those that are not over.")
    acknowledged: bool | None = None
    connection_id: strawberry.ID | None = None
    since: Date | None = None
    until: Date | None = None


@strawberry.type
class AlertQuery:
    @strawberry.field(
        description="What people must act on, newest first. Alerts are of all stores: who may read some of them only "
        "sees none. `first` is 1-100."
    )
    async def alerts(
        self, info: Info, first: int, after: str | None = None, filter: AlertFilter | None = None
    ) -> Connection[Alert]:
        given = filter or AlertFilter()
        principal = info.context.principal
        query = work.readable(principal).filter(**await own_days(principal, given.since, given.until, "opened_at"))
        if given.kinds is not None:
            query = query.filter(kind__in=given.kinds)
        if given.severities is not None:
            query = query.filter(severity__in=given.severities)
        if given.open is not None:
            query = query.filter(resolved_at__isnull=given.open)
        if given.acknowledged is not None:
            query = query.filter(acknowledged_at__isnull=not given.acknowledged)
        if given.connection_id is not None:
            query = query.filter(connection_id=ids.uuid_of(given.connection_id, ["filter", "connectionId"]))
        return await page(query, first, after, Alert.of, moment="opened_at")

    @strawberry.field(description="An alert by its id; null: there is none.")
    async def alert(self, info: Info, id: strawberry.ID) -> Alert | None:
        row = await work.readable(info.context.principal).get_or_none(id=ids.uuid_of(id, ["id"]))
        return Alert.of(row) if row else None

    @strawberry.field(description="What holds: the merchant's own rules, and the defaults that it has not replaced.")
    async def alert_rules(self, info: Info, first: int = PAGE_MAX) -> list[AlertRule]:
        own = await change.own_names(info.context.principal)
        return [AlertRule.of(rule, own) for rule in await change.held(info.context.principal)][: bounded(first)]


@strawberry.type
class AlertMutation:
    @strawberry.mutation(
        description="Take an alert on: nobody is reminded of it any more, unless it doubles. Needs WORK_FINDINGS, "
        "RESOLVE_DOUBT or MANAGE_NEWS."
    )
    async def alert_acknowledge(self, info: Info, input: AlertAcknowledgeInput) -> AlertPayload:
        return await mutations.alert_acknowledge(info, input)

    @strawberry.mutation(description="Say nothing of an alert until a moment. Needs the same.")
    async def alert_snooze(self, info: Info, input: AlertSnoozeInput) -> AlertPayload:
        return await mutations.alert_snooze(info, input)

    @strawberry.mutation(
        description="Have a rule hold from now on, in the place of the one of its name. Needs MANAGE_NEWS."
    )
    async def alert_rule_set(self, info: Info, input: AlertRuleSetInput) -> AlertRulePayload:
        return await mutations.alert_rule_set(info, input)

    @strawberry.mutation(description="End a rule of yours; the default of its name holds again. Needs MANAGE_NEWS.")
    async def alert_rule_end(self, info: Info, input: AlertRuleEndInput) -> AlertRulePayload:
        return await mutations.alert_rule_end(info, input)
