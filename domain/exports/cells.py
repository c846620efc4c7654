"""Cells as text: exact, whole, and run by no program.

The same rows as CSV are what an export's SHA-256 is over, whatever its format.
"""

import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from domain.exports.columns import Column, Holds
from domain.journal.formats import FORMULA
from domain.money import decimal_of, exponent_of

_APOSTROPHE: Final = "'"
_BEHIND_AN_END: Final = re.compile("([;\\t\\r\\n|])([" + re.escape("".join(FORMULA)) + "])")
Sums = dict[tuple[str, str], int]  # by title and currency


def titles(columns: Sequence[Column]) -> list[str]:
    """The header: money has a column more, of its minor units."""
    found = []
    for one in columns:
        found.append(one.title)
        if one.of is Holds.MONEY:
            found.append(f"{one.title} ({one.minor})")
    return found


def money(minor_units: int, currency: str) -> str:
    """With all of the currency's decimals and a point; debits less credits may be below zero."""
    return ("-" if minor_units < 0 else "") + decimal_of(abs(minor_units), exponent_of(currency))


def plain(value: Any, of: Holds) -> str:
    """What a cell says: days as 2026-11-30, moments as 2026-11-30 12:00:00, in UTC."""
    if value is None:
        return ""
    if of is Holds.MOMENT and isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if of is Holds.DAY and isinstance(value, date):
        return value.isoformat()
    return str(value)


def guarded(text: str) -> str:
    """A text that no spreadsheet calculates when it opens a CSV, also one that takes a semicolon for the end of a cell.

    Where lists are divided by semicolons, a spreadsheet divides our lines there, inside of quotes too.
    """
    within = _BEHIND_AN_END.sub(r"\1'\2", text)
    return _APOSTROPHE + within if _begins(within) else within


def _begins(text: str) -> bool:
    return text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)


def unguarded(text: str) -> str:
    """Without the apostrophe that `guarded` puts first."""
    return text[1:] if text.startswith(_APOSTROPHE) and _begins(text[1:]) else text


def line(columns: Sequence[Column], row: Mapping[str, Any]) -> list[str]:
    """A row as cells of a CSV."""
    found = []
    for one in columns:
        value = row.get(one.key)
        if one.of is Holds.MONEY:
            found += ["", ""] if value is None else [money(value, row["currency"]), str(value)]
        else:
            text = plain(value, one.of)
            found.append(guarded(text) if one.of is Holds.TEXT else text)
    return found


class Digest:
    """Of the rows, as they come: how many, what they add up to, and the SHA-256 over them as CSV."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.rows = 0
        self.sums: Sums = {}
        self._columns = columns
        self._hash = hashlib.sha256()
        self._hash.update(written([titles(columns)]))

    def take(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Count them in; gives them as CSV."""
        self.rows += len(rows)
        for row in rows:
            for one in self._columns:
                if one.summed and row.get(one.key) is not None:
                    place = (one.title, row["currency"])
                    self.sums[place] = self.sums.get(place, 0) + row[one.key]
        told = written([line(self._columns, row) for row in rows])
        self._hash.update(told)
        return told

    @property
    def sha256(self) -> str:
        """Hex."""
        return self._hash.hexdigest()


def written(lines: Sequence[Sequence[str]]) -> bytes:
    """CSV as RFC 4180 has it, UTF-8 without a mark."""
    into = io.StringIO(newline="")
    csv.writer(into, lineterminator="\r\n").writerows(lines)
    return into.getvalue().encode("utf-8", "replace")
