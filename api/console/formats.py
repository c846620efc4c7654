"""Amounts, moments and days in the reader's way; also as filters of the templates.

What comes is what GraphQL gives: amounts of minor units as strings, moments in ISO 8601 with their zone.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, dates, numbers
from babel.numbers import NumberPattern
from markupsafe import Markup

from api.console.words import _


@dataclass(frozen=True, slots=True)
class ReaderLocale:
    """How the reader reads: a language, and the zone of the merchant's books."""

    language: str = "en"
    zone: str = "UTC"

    @property
    def locale(self) -> Locale:
        """As Babel knows it."""
        return Locale.parse(self.language.replace("-", "_"))

    @property
    def clock(self) -> ZoneInfo:
        """The zone; UTC where the system does not know its name."""
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


way: ContextVar[ReaderLocale] = ContextVar("console_way", default=ReaderLocale())  # noqa: B039  # it is frozen
_NONE: Final = "–"


def decimal_of(money: Mapping[str, Any]) -> Decimal:
    """The amount in units of the currency."""
    return Decimal(int(money["minorUnits"])).scaleb(-int(money["exponent"]))


def money(given: Mapping[str, Any] | None) -> str:
    """`R$ 150,00`, `$ 1,050.00 MXN` as the language has it; a dash where there is none."""
    if given is None:
        return _NONE
    locale, exponent = way.get().locale, int(given["exponent"])
    # The decimals are the money's: Babel's own would write 1.50 Colombian pesos as 2, and Chilean ones with cents.
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (exponent, exponent)
    return numbers.format_currency(
        decimal_of(given), given["currency"], format=pattern, locale=locale, currency_digits=False
    )


def number(given: int | Decimal | str | None) -> str:
    """With the language's separators."""
    return _NONE if given is None else numbers.format_decimal(Decimal(given), locale=way.get().locale)


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
    local = datetime.fromisoformat(given.replace("Z", "+00:00")).astimezone(way.get().clock)
    size = "medium" if seconds else "short"
    locale = way.get().locale
    date_shown = dates.format_skeleton("yMMMd", local, locale=locale)
    time = dates.format_time(local, size, tzinfo=way.get().clock, locale=locale)
    zone = dates.get_timezone_location(way.get().clock, locale=locale, return_city=True)
    return Markup(
        '<time datetime="{0}" title="{0}"><span class="day">{1}</span> {2} <span class="zone">{3}</span></time>'
    ).format(given, date_shown, time, zone)


def clock(given: str | None) -> str | Markup:
    """The time of day alone, to the second; the whole moment is its title."""
    if not given:
        return _NONE
    local = datetime.fromisoformat(given.replace("Z", "+00:00")).astimezone(way.get().clock)
    shown = dates.format_time(local, "medium", tzinfo=way.get().clock, locale=way.get().locale)
    return Markup('<time datetime="{0}" title="{0} {2}">{1}</time>').format(given, shown, local.tzname() or "")


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
        value = datetime.fromisoformat(given.replace("Z", "+00:00")).astimezone(way.get().clock).date()
    else:
        value = date.fromisoformat(given)
    shown = dates.format_skeleton("yMMMd", value, locale=way.get().locale)
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
