"""An export's file, written as the rows come: of all of them no more than a page is in memory.

XLSX has its control on a second sheet; CSV and Parquet lie in a ZIP beside `control.csv`.
"""

import codecs
import errno
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from domain.exports.asked import Format
from domain.exports.cells import Digest, money, plain, titles, written
from domain.exports.columns import ROWS_MAX, Column, Holds
from domain.money import exponent_of
from domain.platform.outages import NO_ROOM_IN_WORDS

XLSX_ROWS_MAX: Final = 1_048_575  # and a header
MOST: Final[Mapping[Format, int]] = {
    Format.XLSX: min(ROWS_MAX, XLSX_ROWS_MAX),
    Format.CSV: ROWS_MAX,
    Format.PARQUET: ROWS_MAX,
}
_CELL_MAX: Final = 32_767  # characters, of a spreadsheet
_CUT: Final = " … (cut: a cell holds no more)"
_DIGITS_MAX: Final = 15  # of a number that a spreadsheet keeps exactly
_DECIMALS: Final = 3  # that any currency has
_CUT_OFF: Final = "transport error"  # polars, of a file that takes no more
_MARK: Final = codecs.BOM_UTF8  # else a spreadsheet takes it for another encoding
Rows = Sequence[Mapping[str, Any]]


class Writer(ABC):
    """One file in the making. `folder` is the caller's to remove."""

    def __init__(self, folder: Path, columns: Sequence[Column], name: str) -> None:
        self.columns, self.folder, self.name = columns, folder, name
        self.digest = Digest(columns)

    @abstractmethod
    def take(self, rows: Rows) -> None:
        """Write a page."""

    @abstractmethod
    def drop(self) -> None:
        """End without a file: what lies open is closed."""

    @abstractmethod
    def close(self, control: Sequence[Sequence[str]]) -> Path:
        """Write what says what is in it, and end; gives the file."""


class Xlsx(Writer):
    """Text cells are text whatever they begin with; money is a number with the currency's decimals."""

    def __init__(self, folder: Path, columns: Sequence[Column], name: str) -> None:
        super().__init__(folder, columns, name)
        self._path = folder / "export.xlsx"
        self._book = xlsxwriter.Workbook(
            str(self._path),
            {
                "constant_memory": True,
                "tmpdir": str(folder),
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "default_date_format": "yyyy-mm-dd",
            },
        )
        self._sheet = self._book.add_worksheet("Export")
        self._bold = self._book.add_format({"bold": True})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._text = self._book.add_format({"num_format": "@"})
        self._money: dict[int, Any] = {}
        self._at = 1
        self._head()

    def _head(self) -> None:
        self._sheet.freeze_panes(1, 0)
        place = 0
        for one in self.columns:
            wide = 2 if one.of is Holds.MONEY else 1
            options = {"hidden": True} if one.hidden else {}
            self._sheet.set_column(place, place + wide - 1, 18, self._text if one.of is Holds.TEXT else None, options)
            if one.choices:  # what is written otherwise is warned of, and read all the same
                offered = {"validate": "list", "source": list(one.choices), "error_type": "warning"}
                self._sheet.data_validation(1, place, XLSX_ROWS_MAX, place, offered)
            place += wide
        for place, title in enumerate(titles(self.columns)):
            self._sheet.write_string(0, place, title, self._bold)

    def take(self, rows: Rows) -> None:
        self.digest.take(rows)
        for row in rows:
            place = 0
            for one in self.columns:
                place += self._cell(place, one, row)
            self._at += 1

    def _cell(self, place: int, column: Column, row: Mapping[str, Any]) -> int:
        """How many cells it has become."""
        value, at = row.get(column.key), self._at
        wide = 2 if column.of is Holds.MONEY else 1
        if value is None:
            return wide
        if column.of is Holds.MONEY:
            told = money(value, row["currency"])
            self._number(at, place, told, self._decimals(exponent_of(row["currency"])))
            self._sheet.write_string(at, place + 1, str(value), self._text)
        elif column.of is Holds.MOMENT:
            moment = value.astimezone(UTC).replace(tzinfo=None, microsecond=0)
            self._sheet.write_datetime(at, place, moment, self._moment)
        elif column.of is Holds.DAY:
            self._sheet.write_datetime(at, place, datetime(value.year, value.month, value.day), self._day)
        elif column.of is Holds.COUNT:
            self._number(at, place, str(value), None)
        else:
            self._string(at, place, str(value))
        return wide

    def _number(self, row: int, place: int, told: str, format_: Any) -> None:
        """A spreadsheet's numbers have 15 digits: what has more is a text, and whole."""
        if sum(letter.isdigit() for letter in told) <= _DIGITS_MAX:
            self._sheet.write_number(row, place, Decimal(told), format_)
        else:
            self._sheet.write_string(row, place, told, self._text)

    def _string(self, row: int, place: int, text: str) -> None:
        if text:
            whole = text if len(text) <= _CELL_MAX else text[: _CELL_MAX - len(_CUT)] + _CUT
            self._sheet.write_string(row, place, whole, self._text)

    def _decimals(self, exponent: int) -> Any:
        if exponent not in self._money:
            form = "#,##0" + ("." + "0" * exponent if exponent else "")
            self._money[exponent] = self._book.add_format({"num_format": form})
        return self._money[exponent]

    def close(self, control: Sequence[Sequence[str]]) -> Path:
        sheet = self._book.add_worksheet("Control")
        for at, cells in enumerate(control):
            for place, text in enumerate(cells):
                sheet.write_string(at, place, text[:_CELL_MAX])
        try:
            self._book.close()
        except FileCreateError as error:
            raise OSError(*error.args[0].args) from error  # as a full disk tells it
        finally:
            self.drop()
        return self._path

    def drop(self) -> None:
        """What it works with is closed, and nothing written: where there is no room, what is open would hold some."""
        self._book.fileclosed = True
        for sheet in self._book.worksheets():
            for file in (sheet.fh, sheet.row_data_fh):
                _let_go(file)


