"""Tables for people who open them in a spreadsheet: no cell begins as a formula does."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
                   "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip


def cell(value: Any) -> str:
    """A value as text. What a spreadsheet would calculate, also behind spaces, has an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, default=str)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) and not isinstance(value, (int, float)) else text


def line(values: Iterable[Any]) -> str:
    """One line of CSV (RFC 4180), ended."""
    into = io.StringIO()
    csv.writer(into).writerow([cell(one) for one in values])
    return into.getvalue()


def csv_of(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> bytes:
    """A whole table, UTF-8."""
    return "".join([line(header), *(line(one) for one in lines)]).encode()
