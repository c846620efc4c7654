"""Which amounts are small, by currency: below them one person is enough, where nobody has said otherwise.

Minor units, about 200 US dollars; they follow no exchange rate.
"""

from collections.abc import Mapping
from typing import Final

ANY_OTHER: Final = "*"  # every currency that is not named: there, no amount is small
SMALL: Final[Mapping[str, int]] = {
    "ARS": 30_000_000,
    "BOB": 140_000,
    "BRL": 100_000,
    "CLP": 190_000,
    "COP": 80_000_000,
    "CRC": 10_000_000,
    "DOP": 1_200_000,
    "EUR": 18_000,
    "GTQ": 150_000,
    "HNL": 500_000,
    "MXN": 350_000,
    "NIO": 700_000,
    "PAB": 20_000,
    "PEN": 75_000,
    "PYG": 1_500_000,
    "USD": 20_000,
    "UYU": 800_000,
    ANY_OTHER: 0,
}


def reached(amounts: Mapping[str, int], minor_units: int, currency: str) -> bool:
    """Whether an amount is at or above that of its currency; one of which nothing is said is below."""
    least = amounts.get(currency, amounts.get(ANY_OTHER))
    return least is not None and minor_units >= least
