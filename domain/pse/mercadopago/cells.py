"""Mercado Pago's CSV: amounts by the rule of their currency, and JSON cells whose quotes are not doubled."""

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from domain.money import EXPONENTS, MoneyError, exponent_of
from domain.pse.kit.canonical import minor_units
from domain.pse.kit.cells import BadCell, BadRow, Row, minor_units_of
from domain.pse.reporting import BadReport, ReportFile

_SEPARATORS: Final = ";,"
_HEADER_CHARACTERS_MAX: Final = 65_536
_JSON: Final = json.JSONDecoder()
_JSON_CELL: Final = re.compile(r'[{\[]\s*[{"]')
_WHOLE_CELL: Final = re.compile(r'"(?:[^"]|"")*"')
_ONE_GROUP: Final = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
# Without decimals, a point parts thousands: a Chilean file writes 15.990 for CLP 15990.
_THOUSANDS: Final = r"^-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+$"
_PLAIN: Final = {2: re.compile(r"-?[0-9]{1,15}\.[0-9]{2}"), 0: re.compile(r"-?[0-9]{1,17}")}
_WITHOUT_DECIMALS: Final = [currency for currency, exponent in EXPONENTS.items() if exponent == 0]


def headings(file: ReportFile) -> tuple[str, list[str]]:
    """The separator and the column names. Raises BadReport."""
    with file.path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        line = text.readline(_HEADER_CHARACTERS_MAX).rstrip("\r\n")
    if not line:
        raise BadReport(file.name, "the file is empty; fetch it again.")
    separator = max(_SEPARATORS, key=line.count)
    return separator, [name.strip('"') for name in line.split(separator)]


# JSON cells


def mended(file: ReportFile, separator: str, width: int) -> Path:
    """The file, or a copy of it whose JSON cells are quoted as CSV wants it.

    Mercado Pago writes METADATA and TAXES_DISAGGREGATED as `"{"a":"b, c"}"`, or without quotes around: where such a
    cell ends is told by its JSON. A line that this does not mend stays as it is, and the reader of tables refuses it.
    """
    # What is not UTF-8 goes through unchanged, for the reader of tables to say where it is.
    with file.path.open(encoding="utf-8", errors="surrogateescape", newline="") as old:
        if not any(_JSON_CELL.search(line) for line in old):
            return file.path
        old.seek(0)
        target = file.path.with_name(f"{file.path.name}.mended")
        with target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as new:
            new.writelines(_mended_line(line, separator, width) if _JSON_CELL.search(line) else line for line in old)
    return target


def _mended_line(line: str, separator: str, width: int) -> str:
    if _width(line, separator) == width:
        return line
    row, ending = line.rstrip("\r\n"), line[len(line.rstrip("\r\n")) :]
    cells: list[str] = []
    at = 0
    while at <= len(row):
        cell, end = _cell(row, at, separator)
        if end != len(row) and row[end] != separator:
            return line
        cells.append(cell)
        at = end + 1
    return separator.join(cells) + ending if len(cells) == width else line


def _width(line: str, separator: str) -> int | None:
    try:
        return len(next(csv.reader([line], delimiter=separator, strict=True)))
    except csv.Error:
        return None


def _cell(row: str, at: int, separator: str) -> tuple[str, int]:
    """The cell that begins at `at`, as CSV wants it, and where it ends."""
    quoted = row.startswith('"', at)
    if row.startswith(("{", "["), at + quoted):
        end = _end_of_json(row, at + quoted)
        if end is not None and row.startswith('"' if quoted else "", end):
            json_text = row[at + quoted : end].replace('"', '""')
            return f'"{json_text}"', end + quoted
    whole = _WHOLE_CELL.match(row, at) if quoted else None
    if whole is not None:
        return whole[0], whole.end()
    end = row.find(separator, at)
    end = len(row) if end < 0 else end
    return row[at:end], end


def _end_of_json(row: str, at: int) -> int | None:
    try:
        return _JSON.raw_decode(row, at)[1]
    except (ValueError, RecursionError):
        return None


# Amounts


def units_of(row: Row, column: str, currency: str) -> int | None:
    """An amount in major units as signed minor units, None where the cell is empty. Raises BadCell.

    What could be a number with a thousands' point as well as one with decimals is refused, never guessed.
    """
    text = row[column]
    plain = _PLAIN.get(EXPONENTS.get(currency, -1))
    if plain is not None and plain.fullmatch(text):
        return int(text.replace(".", ""))  # as nearly all are: the careful way below takes five times as long
    try:
        whole = exponent_of(currency) == 0
    except MoneyError as error:
        raise BadCell(column, str(error)) from error
    if whole and re.fullmatch(_THOUSANDS, text):
        return minor_units_of({column: text.replace(".", "")}, column, currency)
    if not whole and _ONE_GROUP.fullmatch(text):
        said = f"{text[:40]!r} may be thousands or three decimals, and {currency} has two decimals."
        raise BadRow(column, said)
    return minor_units_of(row, column, currency)


def plain_amounts(columns: Mapping[str, str]) -> list[pl.Expr]:
    """Checked amount columns with the thousands' points taken out; `columns`: amount column -> its currency's."""
    return [
        pl.when(pl.col(currency).is_in(_WITHOUT_DECIMALS) & pl.col(column).str.contains(_THOUSANDS))
        .then(pl.col(column).str.replace_all(".", "", literal=True))
        .otherwise(pl.col(column))
        .alias(column)
        for column, currency in columns.items()
    ]


def units(column: str, currency: str) -> pl.Expr:
    """A column of plain amounts as signed minor units by the currency of its row; null where the cell is empty."""
    exponent = pl.col(currency).replace_strict(EXPONENTS, return_dtype=pl.Int64)
    return minor_units(column, exponent)
