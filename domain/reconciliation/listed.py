"""The list of nights: the newest date first, page by page, of what somebody may see; a page looks at so many."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.models import Connection, Merchant
from domain.problems import InvalidInput
from domain.reconciliation import standing
from domain.reconciliation.standing import Night, NightState

DAYS_MAX: Final = 400
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 9000
DAYS: Final = 30  # where nobody says from when
_LOOKED_AT_ONCE: Final = 500  # nights that are read together
_LOOKED_AT_MAX: Final = 20_000  # for one page

Place = tuple[date, UUID]  # of a night in the list


@dataclass(frozen=True, slots=True)
class WantedNights:
    """Which nights; None: all. `start` and `end` are included."""

    connection_id: UUID | None = None
    start: date | None = None
    end: date | None = None
    states: Set[NightState] | None = None


@dataclass(frozen=True, slots=True)
class NightsPage:
    """Nights in their order; `place`: how far was looked, behind which there may be `more`."""

    nights: list[Night]
    place: Place | None
    more: bool


async def page(
    whose: Whose, wanted: WantedNights, first: int, after: Place | None, zone: str | None = None
) -> NightsPage:
    """The `first` nights behind `after`. `zone`: the merchant's, where it is known. Raises Forbidden, InvalidInput."""
    now = datetime.now(UTC)
    chosen = await _connections(whose, wanted.connection_id)
    start, end = await _range(whose, wanted, now, zone)
    if not chosen:
        return NightsPage([], None, more=False)
    if after is not None:
        end = min(end, after[0])
    days = max(1, _LOOKED_AT_ONCE // len(chosen))
    found: list[Night] = []
    looked_at, last = 0, end
    while last >= start:
        oldest = max(start, last - timedelta(days=days - 1))
        nights = await standing.of_dates(chosen, oldest, last, now)
        looked_at += len(chosen) * ((last - oldest).days + 1)
        fitting = [one for one in nights if _is_behind(one, after)]
        found += [one for one in fitting if wanted.states is None or one.state in wanted.states]
        last = oldest - timedelta(days=1)
        if len(found) > first:
            return NightsPage(found[:first], place_of(found[first - 1]), more=True)
        if looked_at >= _LOOKED_AT_MAX and last >= start:
            return NightsPage(found, (oldest, chosen[-1].id), more=True)
    return NightsPage(found, place_of(found[-1]) if found else None, more=False)


async def count(whose: Whose, wanted: WantedNights) -> int | None:
    """How many nights there are; None: more than _LOOKED_AT_MAX would have to be looked at. Raises as `page`."""
    now = datetime.now(UTC)
    chosen = await _connections(whose, wanted.connection_id)
    start, end = await _range(whose, wanted, now)
    if len(chosen) * ((end - start).days + 1) > _LOOKED_AT_MAX:
        return None
    days, found, last = max(1, _LOOKED_AT_ONCE // max(1, len(chosen))), 0, end
    while chosen and last >= start:
        oldest = max(start, last - timedelta(days=days - 1))
        nights = await standing.of_dates(chosen, oldest, last, now)
        found += sum(wanted.states is None or one.state in wanted.states for one in nights)
        last = oldest - timedelta(days=1)
    return found


def place_of(night: Night) -> Place:
    """Its place in the list."""
    return night.business_date, night.connection_id


def _is_behind(night: Night, after: Place | None) -> bool:
    if after is None or night.business_date < after[0]:
        return True
    return night.business_date == after[0] and night.connection_id > after[1]


async def one(whose: Whose, connection_id: UUID, day: date) -> Night | None:
    """One night; None: there is no such connection, or that date has none. Raises Forbidden."""
    chosen = await _connections(whose, connection_id)
    found = await standing.of_dates(chosen, day, day, datetime.now(UTC)) if chosen else []
    return found[0] if found else None


async def _connections(whose: Whose, connection_id: UUID | None) -> list[Connection]:
    scope = scope_of(whose, Permission.READ_LEDGER)
    if not scope.is_whole:
        return []  # a night is of all stores
    query = Connection.filter(merchant_id=scope.merchant_id)
    if connection_id is not None:
        query = query.filter(id=connection_id)
    return await query.order_by("id")


async def _range(whose: Whose, wanted: WantedNights, now: datetime, zone: str | None = None) -> tuple[date, date]:
    if wanted.end is None and zone is None:
        zone = (await Merchant.get(id=scope_of(whose, Permission.READ_LEDGER).merchant_id)).zone
    end = wanted.end or now.astimezone(ZoneInfo(zone or "UTC")).date()
    if not _FIRST_YEAR <= end.year <= _LAST_YEAR:
        raise InvalidInput(f"Nights are of {_FIRST_YEAR} to {_LAST_YEAR}.", path=["filter", "to"])
    start = wanted.start or end - timedelta(days=DAYS)
    if start > end:
        raise InvalidInput("`from` is no later than `to`.", path=["filter", "from"])
    if (end - start).days > DAYS_MAX:
        raise InvalidInput(f"At most {DAYS_MAX} days are listed at once.", path=["filter", "from"])
    return start, end
