"""Amounts, moments and days in the reader's way; also as filters of the templates.

What comes is what GraphQL gives: amounts of minor units as strings, moments in ISO 8601 with their zone.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, dates, numbers
from babel.numbers import NumberPattern
from markupsafe import Markup, escape

from api.console.words import _


@dataclass(frozen=True, slots=True)
class ReaderLocale:
    """How the reader reads: a language, and the zone of the merchant's books."""

    language: str = "en"
    zone: str = "UTC"

    @property
    def locale(self) -> Locale:
        """As Babel knows it."""
        return _locale(self.language)

    @property
    def clock(self) -> ZoneInfo:
        """Of the zone."""
        return clock_of(self.zone)


def clock_of(zone: str) -> ZoneInfo:
    """The zone of that name; UTC where the system does not know it."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language.replace("-", "_"))


way: ContextVar[ReaderLocale] = ContextVar("console_way", default=ReaderLocale())  # noqa: B039  # it is frozen
_NONE: Final = "–"
_SIGN: Final = "\N{CURRENCY SIGN}"  # where a pattern has the currency's


# The same amount, day or moment is written the same way for who reads alike, and a page has many of each.
_written_once: Final = lru_cache(maxsize=4096)


def decimal_of(money: Mapping[str, Any]) -> Decimal:
    """The amount in units of the currency."""
    return Decimal(int(money["minorUnits"])).scaleb(-int(money["exponent"]))


def money(given: Mapping[str, Any] | None) -> str:
    """`R$ 150,00`, `$ 1,050.00 MXN` as the language has it; a dash where there is none."""
    if given is None:
        return _NONE
    return _money(way.get().language, given["currency"], int(given["exponent"]), int(given["minorUnits"]))


@_written_once
def _money(language: str, currency: str, exponent: int, units: int) -> str:
    pattern = _pattern(language, currency, exponent)
    return str(pattern.apply(Decimal(units).scaleb(-exponent), _locale(language)))


@_written_once
def _pattern(language: str, currency: str, exponent: int) -> NumberPattern:
    """How amounts are written, with the currency's sign in its place: Babel looks for its names each time else.

    The decimals are the money's: Babel's own would write 1.50 Colombian pesos as 2, and Chilean ones with cents.
    """
    pattern: NumberPattern = copy(_locale(language).currency_formats["standard"])
    sign = numbers.get_currency_symbol(currency, _locale(language))
    pattern.frac_prec = (exponent, exponent)
    for name in ("prefix", "suffix"):
        positive, negative = getattr(pattern, name)
        setattr(pattern, name, (positive.replace(_SIGN, sign), negative.replace(_SIGN, sign)))
    return pattern


def number(given: int | Decimal | str | None) -> str:
    """With the language's separators."""
    return _NONE if given is None else _number(way.get().language, str(given))


@_written_once
def _number(language: str, given: str) -> str:
    return numbers.format_decimal(Decimal(given), locale=_locale(language))


def exact(given: Decimal | str) -> str:
    """With the language's separators and every decimal that it has."""
    return numbers.format_decimal(Decimal(given), locale=way.get().locale, decimal_quantization=False)


def percent(given: Decimal | str | None) -> str:
    """`99.4 %` of a share such as 0.994."""
    if given is None:
        return _NONE
    return numbers.format_percent(Decimal(given), format="#,##0.#%", locale=way.get().locale)


def moment(given: str | None, *, seconds: bool = False) -> str | Markup:
    """`<time>` in the merchant's zone, which is said; the exact moment is its title."""
    if not given:
        return _NONE
    return _moment(way.get(), given, "medium" if seconds else "short")


@_written_once
def _moment(reader: ReaderLocale, given: str, size: Literal["medium", "short"]) -> Markup:
    local, exact = _local(given, reader), escape(given)
    shown = f'<span class="day">{_date(reader.language, local.date())}</span> {_time(reader.language, local, size)}'
    return Markup(f'<time datetime="{exact}" title="{exact}">{shown} <span class="zone">{_place(reader)}</span></time>')  # noqa: S704  # escaped


