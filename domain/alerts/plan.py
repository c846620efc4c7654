"""What is to be said of an alert now, to whom and when. Pure: the same facts, the same answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.alerts import kinds, rules
from domain.alerts.rules import HeldRule
from domain.models import Alert
from domain.models.alerts import AlertKind, Mode, Severity, What

GROWN_TIMES: Final = 2


@dataclass(frozen=True, slots=True)
class Reached:
    """An endpoint that people read; `active`: something arrives there. `left`: the kinds its reader has left."""

    id: UUID
    active: bool
    left: frozenset[str] = frozenset()

    def hears(self, alert: Alert) -> bool:
        """Whether it is told of it: nobody leaves what is critical."""
        return self.active and (alert.kind not in self.left or alert.severity is Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """What is to be said to whom. `level`: how far it has been escalated afterwards."""

    what: What
    level: int
    due: Mapping[UUID, datetime]  # by endpoint


def step(alert: Alert, told_by: Sequence[HeldRule], inhibited: bool, now: datetime) -> tuple[What, int] | None:
    """What is to be said next, and how far it is escalated then; None: nothing.

    A known end is told to who was told; what is snoozed, or held back by the cause of it, is not. What has doubled is
    said again, whoever has it; what nobody has acknowledged is repeated, and when critical taken to the next.
    """
    level = alert.escalated
    if alert.resolved_at is not None:
        silent = alert.told_at is None or alert.resolved_told or kinds.known(alert.kind).moment
        return None if silent else (What.RESOLVED, level)
    if inhibited or (alert.snoozed_until is not None and alert.snoozed_until > now):
        return None
    if alert.told_at is None or alert.said_at is None:
        return What.OPENED, 0
    if alert.count >= GROWN_TIMES * max(alert.told_count, 1):
        return What.GREW, level
    if alert.acknowledged_at is not None:
        return None
    if (reached := _level(alert, told_by, now)) > level:
        return What.ESCALATED, reached
    again = kinds.REPEATED.get(alert.severity)
    return (What.REPEATED, level) if again is not None and now - alert.said_at >= again else None


def _level(alert: Alert, told_by: Sequence[HeldRule], now: datetime) -> int:
    escalates = alert.severity is Severity.CRITICAL and any(rule.escalates for rule in told_by)
    if not escalates or alert.told_at is None:
        return 0
    return sum(now - alert.told_at >= after for after in kinds.ESCALATED)


def is_inhibited(kind: AlertKind, beside: Iterable[AlertKind]) -> bool:
    """Whether another alert of the same connection, that is open, tells the cause of this one."""
    return not kinds.INHIBITED_BY.get(kind, frozenset()).isdisjoint(beside)


def said(
    alert: Alert,
    own: Sequence[HeldRule],
    beside: Iterable[AlertKind],
    endpoints: Sequence[Reached],
    told: frozenset[UUID],
    now: datetime,
    zone: ZoneInfo,
) -> PlannedMessage | None:
    """What is to be said, and when to which endpoint; None: nothing. `told`: who has been told of it before."""
    by = [rule for rule in rules.of_kind(own, alert.kind) if rule.is_about(alert.connection_id)]
    by = [rule for rule in by if rule.mode is Mode.AT_ONCE and _is_enough(rule, alert)]
    if not by and kinds.known(alert.kind).severity is Severity.CRITICAL:
        # Of what is critical somebody is always told: no one person's rule may silence it.
        by = [rules.default(alert.kind)]
    found = step(alert, by, is_inhibited(alert.kind, beside), now)
    if found is None or alert.severity is Severity.INFO:
        return None
    what, level = found
    if what is What.RESOLVED:
        active = [one.id for one in endpoints if one.hears(alert) and one.id in told]
        quiet = rules.default(alert.kind) if not by else by[0]
        when = rules.due(quiet, Severity(alert.severity), now, zone)
        return PlannedMessage(what, level, dict.fromkeys(active, when))
    due: dict[UUID, datetime] = {}
    for rule in by:
        # Who is told at the end of quiet hours by one rule, and at once by another, is told at once.
        when = now if what is What.ESCALATED else rules.due(rule, Severity(alert.severity), now, zone)
        for endpoint in _addressed(rule, what, level, endpoints, alert):
            due[endpoint] = min(when, due.get(endpoint, when))
    return PlannedMessage(what, level, due) if due else None


def _is_enough(rule: HeldRule, alert: Alert) -> bool:
    """Whether it comes to what the rule wants to be told from, in any currency; a rule may want no amount at all."""
    if not rule.least:
        return True
    return any(amount >= rule.least[currency] for currency, amount in alert.amounts.items() if currency in rule.least)


def _addressed(rule: HeldRule, what: What, level: int, endpoints: Sequence[Reached], alert: Alert) -> list[UUID]:
    """Those that the rule names and that can be reached; where none of them can, or it names none, all that can.

    Never the one that it is about: what does not arrive anywhere is told elsewhere.
    """
    reached = [one.id for one in endpoints if one.hears(alert) and one.id != alert.endpoint_id]
    named: Sequence[UUID] = rule.endpoints
    if what is What.ESCALATED:
        named = rule.last if level > 1 else rule.next
    return [one for one in reached if one in named] or reached
