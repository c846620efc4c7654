"""Amounts as shops write them: decimal texts, or numbers of JSON read as they are written. Never a float."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.money import Money, MoneyError, exponent_of

_MAGNITUDE_MAX: Final = 15


class NotMoney(ValueError):
    """It is no amount that can be refunded; the message says why."""


def decimal_of(found: Any) -> Decimal:
    """The exact number. Raises NotMoney."""
    if isinstance(found, bool) or not isinstance(found, int | str | Decimal):
        raise NotMoney(f"{str(found)[:40]!r} is no number")
    try:
        number = Decimal(found)
    except InvalidOperation:
        raise NotMoney(f"{str(found)[:40]!r} is no number") from None
    if not number.is_finite() or abs(number.adjusted()) > _MAGNITUDE_MAX:
        raise NotMoney(f"{str(found)[:40]!r} is no amount of money")
    return number


def money_of(found: Any, currency: Any) -> Money:
    """An amount above zero of major units. Decimals that are zero beyond the currency's own say nothing ("10.0000").

    Raises NotMoney for what is negative, zero, too fine for its currency, or in one that we do not settle in.
    """
    number = decimal_of(found)
    if not isinstance(currency, str):
        raise NotMoney("there is no currency")
    try:
        decimals = exponent_of(currency)
        minor = number.scaleb(decimals)
        if minor != minor.to_integral_value():
            raise NotMoney(f"{number:f} has more decimals than {currency} has")
        if minor <= 0:
            raise NotMoney(f"{number:f} is nothing that can be given back")
        return Money(int(minor), currency)
    except MoneyError as error:
        raise NotMoney(str(error)) from None