@_written_once
def _date(language: str, value: date) -> Markup:
    return escape(dates.format_skeleton("yMMMd", value, locale=_locale(language)))


def _time(language: str, local: datetime, size: Literal["medium", "short"]) -> Markup:
    return _time_of_day(language, time(local.hour, local.minute, local.second if size == "medium" else 0), size)


@_written_once
def _time_of_day(language: str, value: time, size: Literal["medium", "short"]) -> Markup:
    return escape(dates.format_time(value, size, locale=_locale(language)))


@_written_once
def _place(reader: ReaderLocale) -> Markup:
    return escape(dates.get_timezone_location(reader.clock, locale=reader.locale, return_city=True))


def _local(given: str, reader: ReaderLocale) -> datetime:
    return datetime.fromisoformat(given.replace("Z", "+00:00")).astimezone(reader.clock)


def clock(given: str | None) -> str | Markup:
    """The time of day alone, to the second; the whole moment is its title."""
    if not given:
        return _NONE
    return _clock(way.get(), given)


@_written_once
def _clock(reader: ReaderLocale, given: str) -> Markup:
    local = _local(given, reader)
    shown, zone = _time(reader.language, local, "medium"), local.tzname() or ""
    return Markup('<time datetime="{0}" title="{0} {2}">{1}</time>').format(given, shown, zone)


def plain(shown: str | Markup) -> str:
    """The text of what a filter has made, for a sentence."""
    return shown.striptags() if isinstance(shown, Markup) else shown


def day(given: str | date | None) -> str | Markup:
    """`<time>` of a date, which has no zone; of a moment, the date in the merchant's zone."""
    if not given:
        return _NONE
    value: date
    if isinstance(given, date):
        value = given
    elif "T" in given:
        value = _local(given, way.get()).date()
    else:
        value = date.fromisoformat(given)
    return _day(way.get().language, value)


@_written_once
def _day(language: str, value: date) -> Markup:
    shown = _date(language, value)
    return Markup('<time class="day" datetime="{0}" title="{0}">{1}</time>').format(value.isoformat(), shown)


def short_day(given: str) -> str:
    """`Nov 27` of a date, where the year is plain."""
    return dates.format_skeleton("MMMd", date.fromisoformat(given), locale=way.get().locale)


def worth(given: Mapping[str, Any]) -> str:
    """Of something that need not be about money: what is not says so instead of R$ 0,00."""
    return money(given) if int(given["minorUnits"]) else _("no amount")


def month(given: str | date | None) -> str:
    """`November 2026` of `2026-11`, or of any day in it."""
    if not given:
        return _NONE
    first = given if isinstance(given, date) else date.fromisoformat(f"{given[:7]}-01")
    return dates.format_skeleton("yMMMM", first, locale=way.get().locale)


def country(code: str | None) -> str:
    """`Brazil` of `BR`; a code that is no country's stays as it is."""
    return str(way.get().locale.territories.get(code, code)) if code else _NONE


def duration(seconds: float | str | None) -> str:
    """`9 s`, `2 days`: the largest unit that there is one of."""
    if seconds is None:
        return _NONE
    given = float(seconds)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if given >= length:
            return numbers_with_unit(given / length, f"duration-{unit}")
    return numbers_with_unit(given, "duration-second")


def numbers_with_unit(value: float, unit: str) -> str:
    """A rounded number with its unit, short."""
    from babel.units import format_unit

    return str(format_unit(round(value), unit, length="short", locale=way.get().locale))


def size(given: int | str | None) -> str:
    """Bytes as `12.4 KB`."""
    if given is None:
        return _NONE
    value, unit = Decimal(int(given)), _("bytes")
    for name in ("KB", "MB", "GB"):
        if value < 1024:
            break
        value, unit = value / 1024, name
    return f"{numbers.format_decimal(value, format='#,##0.#', locale=way.get().locale)} {unit}"


FILTERS: Final = {
    "money": money,
    "number": number,
    "exact": exact,
    "percent": percent,
    "moment": moment,
    "clock": clock,
    "day": day,
    "short_day": short_day,
    "worth": worth,
    "month": month,
    "country": country,
    "duration": duration,
    "size": size,
}
