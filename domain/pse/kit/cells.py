"""The cells of a row of text, each read exactly or refused by name.

Raises BadCell, which a reader of tables completes with file and line.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.money import EXPONENTS, MINOR_UNITS_MAX, MoneyError, exponent_of
from domain.pse.kit import exact

Row = Mapping[str, str]
UNKNOWN_DECIMALS: Final = 8  # of a currency that we do not know: as many as a settled amount may have
_EXPONENT_MAX: Final = max(EXPONENTS.values())
_DECIMAL: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


class BadCell(ValueError):
    """What a row check says about a column; the reader of tables adds file and line."""

    def __init__(self, column: str, said: str) -> None:
        super().__init__(said)
        self.column = column


class BadRow(BadCell):
    """A cell that makes its row unclear, and leaves the others what they are. `why`: in words that follow its kind."""

    def __init__(self, column: str, said: str, why: str | None = None) -> None:
        super().__init__(column, said)
        self.why = why or f"with an unusable {column}"


def decimal_of(row: Row, column: str, places: int) -> Decimal | None:
    """A plain decimal of at most `places` decimals, None where the cell is empty. Raises BadRow.

    Whatever its currency, its minor units fit into 64 bits: a row that nobody understands is kept with them.
    """
    text = row[column]
    if text == "":
        return None
    if not _DECIMAL.fullmatch(text) or len(text) > 30:
        raise BadRow(column, f"{text[:40]!r} is not a decimal number with a point.")
    if len(text.partition(".")[2].rstrip("0")) > places:
        raise BadRow(column, f"{text[:40]!r} has more than {places} decimals.")
    amount = Decimal(text)
    if abs(amount.scaleb(min(places, _EXPONENT_MAX))) > MINOR_UNITS_MAX:
        raise BadRow(column, f"{text!r} is larger than any amount of money.")
    return amount


def minor_units_of(row: Row, column: str, currency: str, exponent: int | None = None) -> int | None:
    """An amount in major units as signed minor units, None where the cell is empty. Raises BadCell.

    `exponent` is the number of decimals where a PSE differs from ISO 4217.
    """
    try:
        places = exponent_of(currency) if exponent is None else exponent
    except MoneyError as error:
        raise BadCell(column, str(error)) from error
    amount = decimal_of(row, column, places)
    return None if amount is None else int(amount.scaleb(places))


def currency_of(row: Row, column: str) -> str:
    """The code of a currency, known to us or not. Raises BadCell."""
    if not exact.is_code(row[column]):
        raise BadCell(column, f"{row[column][:10]!r} is not a currency.")
    return row[column]


def check_paid_in(row: Row, column: str) -> None:
    """Raises BadRow for what is no code that a customer can pay in."""
    if not exact.is_paid_in(row[column]):
        raise BadRow(column, f"{row[column][:10]!r} is not a currency.")


def check_net(gross: Decimal | int, fee: Decimal | int, net: Decimal | int, name: str = "gross") -> None:
    """Raises BadRow of the column `net` unless it is gross less fee. `name`: what the PSE calls its gross."""
    if gross - fee != net:
        said = f"{name} {gross} less fee {fee} is {gross - fee}, and net is {net}."
        raise BadRow("net", said, f"whose net is not its {name} less its fee")


def check_time(row: Row, column: str) -> None:
    """Raises BadRow unless the cell is a time that exists, of our days; its zone is known from elsewhere."""
    text = row[column]
    try:
        if not is_of_our_days(datetime.fromisoformat(text if _TIME.fullmatch(text) else "")):
            raise ValueError
    except ValueError as error:
        raise BadRow(column, f"{text[:40]!r} is not a time as 2026-01-31 23:59:59.") from error


def is_of_our_days(moment: datetime) -> bool:
    """Whether a PSE can have written it of money that moved; others come of cells that nobody filled, or shifted."""
    return 2000 <= moment.year < 2200
