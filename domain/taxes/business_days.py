"""On which days offices and banks of a country work: the library's calendar, and what a merchant knows better.

`holidays` has most; what it lacked (0.109) beside each country's published list of 2026 is added here. Its version is
told with what is counted by it (`CALENDAR`): a decree can make another day free in the middle of a year.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from importlib import metadata
from typing import Final
from uuid import UUID

import holidays

from domain.models import BusinessDay

CALENDAR: Final = f"holidays {metadata.version('holidays')}"
_SATURDAY: Final = 5
_CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "AR": ("public", "bank"),
    "CL": ("public", "bank"),
    "PA": ("public", "bank"),
    "UY": ("public", "bank"),
}
# Days from Good Friday on which Brazil's banks are closed: Carnival's Monday and Tuesday, and Corpus Christi.
_OF_GOOD_FRIDAY: Final[Mapping[str, tuple[int, ...]]] = {"BR": (-46, -45, 62)}
_BY_EXCHANGE: Final[Mapping[str, str]] = {"MX": "XMEX"}  # the labour law's days alone leave out Holy Week


def works(country: str, day: date, own: Mapping[date, bool] | None = None) -> bool:
    """Whether offices work that day; `own`: what the merchant says of some days."""
    if own and day in own:
        return own[day]
    return day.weekday() < _SATURDAY and day not in _free(country, day.year)


@lru_cache(maxsize=256)
def _free(country: str, year: int) -> frozenset[date]:
    if country in _BY_EXCHANGE:
        return frozenset(holidays.financial_holidays(_BY_EXCHANGE[country], years=[year]))
    if country not in holidays.list_supported_countries():
        return frozenset()
    kinds = _CATEGORIES.get(country, ("public",))
    # In one language: else the names are those of the machine's own.
    language = "en_US" if country in _OF_GOOD_FRIDAY else None
    found = holidays.country_holidays(country, years=[year], categories=kinds, expand=False, language=language)
    fridays = found.get_named("Good Friday") if language else []
    moved = (friday + timedelta(days=days) for friday in fridays for days in _OF_GOOD_FRIDAY[country])
    return frozenset((*found, *moved))


async def own_days(merchant_id: UUID, country: str) -> Mapping[date, bool]:
    """What a merchant says of some days of a country."""
    found = await BusinessDay.filter(merchant_id=merchant_id, country=country, ended_at=None).limit(2_000)
    return {row.day: row.works for row in found}
