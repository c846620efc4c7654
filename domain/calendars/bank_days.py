"""On which days banks work, by country or by several together; how many such days lie between two dates.

By the tables of `holidays` (pinned), put right where they differ from what a country's banks keep: Brazil's banks close
on the Monday and Tuesday of Carnival and on Corpus Christi (ANBIMA's list), Mexico's by the list of the CNBV and not by
the labour law, those of Argentina, Chile, Panama and Uruguay on their own holidays beside the public ones. Half days
count as days. A decree in the middle of the year is no table's: it comes in as an `Exceptions`, and opens a Saturday,
too.
"""

from collections.abc import Collection, Mapping, Set
from datetime import date, timedelta
from functools import cache, lru_cache
from importlib import metadata
from typing import Final

import holidays

Exceptions = Mapping[tuple[str, date], bool]  # country and day: whether its banks are closed, whatever a table says
NONE: Final[Exceptions] = {}
# Countries whose banks we count by: where merchants are, and where the PSEs have their seats.
COUNTRIES: Final = frozenset(
    {
        "AR",
        "BO",
        "BR",
        "CL",
        "CO",
        "CR",
        "DO",
        "EC",
        "GT",
        "HN",
        "IE",
        "MX",
        "NI",
        "NL",
        "PA",
        "PE",
        "PY",
        "SG",
        "SV",
        "US",
        "UY",
    }
)
_PUBLIC_AND_BANK: Final = frozenset({"AR", "CL", "PA", "UY"})
_CARNIVAL_AND_CORPUS_CHRISTI: Final = (-48, -47, 60)  # days from Easter
_SATURDAY: Final = 5
_WALK_MAX: Final = 60  # days in a row without a bank day: there are none so long


class UnknownCountry(ValueError):
    """No bank days of this country are known; the message says which are."""


@cache
def version() -> str:
    """By which tables: what was counted by them is named with it."""
    return f"holidays {metadata.version('holidays')}"


def check(country: str) -> None:
    """Raises UnknownCountry."""
    if country not in COUNTRIES:
        raise UnknownCountry(f"The bank days of {country!r} are not known; known are {', '.join(sorted(COUNTRIES))}.")


@lru_cache(maxsize=1024)
def closed(country: str, year: int) -> Set[date]:
    """The days of the year on which the country's banks are closed, beside weekends. Raises UnknownCountry."""
    check(country)
    if country == "BR":
        moving = {_easter(year) + timedelta(days=days) for days in _CARNIVAL_AND_CORPUS_CHRISTI}
        return frozenset(holidays.country_holidays("BR", years=year)) | moving
    if country == "MX":
        return frozenset(holidays.financial_holidays("XMEX", years=year))
    if country in _PUBLIC_AND_BANK:
        return frozenset(holidays.country_holidays(country, years=year, categories=("public", "bank")))
    return frozenset(holidays.country_holidays(country, years=year))


def is_bank_day(day: date, countries: Collection[str], exceptions: Exceptions = NONE) -> bool:
    """Whether the banks of all these countries work. Raises UnknownCountry."""
    if not countries:
        return day.weekday() < _SATURDAY
    return not any(_is_closed(day, country, exceptions) for country in countries)


def works(country: str, day: date, exceptions: Exceptions = NONE) -> bool:
    """Whether the banks, and so the offices, of a country work; of one whose banks nobody knows, by what is public."""
    if country in COUNTRIES:
        return is_bank_day(day, (country,), exceptions)
    said = exceptions.get((country, day))
    return not said if said is not None else day.weekday() < _SATURDAY and day not in _public(country, day.year)


@lru_cache(maxsize=64)
def _public(country: str, year: int) -> Set[date]:
    known = country in holidays.list_supported_countries()
    return frozenset(holidays.country_holidays(country, years=year)) if known else frozenset()


def _is_closed(day: date, country: str, exceptions: Exceptions) -> bool:
    said = exceptions.get((country, day))
    return said if said is not None else day.weekday() >= _SATURDAY or day in closed(country, day.year)


def after(day: date, days: int, countries: Collection[str], exceptions: Exceptions = NONE) -> date:
    """The bank day that is so many of them behind `day`; 0: the day itself, or the next bank day.

    Raises UnknownCountry.
    """
    found = _from(day, countries, exceptions)
    for _ in range(days if found == day else max(0, days - 1)):
        found = _from(found + timedelta(days=1), countries, exceptions)
    return found


def _from(day: date, countries: Collection[str], exceptions: Exceptions) -> date:
    """The day itself, or the first bank day behind it."""
    for ahead in range(_WALK_MAX):
        if is_bank_day(found := day + timedelta(days=ahead), countries, exceptions):
            return found
    raise UnknownCountry(f"There is no bank day within {_WALK_MAX} days of {day}.")


def _easter(year: int) -> date:
    """Easter Sunday, by the Gregorian reckoning (Meeus, Jones and Butcher)."""
    golden, century, rest = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)
