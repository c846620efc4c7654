"""Rows of a report that are plain, many at a time: without quotes, each with all its fields, each cell as a rule of
columns wants it. What is not plain is left to the reader of rows (tables), which says what is wrong with it and where.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

import polars as pl

from domain.money import EXPONENTS

_PIECE_BYTES: Final = 8 << 20
_CELL_BYTES_MAX: Final = 30_000
# What CSV, or a program of long ago, may mean otherwise than as text.
_SPECIAL: Final = re.compile(rb'["\x00\x1a\x0b\x0c\x1c-\x1e\x85]|\r(?!\n)')
_WITH_CENTS: Final = r"^-?[0-9]{1,15}\.[0-9]{2}$"
_WITHOUT: Final = r"^-?[0-9]{1,15}$"
_TIME: Final = r"^2[01][0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9] ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"


@dataclass(frozen=True, slots=True)
class Plain:
    """`good` holds only for rows of which the check of rows would say nothing; `add` adds up their control totals."""

    good: pl.Expr
    add: Callable[[pl.DataFrame], None]


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
    if _SPECIAL.search(text) or not text.endswith(b"\n") or text.count(b"\r") not in (0, lines):
        return None
    if text.count(separator.encode()) != lines * (len(header) - 1):
        return None
    try:
        found = pl.read_csv(
            text.replace(b"\r\n", b"\n"),
            has_header=False,
            schema=dict.fromkeys([str(place) for place in range(len(header))], pl.String),
            separator=separator,
            quote_char=None,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        return None
    longest = found.select(pl.max_horizontal(pl.all().str.len_bytes().max())).item() or 0
    return found if found.height == lines and longest <= _CELL_BYTES_MAX else None


def exponent(currency: pl.Expr) -> pl.Expr:
    """The decimals of a currency's name in either case; null where it is none that we settle in."""
    return currency.str.to_uppercase().replace_strict(EXPONENTS, default=None, return_dtype=pl.Int64)


def minor_units(column: str, decimals: pl.Expr) -> pl.Expr:
    """A cell in major units, written with just the decimals of its currency, as minor units; null for any other."""
    text = pl.col(column)
    whole = pl.when((decimals == 0) & text.str.contains(_WITHOUT)).then(text)
    cents = pl.when((decimals == 2) & text.str.contains(_WITH_CENTS)).then(text.str.replace(".", "", literal=True))
    return pl.coalesce(whole, cents).cast(pl.Int64, strict=False)


def is_time(column: str) -> pl.Expr:
    """Whether the cell is a time that exists, of our days (cells.check_time)."""
    text = pl.col(column)
    return text.str.contains(_TIME) & text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).is_not_null()
