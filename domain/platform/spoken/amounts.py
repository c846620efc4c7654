"""Amounts within a sentence in the reader's way: who reads Portuguese is told R$ 70.000,00 of `BRL 70000.00`."""

import re
from copy import copy
from decimal import Decimal
from typing import Final

from babel import Locale, numbers
from babel.numbers import NumberPattern

from domain.money import EXPONENTS

_AMOUNT: Final = re.compile(r"(?<![\w./])([A-Z]{3}) (-?\d{1,19}(?:\.(\d{1,4}))?)(?!\w|\.\d)")


def in_the_readers_way(said: str, locale: str) -> str:
    """The sentence with its amounts as the language writes them; as many decimals as they had."""
    return _AMOUNT.sub(lambda found: _written(found, locale), said)


def _written(found: re.Match[str], name: str) -> str:
    currency, amount, decimals = found[1], Decimal(found[2]), len(found[3] or "")
    if currency not in EXPONENTS:
        return found[0]
    locale = Locale.parse(name.replace("-", "_"))
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    return numbers.format_currency(amount, currency, format=pattern, locale=locale, currency_digits=False)
