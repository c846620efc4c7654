"""Who is told what, and how: the defaults of the product, and what each merchant has said instead. Pure but for `read`.

A rule under a kind's own name stands in the place of its default; one under any other name is told besides.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.alerts import kinds
from domain.findings.kinds import RAISED_MORE
from domain.models.alerts import AlertKind, Mode, Severity
from domain.platform.database import rows

WAITING_HOURS: Final = 8  # for an approval, until somebody is told
QUIET_FROM: Final = time(20)
QUIET_UNTIL: Final = time(8)
BATCHED: Final = timedelta(minutes=15)
_READ: Final = "SELECT * FROM alert_rules WHERE ended_at IS NULL ORDER BY merchant_id, name"


@dataclass(frozen=True, slots=True)
class HeldRule:
    """One rule. Hours of quiet are the merchant's; what is critical knows none."""

    name: str
    kind: AlertKind
    mode: Mode = Mode.AT_ONCE
    severity: Severity | None = None
    connections: frozenset[UUID] = frozenset()  # none: all
    endpoints: Sequence[UUID] = ()  # none: every channel that people read
    next: Sequence[UUID] = ()
    last: Sequence[UUID] = ()
    escalates: bool = True
    quiet: tuple[time, time] | None = None
    least: Mapping[str, int] = field(default_factory=dict)
    hours: int | None = None

    @property
    def weight(self) -> Severity:
        """How grave what it tells is."""
        return self.severity or kinds.known(self.kind).severity

    def is_about(self, connection_id: UUID | None) -> bool:
        """Whether it tells of that connection."""
        return not self.connections or connection_id in self.connections


def default(kind: AlertKind) -> HeldRule:
    """What holds of a kind where the merchant has said nothing."""
    return HeldRule(kind.value, kind, quiet=(QUIET_FROM, QUIET_UNTIL))


def of_kind(own: Iterable[HeldRule], kind: AlertKind) -> list[HeldRule]:
    """The rules of a kind: the merchant's own, and the default that none of them stands in the place of."""
    found = [rule for rule in own if rule.kind is kind]
    return found if any(rule.name == kind.value for rule in found) else [default(kind), *found]


def severity(told_by: Iterable[HeldRule], kind: AlertKind) -> Severity:
    """The gravest of the rules that tell of it; of what is critical by itself never INFO, of which nobody is told."""
    own = kinds.known(kind).severity
    least = Severity.WARNING if own is Severity.CRITICAL else Severity.INFO
    gravest = max((rule.weight for rule in told_by), key=kinds.WEIGHT.__getitem__, default=own)
    return max(gravest, least, key=kinds.WEIGHT.__getitem__)


def due(rule: HeldRule, weight: Severity, now: datetime, zone: ZoneInfo) -> datetime:
    """When something is said: what is critical now, a warning with the others of its quarter of an hour, in no quiet
    hour of the merchant's. `now` and the answer are UTC."""
    if weight is Severity.CRITICAL:
        return now
    whole = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + BATCHED
    return whole if rule.quiet is None else _loud(whole, rule.quiet, zone)


def _loud(at: datetime, quiet: tuple[time, time], zone: ZoneInfo) -> datetime:
    """The moment, or the end of the quiet hours that it lies in."""
    begin, end = quiet
    here = at.astimezone(zone)
    clock = here.time()
    over_midnight = begin > end
    is_quiet = (clock >= begin or clock < end) if over_midnight else begin <= clock < end
    if not is_quiet:
        return at
    day = here.date() + timedelta(days=1) if over_midnight and clock >= begin else here.date()
    return datetime.combine(day, end, zone).astimezone(at.tzinfo)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the looks are asked with: the merchants' own values, then everybody's, as columns."""

    amounts: tuple[list[UUID], list[str], list[int], list[str], list[int]]
    hours: tuple[list[UUID], list[int], int]


def thresholds(held: Mapping[UUID, Sequence[HeldRule]]) -> Thresholds:
    """Of several rules of one merchant the least counts: which of them tells is decided when it is said."""
    least: dict[tuple[UUID, str], int] = {}
    hours: dict[UUID, int] = {}
    for merchant_id, own in held.items():
        for rule in own:
            for currency, amount in rule.least.items():
                least[merchant_id, currency] = min(amount, least.get((merchant_id, currency), amount))
            if rule.kind is AlertKind.APPROVAL_WAITING and rule.hours is not None:
                hours[merchant_id] = min(rule.hours, hours.get(merchant_id, rule.hours))
    return Thresholds(
        (
            [merchant_id for merchant_id, _ in least],
            [currency for _, currency in least],
            list(least.values()),
            list(RAISED_MORE),
            list(RAISED_MORE.values()),
        ),
        (list(hours), list(hours.values()), WAITING_HOURS),
    )


async def read() -> Mapping[UUID, list[HeldRule]]:
    """The rules that merchants have said themselves, of all, or of the one that is asked for."""
    held: dict[UUID, list[HeldRule]] = {}
    for row in await rows(_READ):
        held.setdefault(row["merchant_id"], []).append(of_row(row))
    return held


def of_row(row: Mapping[str, Any]) -> HeldRule:
    """A rule as it is kept."""
    least = row["least"]
    quiet = row["quiet_from"], row["quiet_until"]
    return HeldRule(
        name=row["name"],
        kind=AlertKind(row["kind"]),
        mode=Mode(row["mode"]),
        severity=Severity(row["severity"]) if row["severity"] else None,
        connections=frozenset(row["connection_ids"]),
        endpoints=tuple(row["endpoint_ids"]),
        next=tuple(row["next_ids"]),
        last=tuple(row["last_ids"]),
        escalates=row["escalates"],
        quiet=(time.fromisoformat(quiet[0]), time.fromisoformat(quiet[1])) if quiet[0] and quiet[1] else None,
        least=json.loads(least) if isinstance(least, str) else dict(least),
        hours=row["hours"],
    )
