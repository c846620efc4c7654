"""What people type, read in their own way: amounts and days. A text that could mean two things is refused."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from babel.numbers import NumberFormatError, parse_decimal

from api.console.formats import clock_of, way
from api.console.page import Asked, Unsendable
from api.console.words import N_
from domain.money import MoneyError, exponent_of

FIELD: Final = "field_"  # before the name of each field that a PSE, or a kind of shop, has of its own
_BLANKS = "\u00a0\u202f "
_DIGITS = set("0123456789.,'")
_LENGTH_MAX = 30
_YEARS = range(1970, 2201)
_AMOUNT_MAX = Decimal(10) ** 12


def amount(field: str, text: str, currency: str) -> dict[str, str]:
    """`1.050,00` as the MoneyInput of a currency. Raises Unsendable."""
    plain = "".join(one for one in text if one not in _BLANKS)
    try:
        if len(plain) > _LENGTH_MAX or not set(plain) <= _DIGITS:
            raise NumberFormatError(plain)
        exponent = exponent_of(currency)
        value = parse_decimal(plain, way.get().locale, strict=True)
    except (NumberFormatError, MoneyError):
        raise Unsendable(field, N_("Write the amount in digits, as it is written in your language.")) from None
    units = value.scaleb(exponent)
    if not 0 < value < _AMOUNT_MAX or units != units.to_integral_value():
        raise Unsendable(field, N_("The amount must be above zero, with no more decimals than the currency has."))
    return {"minorUnits": str(int(units)), "currency": currency}


def day(field: str, text: str) -> str:
    """A date as browsers send it, of years that have others before and behind them. Raises Unsendable."""
    try:
        found = date.fromisoformat(text)
        if found.year not in _YEARS:
            raise ValueError(text)
        return found.isoformat()
    except ValueError:
        raise Unsendable(field, N_("Write the date as year-month-day, 2026-01-31 say.")) from None


def midnight(field: str, text: str, zone: str) -> str:
    """The moment at which a date begins in a zone; in UTC where nobody knows the zone. Raises Unsendable."""
    return datetime.combine(date.fromisoformat(day(field, text)), time.min, clock_of(zone)).isoformat()


def number(field: str, text: str, least: int, most: int) -> int:
    """A whole number within bounds. Raises Unsendable."""
    if text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most:
        return int(text)
    raise Unsendable(field, N_("Write a whole number from %(least)s to %(most)s."), least=str(least), most=str(most))


def own_fields(asked: Asked) -> list[dict[str, str]]:
    """What was given of the fields that a PSE, or a kind of shop, has of its own; what is empty is left out."""
    names = [name for name in asked.form if name.startswith(FIELD)]
    given = ((name.removeprefix(FIELD), asked.given(name)) for name in names)
    return [{"name": name, "value": value} for name, value in given if value]
