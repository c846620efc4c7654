"""Amounts as people of a place write them: R$ 1.234,50 in Brazil, $1,234.50 in Mexico."""

from copy import copy
from decimal import Decimal
from functools import cache
from typing import Final

from babel import Locale
from babel.numbers import NumberPattern, format_currency

from domain.money import Money, exponent_of

_STANDARD: Final = "standard"


def shown(amount: Money, locale: str) -> str:
    """The amount, every minor unit of it, in the writing of a locale such as `pt_BR` or `es_MX`.

    Babel's own number of decimals is what a country's shops are used to: it would show 1,234.50 Colombian pesos as
    1,234. The decimals here are those of the money (ISO 4217).
    """
    decimals = exponent_of(amount.currency)
    pattern, value = _pattern(locale, decimals), Decimal(amount.decimal())
    written = format_currency(value, amount.currency, format=pattern, locale=locale, currency_digits=False)
    # Letters do not touch digits (CLDR's spacing of currencies, which Babel leaves out): COP 1,234.50.
    code = amount.currency
    return written.replace(code, f"{code}\xa0", 1) if written.startswith(code) and written[3].isdigit() else written


@cache
def _pattern(locale: str, decimals: int) -> NumberPattern:
    pattern: NumberPattern = copy(Locale.parse(locale).currency_formats[_STANDARD])
    pattern.frac_prec = (decimals, decimals)
    return pattern