class Csv(Writer):
    """UTF-8 with its mark, commas, RFC 4180."""

    def __init__(self, folder: Path, columns: Sequence[Column], name: str) -> None:
        super().__init__(folder, columns, name)
        self._data = folder / "data.csv"
        self._file = self._data.open("wb")
        self._file.write(_MARK + written([titles(columns)]))

    def take(self, rows: Rows) -> None:
        self._file.write(self.digest.take(rows))

    def close(self, control: Sequence[Sequence[str]]) -> Path:
        self._file.close()
        return _packed(self.folder, self._data, f"{self.name}.csv", control)

    def drop(self) -> None:
        _let_go(self._file)


class Parquet(Writer):
    """Days, moments in UTC, money as decimals with three places, and its minor units as whole decimals."""

    def __init__(self, folder: Path, columns: Sequence[Column], name: str) -> None:
        super().__init__(folder, columns, name)
        self._schema = _schema(columns)
        self._parts: list[Path] = []
        self._part([])

    def take(self, rows: Rows) -> None:
        self.digest.take(rows)
        self._part(rows)

    def _part(self, rows: Rows) -> None:
        cells: dict[str, list[Any]] = {title: [] for title in self._schema}
        for row in rows:
            for one in self.columns:
                value = row.get(one.key)
                if one.of is Holds.MONEY:
                    told = None if value is None else Decimal(money(value, row["currency"]))
                    cells[one.title].append(told)
                    cells[f"{one.title} ({one.minor})"].append(None if value is None else Decimal(value))
                else:
                    is_text = one.of is Holds.TEXT and value is not None
                    cells[one.title].append(plain(value, one.of) if is_text else value)
        part = self.folder / f"part-{len(self._parts)}.arrow"
        pl.DataFrame(cells, schema=self._schema).write_ipc(part)
        self._parts.append(part)

    def close(self, control: Sequence[Sequence[str]]) -> Path:
        data = self.folder / "data.parquet"
        try:
            pl.scan_ipc(self._parts).sink_parquet(data)
        except pl.exceptions.ComputeError as error:
            if _CUT_OFF in str(error):
                raise OSError(errno.ENOSPC, NO_ROOM_IN_WORDS) from error
            raise
        return _packed(self.folder, data, f"{self.name}.parquet", control)

    def drop(self) -> None:
        self._parts.clear()


def _let_go(file: Any) -> None:
    """Close it, whatever of it cannot be written any more."""
    with suppress(OSError):
        if file is not None:
            file.close()


def _schema(columns: Sequence[Column]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in columns:
        if one.of is Holds.MONEY:
            found[one.title] = pl.Decimal(38, _DECIMALS)
            found[f"{one.title} ({one.minor})"] = pl.Decimal(38, 0)
        else:
            found[one.title] = _TYPES[one.of]
    return found


_TYPES: Final[Mapping[Holds, Any]] = {
    Holds.TEXT: pl.String,
    Holds.DAY: pl.Date,
    Holds.MOMENT: pl.Datetime("us", "UTC"),
    Holds.COUNT: pl.Int64,
}


def _packed(folder: Path, data: Path, name: str, control: Sequence[Sequence[str]]) -> Path:
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(data, name)
        packed.writestr("control.csv", _MARK + written(control))
    return path


WRITERS: Final[Mapping[Format, type[Writer]]] = {Format.XLSX: Xlsx, Format.CSV: Csv, Format.PARQUET: Parquet}
ENDINGS: Final[Mapping[Format, str]] = {Format.XLSX: "xlsx", Format.CSV: "zip", Format.PARQUET: "zip"}
