"""A workbook that somebody hands in, unpacked within bounds before anything reads it.

What its directory says is not believed: each part is unpacked here, up to what it says and no further, and what goes on
to the reader is packed anew without compression. A cell far out would have the reader make room for all before it, so
cells are looked at first; so are formulas, of which the reader shows but what they once came to.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import fastexcel
from lxml import etree

from domain.problems import InvalidInput

ROWS_MAX: Final = 100_000
COLUMNS_MAX: Final = 60
_PARTS_MAX: Final = 200
_UNPACKED_MAX: Final = 192 * 1024 * 1024
_FORMULA: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}f"
_CELL: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}c"
_PLACE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_SHEET: Final = re.compile(r"xl/worksheets/[^/]{1,100}\.xml", re.IGNORECASE)
_WRONG: Final = (
    zipfile.BadZipFile,
    zlib.error,
    etree.XMLSyntaxError,
    fastexcel.FastExcelError,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows of texts, the header first; `formulas`: places (row, column), counted from 0, that hold one."""

    rows: list[list[str]]
    formulas: frozenset[tuple[int, int]]


def read(given: bytes) -> Cells:
    """The first sheet. Raises InvalidInput."""
    try:
        parts = _unpacked(given)
        formulas = _looked_at(parts)
        reader = fastexcel.read_excel(_stored(parts))
        sheet = reader.load_sheet(0, header_row=None, dtypes="string", skip_whitespace_tail_rows=False)
        frame = sheet.to_polars()
    except InvalidInput:
        raise
    except _WRONG as error:
        raise InvalidInput(
            f"The workbook cannot be read ({type(error).__name__}); save it again as .xlsx.", path=["fileId"]
        ) from None
    return Cells([[cell or "" for cell in row] for row in frame.iter_rows()], formulas)


def _unpacked(given: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        found = packed.infolist()
        if len(found) > _PARTS_MAX or sum(one.file_size for one in found) > _UNPACKED_MAX:
            raise InvalidInput("The workbook is too large when it is unpacked.", path=["fileId"])
        # zipfile gives no more of a part than its directory says, and checks that it is all.
        return {one.filename: packed.read(one) for one in found if not one.is_dir()}


def _stored(parts: Mapping[str, bytes]) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return into.getvalue()


def _looked_at(parts: Mapping[str, bytes]) -> frozenset[tuple[int, int]]:
    """Where formulas are in any sheet: a sheet of decisions has none. Raises InvalidInput for cells far out."""
    return frozenset(place for name, content in parts.items() if _SHEET.fullmatch(name) for place in _formulas(content))


def _formulas(content: bytes) -> Iterator[tuple[int, int]]:
    seen = etree.iterparse(
        io.BytesIO(content), events=("end",), tag=_CELL, resolve_entities=False, no_network=True, huge_tree=False
    )
    for _, cell in seen:
        row, column = _place(cell.get("r"))
        if row > ROWS_MAX or column >= COLUMNS_MAX:
            raise InvalidInput(
                f"A sheet may have {ROWS_MAX} rows and {COLUMNS_MAX} columns; {cell.get('r')} is outside.",
                path=["fileId"],
            )
        if cell.find(_FORMULA) is not None:
            yield row, column
        cell.clear()
        while cell.getprevious() is not None:
            del cell.getparent()[0]


def _place(told: str | None) -> tuple[int, int]:
    """Row and column of a cell's name, from 0. Raises InvalidInput for a cell without one, which nobody can judge."""
    match = _PLACE.fullmatch(told or "")
    if match is None:
        raise InvalidInput("A cell of the workbook does not say where it is; save it again.", path=["fileId"])
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]) - 1, column - 1
