"""Adyen's `amount`: an integer of Adyen's own minor units, which are not ISO 4217's for every currency."""

from collections.abc import Mapping
from typing import Any, Final

from domain.money import Money, MoneyError, exponent_of

# Decimals where Adyen differs from ISO 4217, of the currencies we settle in (docs.adyen.com, "Currency codes and minor
# units"): CLP has two, so CLP 1 is 100 on the wire.
_DECIMALS: Final[Mapping[str, int]] = {"CLP": 2}


def wire(money: Money) -> dict[str, Any]:
    """`{"currency", "value"}` as Adyen wants it."""
    return {"currency": money.currency, "value": money.minor_units * _scale(money.currency)}


def read(told: Any) -> Money:
    """The amount that Adyen tells. `value` is a JSON integer, in some webhooks a text of digits. Raises MoneyError."""
    currency, value = (told.get("currency"), told.get("value")) if isinstance(told, Mapping) else (None, None)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if not isinstance(currency, str) or isinstance(value, bool) or not isinstance(value, int):
        raise MoneyError("An amount of Adyen has a currency and a value in minor units.")
    units, rest = divmod(value, _scale(currency))
    if rest:
        raise MoneyError(f"{value} is not a whole amount of {currency}, which has {exponent_of(currency)} decimals.")
    return Money(units, currency)


def decimals_of(currency: str) -> int:
    """How many decimals Adyen has for a currency. Raises MoneyError."""
    return _DECIMALS.get(currency, exponent_of(currency))


def _scale(currency: str) -> int:
    scale: int = 10 ** (decimals_of(currency) - exponent_of(currency))
    return scale
