"""Looking findings up: by kind, PSE, store, date, amount, who has them, how grave, until when; and their sums."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tortoise.expressions import Q
from tortoise.functions import Count, Sum
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Scope
from domain.access.second import SecondPerson, stores_of
from domain.findings import findings, said
from domain.findings.kinds import FindingKind
from domain.models import Connection, Finding, Merchant

_EARLIEST: Final = date(1970, 1, 1)  # in no zone is a day before it a moment that cannot be written


class FindingStanding(StrEnum):
    """Where a finding stands. It is told from its row, so that nothing has to happen when a date is over."""

    OPEN = "OPEN"
    WAITING = "WAITING"  # until a date
    RESOLVED = "RESOLVED"
    REOPENED = "REOPENED"  # open again


@dataclass(frozen=True, slots=True)
class WantedFindings:
    """All that are given hold at once. Dates are in the merchant's zone and both included; amounts in minor units."""

    kinds: Sequence[FindingKind] | None = None
    states: Sequence[FindingStanding] | None = None
    connections: Sequence[UUID] | None = None
    pses: Sequence[str] | None = None
    stores: Sequence[UUID] | None = None
    found_from: date | None = None
    found_until: date | None = None
    currency: str | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    assignee: UUID | None = None
    unassigned: bool = False
    severity: int | None = None  # at least
    due_before: datetime | None = None
    payment: UUID | None = None
    refund: UUID | None = None
    second_person: SecondPerson | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """How many findings of a kind and currency, and what they add up to (minor units)."""

    kind: FindingKind
    currency: str
    count: int
    amount: int


def state_of(finding: Finding, now: datetime | None = None) -> FindingStanding:
    """Where it stands at a moment (UTC)."""
    if finding.resolved_at is not None:
        return FindingStanding.RESOLVED
    if finding.waiting_until is not None and finding.waiting_until > (now or datetime.now(UTC)):
        return FindingStanding.WAITING
    return FindingStanding.REOPENED if finding.reopened_at is not None else FindingStanding.OPEN


async def query(
    principal: Principal, wanted: WantedFindings, permission: Permission = Permission.READ_LEDGER
) -> QuerySet[Finding]:
    """Those that somebody may see and that are wanted. Raises Forbidden."""
    found = await of_scope(principal.scope(permission), wanted)
    if wanted.second_person is None:
        return found
    if wanted.second_person is SecondPerson.ME:
        found = found.filter(_worked_by(principal))
    return found.filter(await said.of_second(principal, wanted.second_person))


async def of_scope(scope: Scope, wanted: WantedFindings) -> QuerySet[Finding]:
    """Those of a scope that are wanted, whoever asks: `second_person` is no part of it."""
    found = findings.within(scope)
    for condition in _conditions(wanted):
        found = found.filter(condition)
    if wanted.pses is not None:  # by its connections, which are few
        of_pses = await Connection.filter(merchant_id=scope.merchant_id, pse__in=wanted.pses).values_list("id")
        found = found.filter(connection_id__in=[one for (one,) in of_pses])
    if wanted.found_from is not None or wanted.found_until is not None:
        zone = ZoneInfo((await Merchant.get(id=scope.merchant_id)).zone)
        found = found.filter(**_between(wanted, zone))
    return found


def _worked_by(principal: Principal) -> Q:
    """Where they may say what became of findings, which is not wherever they may look."""
    stores = stores_of(principal, Permission.WORK_FINDINGS)
    if stores is None:
        return Q()
    return Q(payment__store_id__in=stores) | Q(refund__payment__store_id__in=stores)


def _conditions(wanted: WantedFindings) -> list[Q]:
    given: dict[str, Any] = {
        "kind__in": [kind.value for kind in wanted.kinds] if wanted.kinds is not None else None,
        "connection_id__in": wanted.connections,
        "currency": wanted.currency,
        "amount__gte": wanted.amount_from,
        "amount__lte": wanted.amount_to,
        "assignee_id": wanted.assignee,
        "severity__gte": wanted.severity,
        "due_at__lt": wanted.due_before,
        "payment_id": wanted.payment,
        "refund_id": wanted.refund,
    }
    found = [Q(**{name: value}) for name, value in given.items() if value is not None]
    if wanted.unassigned:
        found.append(Q(assignee_id__isnull=True))
    if wanted.stores is not None:
        found.append(Q(payment__store_id__in=wanted.stores) | Q(refund__payment__store_id__in=wanted.stores))
    if wanted.states is not None:
        found.append(Q(*(_STATES[one](datetime.now(UTC)) for one in wanted.states), join_type="OR"))
    return found


def _open_now(now: datetime) -> Q:
    return Q(resolved_at__isnull=True) & (Q(waiting_until__isnull=True) | Q(waiting_until__lte=now))


_STATES: Final[Mapping[FindingStanding, Callable[[datetime], Q]]] = {
    FindingStanding.RESOLVED: lambda _: Q(resolved_at__isnull=False),
    FindingStanding.WAITING: lambda now: Q(resolved_at__isnull=True, waiting_until__gt=now),
    FindingStanding.OPEN: lambda now: _open_now(now) & Q(reopened_at__isnull=True),
    FindingStanding.REOPENED: lambda now: _open_now(now) & Q(reopened_at__isnull=False),
}


def _between(wanted: WantedFindings, zone: ZoneInfo) -> dict[str, datetime]:
    found = {}
    if wanted.found_from is not None:
        found["created_at__gte"] = datetime.combine(max(wanted.found_from, _EARLIEST), time(), zone)
    if wanted.found_until is not None and wanted.found_until < date.max:
        day = max(wanted.found_until, _EARLIEST) + timedelta(days=1)
        found["created_at__lt"] = datetime.combine(day, time(), zone)
    return found


async def summary(found: QuerySet[Finding], first: int) -> list[Group]:
    """The `first` groups by kind and currency."""
    grouped = found.annotate(many=Count("id"), total=Sum("amount")).group_by("kind", "currency")
    told = await grouped.order_by("kind", "currency").limit(first).values("kind", "currency", "many", "total")
    return [Group(FindingKind(one["kind"]), one["currency"], one["many"], int(one["total"])) for one in told]
