"""A bank's CSV, by its header: one column of signed amounts or one for each side, often with the balance after each."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

from domain.bank import amounts
from domain.bank.readers.header import DELIMITERS, HEADER_ROWS_MAX, ORDERS, Columns, CsvMapping, columns
from domain.bank.readers.text import day, decoded, lines
from domain.bank.statement import BadStatement, Statement, StatementLine
from domain.money import MoneyError, exponent_of

# Where a row without a date may carry an amount: a sum, which is no money of its own.
_CELLS_MAX: Final = 100
_SUMS: Final = ("total", "saldo", "balance", "subtotal", "合计")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}t")  # the day as printed, whatever zone stands behind it
_MONTHS: Final = {
    word: number
    for number, words in enumerate(
        ("jan ene", "feb fev", "mar", "apr abr", "may mai", "jun", "jul", "aug ago", "sep set", "oct out", "nov",
         "dec dic dez"), start=1)
    for word in words.split()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: Sequence[str]

    def at(self, place: int | None) -> str:
        return self.cells[place].strip() if place is not None and place < len(self.cells) else ""


def read(content: bytes, currency: str, mapping: CsvMapping | None = None) -> Statement:
    """The statement of an account in that currency. Raises BadStatement: the line, and what to have the mapping say."""
    mapping = mapping or CsvMapping()
    _check(mapping, currency)
    rows, found = _rows(decoded(content), mapping)
    money = [row for row in rows if _is_money(row, found)]
    for row in money:
        _same_currency(row, found, currency)
    sign = mapping.decimal or amounts.decimal_sign(_printed(money, found), currency)
    dates = _dates(money, found, mapping.order)
    told: list[StatementLine] = []
    balances: list[int | None] = []
    for row, booked_on in zip(money, dates, strict=True):
        balance = row.at(found.balance)
        after = amounts.minor_units(balance, currency, sign, row.line) if balance else None
        amount = _amount(row, found, currency, sign)
        if amount is not None:
            text = " ".join(filter(None, (row.at(place) for place in found.text)))
            told.append(StatementLine(row.line, booked_on, amount, text, row.at(found.reference) or None))
            balances.append(after)
    return _proven(currency, told, balances)


def _check(mapping: CsvMapping, currency: str) -> None:
    try:
        exponent_of(currency)
    except MoneyError as error:
        raise BadStatement(str(error)) from None
    if mapping.decimal not in (None, ".", ",") or mapping.order not in (None, *ORDERS):
        raise BadStatement(f"A mapping's decimal is . or , and its order one of {', '.join(ORDERS)}.")
    if mapping.delimiter not in (None, *DELIMITERS):
        raise BadStatement("A mapping's delimiter is one of ; , | or a tab.")


def _rows(text: str, mapping: CsvMapping) -> tuple[list[_Row], Columns]:
    for _ in lines(text):  # bounded before it is taken apart
        pass
    for delimiter in (mapping.delimiter,) if mapping.delimiter else DELIMITERS:
        found = columns([row.cells for row in _parted(text, delimiter, HEADER_ROWS_MAX)], mapping)
        if found is not None:
            return _parted(text, delimiter)[found.row + 1 :], found
    raise BadStatement(
        "No row names a date and an amount (or a debit and a credit): have the mapping say how the bank calls them."
    )


def _parted(text: str, delimiter: str, first: int | None = None) -> list[_Row]:
    """The rows that are not blank; of all, or of the `first` ones."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = (_Row(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
    try:
        found = list(islice(rows, first))
    except csv.Error as error:
        raise BadStatement(f"The rows cannot be parted: {error}.", reader.line_num) from None
    if wide := next((row for row in found if len(row.cells) > _CELLS_MAX), None):
        raise BadStatement(f"This row has more than {_CELLS_MAX} cells.", wide.line)
    return found


def _is_money(row: _Row, found: Columns) -> bool:
    """Whether the row is of the account; sums and the bank's own words around the table are not."""
    printed = any(row.at(place) for place in (found.amount, found.debit, found.credit))
    told = row.at(found.date)
    if any(letter.isdigit() for letter in told) and (printed or row.at(found.balance)):
        return True
    words = " ".join(row.cells).strip().casefold()
    if printed and not words.startswith(_SUMS):
        raise BadStatement(f"{told[:40]!r} is no date, and this row has an amount.", row.line)
    return False


