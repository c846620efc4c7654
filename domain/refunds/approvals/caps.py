"""How much, and how often, in a day: by who answers for it, store, merchant or customer. Counted where it is asked.

What was asked for counts, whether or not it left: nobody makes room by withdrawing. A day is the merchant's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.money import MINOR_UNITS_MAX, Money
from domain.platform.database import rows
from domain.problems import CapExceeded

# It is one statement under one row lock: fifty at once are counted one after the other, and none is counted that is
# over.
_COUNT: Final = """
INSERT INTO velocity_counters AS c (merchant_id, cap, subject, day, currency, amount, times)
SELECT $1, $2, $3, $4, $5, $6, 1 WHERE $6::bigint <= $7::bigint AND 1 <= $8::int
ON CONFLICT (merchant_id, cap, subject, day, currency) DO UPDATE SET amount = c.amount + $6, times = c.times + 1
  WHERE c.amount + $6 <= $7 AND c.times + 1 <= $8 RETURNING amount"""
_SO_FAR: Final = (
    "SELECT amount, times FROM velocity_counters "
    "WHERE (merchant_id, cap, subject, day, currency) = ($1, $2, $3, $4, $5)"
)
_TIMES_MAX: Final = 2**31 - 1


class Per(StrEnum):
    """Whose refunds are counted together."""

    PARTY = "PARTY"  # a person with all tokens that they made; a token that nobody made
    STORE = "STORE"
    MERCHANT = "MERCHANT"
    CUSTOMER = "CUSTOMER"  # by the payer's tax ID; a payment without one is not counted


class Over(StrEnum):
    """What becomes of one that is over."""

    REFUSE = "REFUSE"
    HOLD = "HOLD"  # it waits for a second person


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so much of a currency (minor units) and so many times in a day. `only`: of one subject, by its id."""

    name: str
    per: Per
    over: Over
    currency: str | None = None  # None: of all, and then only the number is capped
    amount: int | None = None
    count: int | None = None
    only: str | None = None


@dataclass(frozen=True, slots=True)
class CountedRefund:
    """A refund that is to be counted."""

    merchant_id: UUID
    amount: Money
    subjects: Mapping[Per, str | None]
    now: datetime
    zone: str

    @property
    def day(self) -> date:
        """Today, where the merchant is."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    @property
    def renews_at(self) -> datetime:
        """When the next day begins there (UTC)."""
        tomorrow = datetime.combine(self.day + timedelta(days=1), time(), ZoneInfo(self.zone))
        return tomorrow.astimezone(UTC)


def applying(caps: Sequence[Cap], asked: CountedRefund) -> list[tuple[Cap, str]]:
    """The caps that count this refund, each with its subject; always in one order, which is that of their locks."""
    found = []
    for cap in sorted(caps, key=lambda one: one.name):
        subject = asked.subjects.get(cap.per)
        if subject is None or cap.only not in (None, subject) or cap.currency not in (None, asked.amount.currency):
            continue
        found.append((cap, subject))
    return found


async def count(caps: Sequence[Cap], asked: CountedRefund) -> list[Cap]:
    """Count it, inside the caller's transaction; the caps by which it must wait. Raises CapExceeded."""
    held = []
    for cap, subject in applying(caps, asked):
        if await _counted(cap, subject, asked, cap.amount, cap.count):
            continue
        if cap.over is Over.REFUSE:
            raise exceeded(cap, asked, await so_far(cap, subject, asked))
        await _counted(cap, subject, asked, None, None)
        held.append(cap)
    return held


async def preview(caps: Sequence[Cap], asked: CountedRefund) -> tuple[list[Cap], CapExceeded | None]:
    """What counting it now would say, without counting it."""
    held: list[Cap] = []
    for cap, subject in applying(caps, asked):
        amount, times = await so_far(cap, subject, asked)
        if fits(cap, amount + asked.amount.minor_units, times + 1):
            continue
        if cap.over is Over.REFUSE:
            return held, exceeded(cap, asked, (amount, times))
        held.append(cap)
    return held, None


def fits(cap: Cap, amount: int, times: int) -> bool:
    """Whether so much (minor units), so often, is within the cap."""
    return (cap.amount is None or amount <= cap.amount) and (cap.count is None or times <= cap.count)


async def _counted(cap: Cap, subject: str, asked: CountedRefund, amount: int | None, times: int | None) -> bool:
    key = (asked.merchant_id, cap.name, subject, asked.day, cap.currency or "")
    limits = (MINOR_UNITS_MAX if amount is None else amount, _TIMES_MAX if times is None else times)
    return bool(await rows(_COUNT, *key, asked.amount.minor_units, *limits))


async def so_far(cap: Cap, subject: str, asked: CountedRefund) -> tuple[int, int]:
    """What was counted today: minor units, and times."""
    found = await rows(_SO_FAR, asked.merchant_id, cap.name, subject, asked.day, cap.currency or "")
    return (found[0]["amount"], found[0]["times"]) if found else (0, 0)


def exceeded(cap: Cap, asked: CountedRefund, counted: tuple[int, int]) -> CapExceeded:
    """Why it is refused: the cap, what is left of it, and when it renews."""
    amount, times = counted
    limit = None if cap.amount is None else Money(cap.amount, cap.currency or "")
    left = None if cap.amount is None else Money(max(cap.amount - amount, 0), cap.currency or "")
    times_left = None if cap.count is None else max(cap.count - times, 0)
    said = " and ".join(
        text
        for text in (
            f"{left} of {limit}" if left is not None else "",
            f"{times_left} of {cap.count} refunds" if times_left is not None else "",
        )
        if text
    )
    return CapExceeded(
        f"The cap {cap.name} ({cap.per} and day) has {said} left; it renews at {asked.renews_at.isoformat()}.",
        path=["input", "amount"],
        cap=cap.name,
        per=cap.per.value,
        limit=limit,
        left=left,
        count=cap.count,
        count_left=times_left,
        renews_at=asked.renews_at,
    )


def is_looser(old: Cap | None, new: Cap | None) -> bool:
    """Whether `new` in the place of `old` may let something through that was refused, or held, before."""
    if old is None:
        return False
    if new is None or (new.per, new.only) != (old.per, old.only) or new.currency not in (None, old.currency):
        return True
    if old.amount is not None and (new.currency != old.currency or new.amount is None or new.amount > old.amount):
        return True
    if old.count is not None and (new.count is None or new.count > old.count):
        return True
    return old.over is Over.REFUSE and new.over is Over.HOLD


def of_cap(cap: Cap) -> dict[str, Any]:
    """As it is kept."""
    return {
        "per": cap.per.value,
        "over": cap.over.value,
        "currency": cap.currency,
        "amount": cap.amount,
        "count": cap.count,
        "only": cap.only,
    }


def cap_of(name: str, kept: Mapping[str, Any]) -> Cap:
    """The cap again."""
    return Cap(
        name, Per(kept["per"]), Over(kept["over"]), *(kept[one] for one in ("currency", "amount", "count", "only"))
    )
