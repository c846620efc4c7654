"""What is done with alerts and their rules: inputs, payloads, and the deed each asks the domain for."""

from datetime import time
from typing import Annotated

import strawberry

from api.graphql.alerts.types import Alert, AlertRule, KindEnum, ModeEnum, SeverityEnum
from api.graphql.context import Info
from api.graphql.transport import ids
from api.graphql.transport.answering import answering
from api.graphql.transport.errors import NewsError
from api.graphql.transport.scalars import DateTime, MoneyInput
from domain.alerts import change, rules, work
from domain.alerts.rules import HeldRule
from domain.models.alerts import AlertKind, Mode, Severity
from domain.problems import InvalidInput


@strawberry.input
class AlertAcknowledgeInput:
    alert_id: strawberry.ID


@strawberry.input
class AlertSnoozeInput:
    alert_id: strawberry.ID
    until: DateTime = strawberry.field(description="At most 7 days ahead.")


@strawberry.input(description="What is left out is as in the product's default.")
class AlertRuleSetInput:
    kind: Annotated[AlertKind, KindEnum]
    name: str | None = strawberry.field(
        default=None, description="At most 64 characters; left out: the kind's own, in the place of its default."
    )
    mode: Annotated[Mode, ModeEnum] = Mode.AT_ONCE
    severity: Annotated[Severity, SeverityEnum] | None = strawberry.field(default=None, description="Null: the kind's.")
    connection_ids: list[strawberry.ID] = strawberry.field(default_factory=list, description="Whose; none: of all.")
    endpoint_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Who is told; none: every channel that people read."
    )
    next_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Who is told after 15 minutes without an acknowledgement; none: all."
    )
    last_ids: list[strawberry.ID] = strawberry.field(default_factory=list, description="And after 45 minutes.")
    escalates: bool = True
    quiet_from: str | None = strawberry.field(default="20:00", description="Null: no quiet hours.")
    quiet_until: str | None = "08:00"
    amounts: list[MoneyInput] = strawberry.field(
        default_factory=list, description="Of findings: told from these on, one for each currency."
    )
    hours: int | None = strawberry.field(default=None, description="Of approvals: how long they may wait, 1-720.")


@strawberry.input
class AlertRuleEndInput:
    name: str


@strawberry.type(description="`alert` is null exactly when `errors` is not empty.")
class AlertPayload:
    alert: Alert | None
    errors: list[NewsError]
    request_id: str


@strawberry.type
class AlertRulePayload:
    rule: AlertRule | None = strawberry.field(description="Null: it has ended, or `errors` is not empty.")
    errors: list[NewsError]
    request_id: str


@answering(AlertPayload)
async def alert_acknowledge(info: Info, input: AlertAcknowledgeInput) -> AlertPayload:
    context = info.context
    row = await work.acknowledge(context.principal, ids.uuid_of(input.alert_id, ["input", "alertId"]), context.cause)
    return AlertPayload(alert=Alert.of(row), errors=[], request_id=context.request_id)


@answering(AlertPayload)
async def alert_snooze(info: Info, input: AlertSnoozeInput) -> AlertPayload:
    context, alert_id = info.context, ids.uuid_of(input.alert_id, ["input", "alertId"])
    row = await work.snooze(context.principal, alert_id, input.until, context.cause)
    return AlertPayload(alert=Alert.of(row), errors=[], request_id=context.request_id)


@answering(AlertRulePayload)
async def alert_rule_set(info: Info, input: AlertRuleSetInput) -> AlertRulePayload:
    context = info.context
    least = [one.parsed(["input", "amounts"]) for one in input.amounts[:100]]
    rule = HeldRule(
        name=input.name if input.name is not None else input.kind.value,
        kind=input.kind,
        mode=input.mode,
        severity=input.severity,
        connections=frozenset(ids.uuid_of(one, ["input", "connectionIds"]) for one in input.connection_ids),
        endpoints=[ids.uuid_of(one, ["input", "endpointIds"]) for one in input.endpoint_ids],
        next=[ids.uuid_of(one, ["input", "nextIds"]) for one in input.next_ids],
        last=[ids.uuid_of(one, ["input", "lastIds"]) for one in input.last_ids],
        escalates=input.escalates,
        quiet=_quiet(input.quiet_from, input.quiet_until),
        least={one.currency: one.minor_units for one in least},
        hours=input.hours,
    )
    made = await change.set_rule(context.principal, rule, context.cause)
    shown = AlertRule.of(made, frozenset({made.name}))
    return AlertRulePayload(rule=shown, errors=[], request_id=context.request_id)


@answering(AlertRulePayload)
async def alert_rule_end(info: Info, input: AlertRuleEndInput) -> AlertRulePayload:
    await change.end_rule(info.context.principal, input.name, info.context.cause)
    shown = None
    if input.name in AlertKind.__members__:
        shown = AlertRule.of(rules.default(AlertKind[input.name]), frozenset())
    return AlertRulePayload(rule=shown, errors=[], request_id=info.context.request_id)


def _quiet(begin: str | None, end: str | None) -> tuple[time, time] | None:
    """Hours of quiet. Raises InvalidInput."""
    if begin is None or end is None:
        if begin is not end:
            raise InvalidInput("Quiet hours have a begin and an end, or neither.", path=["input", "quietFrom"])
        return None
    try:
        if not len(begin) == len(end) == len("20:00"):
            raise ValueError
        return time.fromisoformat(begin), time.fromisoformat(end)
    except ValueError:
        raise InvalidInput("Hours are written as 20:00.", path=["input", "quietFrom"]) from None
