"""Rates of exchange: entered, imported or taken from reports; never invented, and never between two others.

A rate holds from its first day to its last. Beyond that the last one is carried for a few days, and said to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import FxRate
from domain.models.quotes import Origin, Side
from domain.platform import idempotency
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, NotFound

OBJECT: Final = "fx rate"  # in the log
ROWS_MAX: Final = 5_000  # of one file
CARRIED_DAYS_MAX: Final = 7  # the longest row of days without a rate that our countries' calendars have
_AHEAD_MAX: Final = timedelta(days=10)  # some are published on a Friday for the days until Tuesday
_SPAN_MAX: Final = timedelta(days=31)
# The rate of a pair on a day: the newest first, a single one before a selling and that before a buying one. A rate of
# the opposite pair is turned round, and said to be. A PSE's own rates are no reference for a PSE.
HELD: Final = """
SELECT f.id, f.base, f.quote, f.side, f.rate, f.valid_from, f.valid_to, f.source, f.origin, f.base <> {base} AS turned,
  CASE WHEN f.base = {base} THEN f.rate ELSE 1 / f.rate END AS value, {day} > f.valid_to AS carried
FROM fx_rates f WHERE f.merchant_id = {merchant} AND f.withdrawn_at IS NULL {where}
  AND ((f.base, f.quote) = ({base}, {quote}) OR (f.base, f.quote) = ({quote}, {base}))
  AND f.valid_from <= {day} AND f.valid_to >= {day} - {carried}
ORDER BY f.valid_from DESC, f.base <> {base}, CASE f.side WHEN 'SINGLE' THEN 0 WHEN 'SELL' THEN 1 ELSE 2 END,
  f.id DESC LIMIT 1"""
_HELD_ON: Final = HELD.format(
    merchant="$1", base="$2::text", quote="$3::text", day="$4::date", carried=CARRIED_DAYS_MAX, where="{where}"
)
_REFERENCE: Final = "AND f.origin <> 'REPORT'"


@dataclass(frozen=True, slots=True)
class NewRate:
    """A rate as somebody says it is: one `base` is worth `rate` of `quote`, from the first day to the last."""

    base: str
    quote: str
    rate: Decimal
    valid_from: date
    valid_to: date
    source: str
    side: Side = Side.SINGLE
    published_at: datetime | None = None

    @property
    def place(self) -> tuple[object, ...]:
        """What one file says once."""
        return self.base, self.quote, self.side, self.valid_from, self.source


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate of a pair on a day. `carried`: it was the last one; `turned`: it was published the other way round."""

    id: int
    value: Decimal
    side: Side
    valid_from: date
    valid_to: date
    source: str
    origin: Origin
    carried: bool
    turned: bool


def readable(principal: Principal, base: str | None, quote: str | None) -> QuerySet[FxRate]:
    """The merchant's rates, those that are withdrawn too; none where only some stores may be seen. Raises Forbidden."""
    scope = principal.scope(Permission.READ_LEDGER)
    found = FxRate.filter(merchant_id=scope.merchant_id)
    if not scope.is_whole:
        return found.filter(id__isnull=True)
    if base is not None:
        found = found.filter(base=base)
    return found if quote is None else found.filter(quote=quote)


async def rate_on(merchant_id: UUID, base: str, quote: str, on: date, *, only_reference: bool = False) -> Rate | None:
    """What one `base` is worth in `quote` on a day; None: nobody has said it, for that day or the week before."""
    where = _REFERENCE if only_reference else ""
    found = await rows(_HELD_ON.format(where=where), merchant_id, base, quote, on)
    return rate_of(found[0]) if found else None