def _same_currency(row: _Row, found: Columns, currency: str) -> None:
    told = row.at(found.currency)
    if told and told.upper() != currency:
        raise BadStatement(f"This row is in {told[:10]}, and the account in {currency}.", row.line)


def _printed(rows: Iterable[_Row], found: Columns) -> list[str]:
    places = (found.amount, found.debit, found.credit, found.balance)
    return [told for row in rows for place in places if (told := row.at(place))]


def _amount(row: _Row, found: Columns, currency: str, sign: str | None) -> int | None:
    """Signed; None for a row that tells a balance alone."""

    def of(place: int | None) -> int:
        told = row.at(place)
        return amounts.minor_units(told, currency, sign, row.line) if told else 0

    if found.amount is not None:
        return of(found.amount) if row.at(found.amount) else None
    came, left = of(found.credit), abs(of(found.debit))
    if came and left:
        raise BadStatement("This row has a debit and a credit.", row.line)
    return came - left if row.at(found.credit) or row.at(found.debit) else None


def _dates(rows: Sequence[_Row], found: Columns, order: str | None) -> list[date]:
    parted = [(row.line, _parts(row.at(found.date), row.line)) for row in rows]
    orders = [order] if order is not None else list(ORDERS)
    for one in orders[:-1]:
        try:
            return [_DAYS[one](parts, line) for line, parts in parted]
        except BadStatement:
            continue
    return [_DAYS[orders[-1]](parts, line) for line, parts in parted]


def _parts(told: str, line: int) -> tuple[str, str, str]:
    token = told.split()[0].casefold() if len(told) <= 40 and told.split() else ""
    token = token[:10] if _MOMENT.match(token) else token
    for mark in "./-":
        parts = token.split(mark)
        if len(parts) == 3:
            first, second, third = parts
            return first, str(_MONTHS.get(second[:3], second)), third
    if len(token) == 8 and token.isdecimal():
        return token[:4], token[4:6], token[6:]
    raise BadStatement(f"{told[:40]!r} is no date.", line)


_DAYS: Final[dict[str, Callable[[tuple[str, str, str], int], date]]] = {
    "DMY": lambda parts, line: day(parts[2], parts[1], parts[0], line),
    "YMD": lambda parts, line: day(parts[0], parts[1], parts[2], line),
    "MDY": lambda parts, line: day(parts[2], parts[0], parts[1], line),
}


def _proven(currency: str, told: Sequence[StatementLine], balances: Sequence[int | None]) -> Statement:
    """The running balance proves that no row is missing between two that print it, newest or oldest first."""
    forward, backward = _broken(told, balances), _broken(told[::-1], balances[::-1])
    if all(balance is None for balance in balances):
        return Statement(None, "CSV", currency, told)
    oldest_first = forward is None or (backward is not None and told[0].booked_on <= told[-1].booked_on)
    lines_, after = (told, balances) if oldest_first else (told[::-1], balances[::-1])
    broken = forward if oldest_first else backward
    known = next(place for place, balance in enumerate(after) if balance is not None)
    opening = (after[known] or 0) - sum(line.amount for line in lines_[: known + 1])
    closing = opening + sum(line.amount for line in lines_)
    if broken is not None:
        said = f"Line {broken}: the balance that it prints is not the one before and its amount: a row is missing."
        return Statement(None, "CSV", currency, told, contradicted=said)
    proof = "Each printed balance is the one before and what moved."
    return Statement(None, "CSV", currency, told, opening, closing, proof=proof)


def _broken(told: Sequence[StatementLine], balances: Sequence[int | None]) -> int | None:
    """The line where the running balance does not hold, the first; None: it does."""
    running: int | None = None
    for line, balance in zip(told, balances, strict=True):
        running = None if running is None else running + line.amount
        if balance is not None:
            if running is not None and running != balance:
                return line.line
            running = balance
    return None
