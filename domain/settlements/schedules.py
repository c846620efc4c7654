"""Fee schedules: entered by people, added and never edited. What was entered in error is withdrawn and can be seen.

Of those that hold on a day, one of the method wins over one of all methods, then the one that began last, then the one
that was entered last: a new one ends the one before, and the same day entered again corrects it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Connection, FeeSchedule
from domain.models.quotes import FeeKind, OriginalFee
from domain.platform import idempotency
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, NotFound

OBJECT: Final = "fee schedule"  # in the log
ROWS_MAX: Final = 1_000  # of one file
_AHEAD_MAX: Final = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class Terms:
    """A fee as somebody says it is: amounts in minor units of `currency`, percentages exact."""

    connection_id: UUID
    kind: FeeKind
    currency: str
    percent: Decimal
    valid_from: date
    source: str
    method: str | None = None
    fixed: int = 0
    minimum: int | None = None
    maximum: int | None = None
    tax_percent: Decimal = Decimal(0)
    original_fee: OriginalFee | None = None
    valid_to: date | None = None

    @property
    def place(self) -> tuple[object, ...]:
        """What one file says once."""
        return self.connection_id, self.kind, self.method, self.currency, self.valid_from


def readable(principal: Principal, connection_id: UUID | None, on: date | None) -> QuerySet[FeeSchedule]:
    """The merchant's schedules, those that are withdrawn too; `on`: that a day lies within. Raises Forbidden.

    They are of all stores, so none where only some may be seen.
    """
    scope = principal.scope(Permission.READ_LEDGER)
    found = FeeSchedule.filter(merchant_id=scope.merchant_id)
    if not scope.is_whole:
        return found.filter(id__isnull=True)
    if connection_id is not None:
        found = found.filter(connection_id=connection_id)
    if on is not None:
        lasts = Q(valid_to__isnull=True) | Q(valid_to__gte=on)
        found = found.filter(lasts, valid_from__lte=on, withdrawn_at=None)
    return found


async def enter(
    principal: Principal, operation: str, terms: Sequence[Terms], key: str, cause: Cause
) -> Sequence[FeeSchedule]:
    """Add these, all or none; the same key and terms again give what was added. `operation`: the mutation.

    Raises Forbidden, NotFound, InvalidInput, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    _check_all(terms)
    await _check_connections(principal.merchant_id, {one.connection_id for one in terms})
    batch = uuid4()
    values = {"terms": [_told(one) for one in terms]}
    async with transaction():
        before = await idempotency.claim(principal.merchant_id, operation, key, values, batch, cause)
        if before is not None:
            return await FeeSchedule.filter(merchant_id=principal.merchant_id, batch_id=before).order_by("id")
        await FeeSchedule.bulk_create([_row(principal, batch, one) for one in terms], batch_size=200)
        said = {"schedules": len(terms)} if len(terms) > 1 else _told(terms[0])
        await deeds.note(principal.merchant_id, operation, Of(OBJECT, batch), cause, deeds.changed({}, said))
    return await FeeSchedule.filter(merchant_id=principal.merchant_id, batch_id=batch).order_by("id")


async def withdraw(principal: Principal, schedule_id: int, cause: Cause) -> FeeSchedule:
    """Say that one was entered in error: it counts no more. Raises Forbidden, NotFound."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    found = await FeeSchedule.get_or_none(id=schedule_id, merchant_id=principal.merchant_id)
    if found is None:
        raise NotFound("No such fee schedule; feeSchedules lists them.", path=["input", "feeScheduleId"])
    async with transaction():
        taken = await execute(
            "UPDATE fee_schedules SET withdrawn_at = now(), withdrawn_by = $2 WHERE id = $1 AND withdrawn_at IS NULL",
            schedule_id,
            principal.holder[:200],
        )
        if taken:  # once: repeated, it changes nothing
            what = deeds.changed({"source": found.source}, {})
            await deeds.note(found.merchant_id, "feeScheduleWithdraw", Of(OBJECT, found.batch_id), cause, what)
    return await FeeSchedule.get(id=schedule_id)


def _check_all(terms: Sequence[Terms]) -> None:
    if not 0 < len(terms) <= ROWS_MAX:
        raise InvalidInput(f"1 to {ROWS_MAX} fee schedules are entered at once.", path=["input"])
    latest = datetime.now(UTC).date() + _AHEAD_MAX
    seen: set[tuple[object, ...]] = set()
    for number, one in enumerate(terms, start=1):
        wrong = _wrong(one, latest)
        if one.place in seen:
            wrong = "it says twice what holds for one kind, method and currency from one day on"
        if wrong is not None:
            raise InvalidInput(f"Row {number} cannot be used: {wrong}.", path=["input"])
        seen.add(one.place)


def _wrong(one: Terms, latest: date) -> str | None:
    """Why such a schedule cannot be; None: it can."""
    if one.valid_to is not None and one.valid_to < one.valid_from:
        return "validTo lies before validFrom"
    if one.valid_from > latest:
        return f"validFrom lies after {latest}"
    if one.minimum is not None and one.maximum is not None and one.minimum > one.maximum:
        return "the minimum is above the maximum"
    if (one.kind is FeeKind.REFUND) != (one.original_fee is not None):
        return "originalFee is said of a REFUND, and of nothing else"
    if one.kind is FeeKind.FX and (one.fixed or one.minimum is not None or one.maximum is not None or one.tax_percent):
        return "FX is a percentage alone: how far a rate may lie off the reference rate"
    if one.kind is FeeKind.FX and one.method is not None:
        return "FX is of all methods: leave method out"
    return None


async def _check_connections(merchant_id: UUID, wanted: set[UUID]) -> None:
    known = await Connection.filter(merchant_id=merchant_id, id__in=list(wanted)).count()
    if known != len(wanted):
        raise NotFound("No such connection.", path=["input", "connectionId"])


def _told(one: Terms) -> dict[str, Any]:
    return {
        "connection": str(one.connection_id),
        "kind": one.kind.value,
        "method": one.method,
        "currency": one.currency,
        "percent": format(one.percent, "f"),
        "fixed": one.fixed,
        "minimum": one.minimum,
        "maximum": one.maximum,
        "tax_percent": format(one.tax_percent, "f"),
        "original_fee": one.original_fee.value if one.original_fee else None,
        "valid_from": str(one.valid_from),
        "valid_to": str(one.valid_to) if one.valid_to else None,
        "source": one.source,
    }


def _row(principal: Principal, batch: UUID, one: Terms) -> FeeSchedule:
    return FeeSchedule(
        merchant_id=principal.merchant_id,
        connection_id=one.connection_id,
        method=one.method,
        kind=one.kind.value,
        currency=one.currency,
        percent=one.percent,
        fixed=one.fixed,
        minimum=one.minimum,
        maximum=one.maximum,
        tax_percent=one.tax_percent,
        original_fee=one.original_fee.value if one.original_fee else None,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
        source=one.source,
        batch_id=batch,
        entered_by=principal.holder[:200],
    )
