"""Rows of a report that are plain, many at a time: each a line with all its fields, quoted as CSV wants it or not at
all, each cell as a rule of columns wants it. What is not plain is left to the reader of rows (tables), which says what
is wrong with it and where.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

import polars as pl

from domain.money import EXPONENTS
from domain.pse.reporting import SETTLED

_PIECE_BYTES: Final = 8 << 20
_CELL_BYTES_MAX: Final = 30_000
# What CSV, or a program of long ago, may mean otherwise than as text.
_SPECIAL: Final = b"\x00\x1a\x0b\x0c\x1c\x1d\x1e\x85"
_IN_UNITS: Final = r"^-?[0-9]{1,15}(?:\.[0-9]{2})?$"
_WHOLE_PART: Final = "-?[0-9]{1,12}"
_CODE: Final = "^[A-Z]{3}$"
_TIME: Final = r"^2[01][0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9] ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"


@dataclass(frozen=True, slots=True)
class Plain:
    """`good` holds only for rows of which the check of rows would say nothing; `add` adds up their control totals.

    `in_order`: what a row says depends on those above it, so it is given them as they follow each other.
    """

    good: pl.Expr
    add: Callable[[pl.DataFrame], None]
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows as text, in the file's columns, the first of them in `line`; `end`: the byte behind them."""

    rows: pl.DataFrame
    line: int
    end: int


def pieces(raw: BinaryIO, header: Sequence[str], separator: str, line: int) -> Iterator[Piece]:
    """The plain pieces from where `raw` stands, at that line. It ends before the first piece that is not plain."""
    while text := raw.read(_PIECE_BYTES):
        text += raw.readline()
        rows = _rows(text, header, separator)
        if rows is None:
            return
        yield Piece(rows, line, raw.tell())
        line += rows.height


def _rows(text: bytes, header: Sequence[str], separator: str) -> pl.DataFrame | None:
    """The rows, each of one line; None where that is not sure. polars fills what is short without a word, so the
    separators are counted."""
    lines = text.count(b"\n")
    returns = text.count(b"\r") if b"\r" in text else 0  # to find none takes a tenth of the time
    if not text.endswith(b"\n") or returns not in (0, lines) or (returns and text.count(b"\r\n") != lines):
        return None
    if len(text.translate(None, _SPECIAL)) != len(text):  # five times as fast as a pattern
        return None
    quoted = b'"' in text
    if quoted and not _is_well_quoted(text, len(header), separator):
        return None
    if not quoted and text.count(separator.encode()) != lines * (len(header) - 1):
        return None
    try:
        found = pl.read_csv(
            text.replace(b"\r\n", b"\n") if returns else text,
            has_header=False,
            schema=dict.fromkeys([str(place) for place in range(len(header))], pl.String),
            separator=separator,
            quote_char='"' if quoted else None,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        return None
    longest = found.select(pl.max_horizontal(pl.all().str.len_bytes().max())).item() or 0
    return found if found.height == lines and longest <= _CELL_BYTES_MAX else None


def _is_well_quoted(text: bytes, fields: int, separator: str) -> bool:
    """Whether every line is a row: a quote opens a cell and closes it, or is doubled inside of one."""
    try:
        lines = pl.Series(text.decode().replace("\r\n", "\n").split("\n")[:-1], dtype=pl.String)
    except UnicodeDecodeError:
        return False
    cell = rf'(?:"(?:[^"]|"")*"|[^"{separator}]*)'
    return bool(lines.str.contains(f"^{cell}(?:{separator}{cell}){{{fields - 1}}}$").all())


def exponent(currency: pl.Expr) -> pl.Expr:
    """The decimals of a currency's name in either case; null where it is none that we settle in."""
    return currency.str.to_uppercase().replace_strict(EXPONENTS, default=None, return_dtype=pl.Int64)


def minor_units(column: str, decimals: pl.Expr) -> pl.Expr:
    """A cell in major units, written with just the decimals of its currency, as minor units; null for any other."""
    digits = _digits(column)
    has_dot = digits.str.len_bytes() < pl.col(column).str.len_bytes()
    return pl.when(_in_units(column, decimals, has_dot)).then(digits).cast(pl.Int64, strict=False)


def sure_units(column: str) -> pl.Expr:
    """A cell that was found to be such an amount, as minor units."""
    return _digits(column).cast(pl.Int64)


def _digits(column: str) -> pl.Expr:
    return pl.col(column).str.replace(".", "", literal=True)


def is_minor_units(column: str, decimals: pl.Expr) -> pl.Expr:
    """Whether the cell is such an amount; null where there are no decimals."""
    return _in_units(column, decimals, pl.col(column).str.contains(".", literal=True))


def _in_units(column: str, decimals: pl.Expr, has_dot: pl.Expr) -> pl.Expr:
    # What has a dot has two decimals behind it: so one pattern is enough of both.
    return (decimals == pl.when(has_dot).then(2).otherwise(0)) & pl.col(column).str.contains(_IN_UNITS)


def is_decimal(column: str, places: int) -> pl.Expr:
    """Whether the cell is empty, or a decimal of at most so many places (cells.decimal_of)."""
    written = rf"{_WHOLE_PART}(?:\.[0-9]{{1,{places}}})?" if places else _WHOLE_PART
    return pl.col(column).str.contains(f"^(?:{written})?$")


def decimal(column: str) -> pl.Expr:
    """Such a cell as its number; 0 where it is empty."""
    text = pl.col(column)
    return pl.when(text != "").then(text).cast(SETTLED, strict=False).fill_null(0)


def is_code(column: str) -> pl.Expr:
    """Whether the cell has the form of a currency's code (cells.currency_of)."""
    return pl.col(column).str.contains(_CODE)


def is_time(text: pl.Expr) -> pl.Expr:
    """Whether the cell is a time that exists, of our days (cells.check_time)."""
    return text.str.contains(_TIME) & text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).is_not_null()