def rate_of(row: dict[str, Any]) -> Rate:
    """As HELD gives it."""
    return Rate(
        id=row["id"],
        value=row["value"],
        side=Side(row["side"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        source=row["source"],
        origin=Origin(row["origin"]),
        carried=row["carried"],
        turned=row["turned"],
    )


async def enter(
    principal: Principal, operation: str, new: Sequence[NewRate], digest: str | None, key: str, cause: Cause
) -> Sequence[FxRate]:
    """Add these, all or none; the same key and rates again give what was added. `digest`: of the file they came in.

    Raises Forbidden, InvalidInput, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    _check_all(new)
    batch, merchant_id = uuid4(), principal.merchant_id
    async with transaction():
        values = {"rates": [_told(one) for one in new], "digest": digest}
        before = await idempotency.claim(merchant_id, operation, key, values, batch, cause)
        if before is not None:
            return await FxRate.filter(merchant_id=merchant_id, batch_id=before).order_by("id")
        await FxRate.bulk_create([_row(principal, batch, one, digest) for one in new], batch_size=200)
        said = {"rates": len(new), "digest": digest} if digest else _told(new[0])
        await deeds.note(merchant_id, operation, Of(OBJECT, batch), cause, deeds.changed({}, said))
    return await FxRate.filter(merchant_id=merchant_id, batch_id=batch).order_by("id")


async def withdraw(principal: Principal, rate_id: int, cause: Cause) -> FxRate:
    """Say that one was entered in error: it counts no more. Raises Forbidden, NotFound."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    found = await FxRate.get_or_none(id=rate_id, merchant_id=principal.merchant_id)
    if found is None:
        raise NotFound("No such rate; fxRates lists them.", path=["input", "fxRateId"])
    async with transaction():
        taken = await execute(
            "UPDATE fx_rates SET withdrawn_at = now(), withdrawn_by = $2 WHERE id = $1 AND withdrawn_at IS NULL",
            rate_id,
            principal.holder[:200],
        )
        if taken:  # once: repeated, it changes nothing
            what = deeds.changed({"rate": format(found.rate.normalize(), "f"), "source": found.source}, {})
            await deeds.note(found.merchant_id, "fxRateWithdraw", Of(OBJECT, found.batch_id), cause, what)
    return await FxRate.get(id=rate_id)


def _check_all(new: Sequence[NewRate]) -> None:
    if not 0 < len(new) <= ROWS_MAX:
        raise InvalidInput(f"1 to {ROWS_MAX} rates are entered at once.", path=["input"])
    latest = datetime.now(UTC).date() + _AHEAD_MAX
    seen: set[tuple[object, ...]] = set()
    for number, one in enumerate(new, start=1):
        wrong = _wrong(one, latest)
        if one.place in seen:
            wrong = "it says twice what one pair is worth from one day on"
        if wrong is not None:
            raise InvalidInput(f"Rate {number} cannot be used: {wrong}.", path=["input"])
        seen.add(one.place)


def _wrong(one: NewRate, latest: date) -> str | None:
    """Why such a rate cannot be; None: it can."""
    if one.base == one.quote:
        return "base and quote are one currency"
    if one.valid_to < one.valid_from:
        return "validTo lies before validFrom"
    if one.valid_to - one.valid_from > _SPAN_MAX:
        return f"a rate holds for at most {_SPAN_MAX.days} days"
    if one.valid_from > latest:
        return f"nobody knows a rate of a day after {latest}"
    return None


def _told(one: NewRate) -> dict[str, Any]:
    return {
        "pair": f"{one.base}/{one.quote}",
        "side": one.side.value,
        "rate": format(one.rate, "f"),
        "valid_from": str(one.valid_from),
        "valid_to": str(one.valid_to),
        "published_at": one.published_at.isoformat() if one.published_at else None,
        "source": one.source,
    }


def _row(principal: Principal, batch: UUID, one: NewRate, digest: str | None) -> FxRate:
    return FxRate(
        merchant_id=principal.merchant_id,
        base=one.base,
        quote=one.quote,
        side=one.side.value,
        rate=one.rate,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
        published_at=one.published_at,
        origin=(Origin.IMPORTED if digest else Origin.ENTERED).value,
        source=one.source,
        digest=digest,
        batch_id=batch,
        entered_by=principal.holder[:200],
    )
