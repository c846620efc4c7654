"""A merchant's usage as its people see it: months, and how much of its plan this one has used."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.models import Merchant, UsageMonth
from domain.usage import months, plans
from domain.usage.plans import Metered, PlanTerms, Quota

SEEING: Final = (Permission.READ_LEDGER, Permission.READ_CALLS)
MONTHS_MAX: Final = 120
_FIELDS: Final = {
    Metered.REFUNDS: "refunds",
    Metered.API_CALLS: "api_calls",
    Metered.DELIVERIES: "deliveries",
    Metered.LINES: "lines",
}


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a quota this month has used."""

    counter: Metered
    used: int
    quota: Quota

    @property
    def percent(self) -> int:
        """Rounded down."""
        return self.used * 100 // self.quota.limit


@dataclass(frozen=True, slots=True)
class Usage:
    """`renews_at` (UTC): when the merchant's next month begins."""

    plan: PlanTerms
    used: Sequence[Used]
    months: Sequence[UsageMonth]
    renews_at: datetime


async def of(principal: Principal, first: int) -> Usage:
    """The merchant's usage, so many months of it. Raises Forbidden."""
    principal.require_everywhere(*SEEING)
    merchant = await Merchant.get(id=principal.merchant_id)
    zone = ZoneInfo(merchant.zone)
    month = datetime.now(UTC).astimezone(zone).date().replace(day=1)
    plan = await plans.current(merchant.id)
    found = await months.of(merchant.id, first)
    this = next((one for one in found if one.month == month), None)
    used = [Used(one, count_of(this, one) if this else 0, quota) for one, quota in plan.quotas.items()]
    return Usage(plan, used, found, _next(month, zone))


def count_of(month: UsageMonth, counter: Metered) -> int:
    """How many of a month."""
    found: int = getattr(month, _FIELDS[counter])
    return found


def _next(month: date, zone: ZoneInfo) -> datetime:
    year, number = month.year + month.month // 12, month.month % 12 + 1
    return datetime(year, number, 1, tzinfo=zone).astimezone(UTC)


async def as_csv(merchant_id: UUID) -> str:
    """All months, oldest first, as CSV."""
    into = io.StringIO(newline="")
    writer = csv.writer(into, lineterminator="\r\n")
    writer.writerow(["month", "refunds", "api_calls", "deliveries", "lines", "counted_at", "closed_at"])
    for one in reversed(await months.of(merchant_id, MONTHS_MAX)):
        counts = [count_of(one, counter) for counter in Metered]
        closed = one.closed_at.astimezone(UTC).isoformat(timespec="seconds") if one.closed_at else ""
        at = one.counted_at.astimezone(UTC).isoformat(timespec="seconds")
        writer.writerow([one.month.strftime("%Y-%m"), *counts, at, closed])
    return into.getvalue()
