"""Money: an integer number of minor units and an ISO 4217 currency. No float, no rounding, no guessing."""

import re
from dataclasses import dataclass
from typing import Final, Self

# ISO 4217:2015 amendment 179, the currencies of the Americas that merchants settle in, and the two they report in.
EXPONENTS: Final[dict[str, int]] = {
    "ARS": 2,
    "BOB": 2,
    "BRL": 2,
    "CLP": 0,
    "COP": 2,
    "CRC": 2,
    "DOP": 2,
    "EUR": 2,
    "GTQ": 2,
    "HNL": 2,
    "MXN": 2,
    "NIO": 2,
    "PAB": 2,
    "PEN": 2,
    "PYG": 0,
    "USD": 2,
    "UYU": 2,
}
MINOR_UNITS_MAX: Final = 2**63 - 1
# What a client may register as one amount: a hundred billion of a currency with two decimals. 900,000 of these still
# fit into the database's 64 bits; sums of more are numeric.
AMOUNT_MAX: Final = 10**13
_DECIMAL = re.compile(r"(?P<major>0|[1-9][0-9]{0,18})(?:\.(?P<minor>[0-9]+))?")


class MoneyError(ValueError):
    """A text or number that is not an amount of money. The message says what is wanted instead."""


@dataclass(frozen=True, slots=True)
class Money:
    """`minor_units` of `currency` (BRL 1.00 is 100, CLP 1 is 1). Never negative: a direction is a field, not a sign."""

    minor_units: int
    currency: str

    def __post_init__(self) -> None:
        exponent_of(self.currency)
        if isinstance(self.minor_units, bool) or not isinstance(self.minor_units, int):
            raise MoneyError("An amount is a whole number of minor units, for example 1050 for BRL 10.50.")
        if not 0 <= self.minor_units <= MINOR_UNITS_MAX:
            raise MoneyError(f"An amount lies between 0 and {MINOR_UNITS_MAX} minor units.")

    @classmethod
    def parse(cls, text: str, currency: str, *, exponent: int | None = None) -> Self:
        """Read a decimal such as `"10.50"`: a point as separator, at most the currency's decimals, nothing else.

        `exponent` is the number of decimals where a PSE differs from ISO 4217. Raises MoneyError.
        """
        decimals = exponent_of(currency) if exponent is None else exponent
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise MoneyError(
                f"{text[:40]!r} is not an amount: write digits and at most one decimal point, for example 10.50."
            )
        minor = match["minor"] or ""
        if len(minor) > decimals:
            raise MoneyError(f"{text[:40]!r} has {len(minor)} decimals; {currency} takes at most {decimals}.")
        return cls(int(match["major"] + minor.ljust(decimals, "0")), currency)

    def decimal(self, *, exponent: int | None = None) -> str:
        """The amount as a plain decimal with all its decimals: `"10.50"`, `"1050"` where there are none."""
        return decimal_of(self.minor_units, exponent_of(self.currency) if exponent is None else exponent)

    def __str__(self) -> str:
        return f"{self.currency} {self.decimal()}"


def decimal_of(minor_units: int, decimals: int) -> str:
    """A number of minor units, however large, as a plain decimal with all its decimals."""
    digits = str(minor_units).rjust(decimals + 1, "0")
    return digits if decimals == 0 else f"{digits[:-decimals]}.{digits[-decimals:]}"


def exponent_of(currency: str) -> int:
    """The number of decimals of an ISO 4217 currency. Raises MoneyError for one we do not settle in."""
    try:
        return EXPONENTS[currency]
    except (KeyError, TypeError):
        known = ", ".join(EXPONENTS)
        raise MoneyError(f"{str(currency)[:10]!r} is not a currency we settle in; known are {known}.") from None


def cumulative_share(whole: int, part: int, total: int) -> int:
    """The share of `whole` that belongs to `part` of `total`, half up: shares of growing parts close to the whole.

    All in minor units. A part's own share is the difference of two cumulative shares.
    """
    assert 0 <= part <= total, "A part lies within its total."
    assert total > 0, "A total is above zero."
    return (2 * whole * part + total) // (2 * total)
