"""Numbers, days and words as people and files write them, read exactly: no float, no guess, a bound on everything."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

from domain.money import AMOUNT_MAX, MoneyError, exponent_of
from domain.pse.vocabulary import Method

_PERCENT: Final = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,6})?", re.ASCII)
_RATE: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?", re.ASCII)
_UNITS: Final = re.compile(r"(?:0|[1-9][0-9]{0,13})", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_EARLIEST: Final = date(1994, 7, 1)  # the youngest of the great reforms of our currencies: the real
SOURCE_MAX: Final = 500


class UnreadableText(ValueError):
    """What was written is not what is wanted there; the message says what is."""


def percent(text: str) -> Decimal:
    """0 to 100, a point and at most six decimals. Raises Unreadable."""
    if _PERCENT.fullmatch(text) is None or Decimal(text) > 100:
        raise UnreadableText("A percentage lies between 0 and 100, with at most six decimals, as 3.99.")
    return Decimal(text)


def rate(text: str) -> Decimal:
    """Above zero, a point and at most twelve decimals. Raises Unreadable."""
    if _RATE.fullmatch(text) is None or Decimal(text) == 0:
        raise UnreadableText("A rate is above zero, with at most twelve decimals, as 5.4321.")
    return Decimal(text)


def units(text: str) -> int:
    """A number of minor units. Raises Unreadable."""
    if _UNITS.fullmatch(text) is None:
        raise UnreadableText("An amount is a whole number of minor units, as 39 for BRL 0.39.")
    return bounded_units(int(text))


def bounded_units(number: int) -> int:
    """Raises Unreadable for a number of minor units that no fee has."""
    if not 0 <= number <= AMOUNT_MAX:
        raise UnreadableText(f"An amount lies between 0 and {AMOUNT_MAX} minor units.")
    return number


def day(text: str) -> date:
    """YYYY-MM-DD. Raises Unreadable."""
    if _DAY.fullmatch(text) is None:
        raise UnreadableText("A day is written YYYY-MM-DD.")
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise UnreadableText(f"There is no day {text}.") from None
    return bounded_day(found)


def bounded_day(given: date) -> date:
    """Raises Unreadable for a day of which nobody has a contract."""
    if given < _EARLIEST:
        raise UnreadableText(f"A day lies on or after {_EARLIEST}.")
    return given


def currency(text: str) -> str:
    """One that we settle in. Raises Unreadable."""
    try:
        exponent_of(text)
    except MoneyError as error:
        raise UnreadableText(str(error)) from None
    return text


def method(text: str | None) -> str | None:
    """A method, or nothing for all. Raises Unreadable."""
    if not text:
        return None
    if text not in Method.__members__:
        raise UnreadableText(f"A method is one of {', '.join(Method.__members__)}, or left out for all.")
    return text


def source(text: str) -> str:
    """Who says so, in words. Raises Unreadable."""
    said = text.strip()
    if not 0 < len(said) <= SOURCE_MAX or not said.isprintable():
        raise UnreadableText(
            f"The source is told in 1 to {SOURCE_MAX} printable characters: a contract, a page, its day."
        )
    return said
