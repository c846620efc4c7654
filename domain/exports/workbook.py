"""A workbook that somebody hands in, unpacked within bounds before anything reads it.

What its directory says is not believed: each part is unpacked here, up to what it says and no further, and what goes on
to the reader is packed anew without compression. A cell far out would have the reader make room for all before it, so
cells are looked at first; so are formulas, of which the reader shows but what they once came to. Each tag is a step of
ours, so tags are counted before they are walked through.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

import fastexcel
from lxml import etree

from domain.exports import shared_texts
from domain.problems import InvalidInput

ROWS_MAX: Final = 100_000
COLUMNS_MAX: Final = 60
_PARTS_MAX: Final = 200
_UNPACKED_MAX: Final = 192 * 1024 * 1024
# The reader minds local names and no namespace, and follows the relations to wherever a sheet is; so do we.
_CELL, _FORMULA, _VALUE = "c", "f", "v"
_HOLDS_CELLS: Final = b"sheetData"
_TAGS_MAX: Final = 2_500_000  # of all sheets: more than half a million cells
_TEXT_BYTES_MAX: Final = 64 * 1024 * 1024  # of a sheet's cells together, whether or not they share them
_SHARED: Final = "s"  # how a cell is typed that holds the number of a text
_NUMBERS: Final = frozenset({None, "n", "d"})  # how a cell is typed that holds a number, or a day
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00")  # how a text begins whose tags are not read as they are written
_OTHERS: Final = frozenset(
    {"content.xml", "mimetype", "xl/workbook.bin"}
)  # of kinds that the reader would take as well
_LISTED: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}sheet"
_BY_NAME: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PARTS, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_TOO_MANY: Final = "The workbook has too many cells; bring it in parts."
_PLACE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_WRONG: Final = (
    zipfile.BadZipFile,
    zlib.error,
    etree.XMLSyntaxError,
    expat.ExpatError,
    fastexcel.FastExcelError,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
)
Places = frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows of texts, the header first; `formulas`: places (row, column), counted from 0, that hold one.

    `numbers`: places that hold a number, or a day, and no text.
    """

    rows: list[list[str]]
    formulas: Places
    numbers: Places = frozenset()


def read(given: bytes, rows_max: int = ROWS_MAX) -> Cells:
    """The first sheet; `rows_max` besides the header. Raises InvalidInput."""
    try:
        parts = _unpacked(given)
        formulas, numbers = _looked_at(parts, rows_max)
        reader = fastexcel.read_excel(_stored(parts))
        sheet = reader.load_sheet(0, header_row=None, dtypes="string", skip_whitespace_tail_rows=False)
        frame = sheet.to_polars()
    except InvalidInput:
        raise
    except _WRONG as error:
        raise InvalidInput(
            f"The workbook cannot be read ({type(error).__name__}); save it again as .xlsx.", path=["fileId"]
        ) from None
    return Cells([[cell or "" for cell in row] for row in frame.iter_rows()], formulas, numbers)


def _unpacked(given: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        found = packed.infolist()
        if len(found) > _PARTS_MAX or sum(one.file_size for one in found) > _UNPACKED_MAX:
            raise InvalidInput("The workbook is too large when it is unpacked.", path=["fileId"])
        if not _OTHERS.isdisjoint(one.filename.replace("\\", "/").lstrip("/").lower() for one in found):
            raise InvalidInput("The file is another kind of workbook; save it as .xlsx.", path=["fileId"])
        # zipfile gives no more of a part than its directory says, and checks that it is all.
        return {one.filename: packed.read(one) for one in found if not one.is_dir()}


def _stored(parts: Mapping[str, bytes]) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return into.getvalue()


def _looked_at(parts: Mapping[str, bytes], rows_max: int) -> tuple[Places, Places]:
    """Where formulas are in any sheet (a sheet that comes back has none), and numbers in the first.

    Raises InvalidInput for cells far out, and for more of them than anybody fills in.
    """
    sheets = {name: content for name, content in parts.items() if _HOLDS_CELLS in content}
    shared = shared_texts.part_of(parts)
    if any(b"<!DOCTYPE" in content for content in (*sheets.values(), *shared)):
        raise InvalidInput("The workbook declares a document type, which no spreadsheet does.", path=["fileId"])
    for name, content in parts.items():
        if content.startswith(_WIDE) and name.lower().endswith((".xml", ".rels")):
            raise InvalidInput("The workbook is not written in UTF-8; save it again as .xlsx.", path=["fileId"])
    for contents in (sheets.values(), shared):
        if sum(content.count(b"<") for content in contents) > _TAGS_MAX:
            raise InvalidInput(_TOO_MANY, path=["fileId"])
    lengths = shared_texts.lengths(parts)
    first, formulas, numbers = _first(parts), set(), set()
    for name, content in sheets.items():
        seen = _Cells(rows_max, lengths)
        seen.look_at(content)
        formulas |= seen.formulas
        if name == first:
            numbers = seen.numbers
    return frozenset(formulas), frozenset(numbers)


def _first(parts: Mapping[str, bytes]) -> str | None:
    """The part that is the workbook's first sheet, as the reader counts them; None: it does not say."""
    listed, named = parts.get(_PARTS), parts.get(_RELATIONS)
    if listed is None or named is None:
        return None
    sheet = next(_parsed(listed).iter(_LISTED), None)
    wanted = None if sheet is None else sheet.get(_BY_NAME)
    targets = {one.get("Id"): one.get("Target") or "" for one in _parsed(named)}
    target = targets.get(wanted, "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _parsed(content: bytes) -> etree._Element:
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))


class _Cells:
    """Where a sheet has formulas, and where numbers. Names are known without what stands before their colon."""

    def __init__(self, rows_max: int, lengths: Sequence[int]) -> None:
        self.formulas: set[tuple[int, int]] = set()
        self.numbers: set[tuple[int, int]] = set()
        self._rows_max = rows_max
        self._depth = 0
        self._cell_at = 0  # the depth of the cell that is looked at; 0: there is none
        self._place = (0, 0)
        self._type: str | None = None
        self._lengths = lengths  # of the texts that cells share, in bytes
        self._written = 0  # of those that they have
        self._number: list[str] | None = None  # of such a text, while it is told

    def look_at(self, content: bytes) -> None:
        """Raises InvalidInput, ExpatError."""
        # By UTF-8 whatever it declares, as the reader: what one of them takes for a text is a tag to neither.
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._said
        parser.CommentHandler = self._said_beside
        parser.Parse(content, True)

    def _said(self, text: str) -> None:
        if self._number is not None:
            self._number.append(text)

    def _said_beside(self, text: str) -> None:
        if self._number is not None:
            raise ValueError("Something stands within the number of a text.")

    def _begins(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._said_beside(name)
        plain = name.rpartition(":")[2]
        if plain == _CELL:
            if self._cell_at:
                raise ValueError("A cell stands in another one.")
            self._cell_at = self._depth
            self._type = attributes.get("t")
            self._place = self._inside(attributes.get("r"))
        elif self._depth == self._cell_at + 1 and self._cell_at:
            if plain == _FORMULA:
                self.formulas.add(self._place)
            elif plain == _VALUE and self._type in _NUMBERS:
                self.numbers.add(self._place)
            elif plain == _VALUE and self._type == _SHARED:
                self._number = []

    def _ends(self, name: str) -> None:
        if self._number is not None:
            self._write("".join(self._number))
            self._number = None
        if self._depth == self._cell_at:
            self._cell_at = 0
        self._depth -= 1

    def _write(self, number: str) -> None:
        """Raises InvalidInput where the texts come to more than a sheet may have, ValueError for what is no number."""
        if not number.strip():
            return  # it has none
        place = int(number)
        self._written += self._lengths[place] if 0 <= place < len(self._lengths) else 0
        if self._written > _TEXT_BYTES_MAX:
            raise InvalidInput(_TOO_MANY, path=["fileId"])

    def _inside(self, named: str | None) -> tuple[int, int]:
        row, column = place = _place(named)
        if row > self._rows_max or column >= COLUMNS_MAX:
            raise InvalidInput(
                f"A sheet may have {self._rows_max} rows and {COLUMNS_MAX} columns; {named} is outside.",
                path=["fileId"],
            )
        return place


def _place(told: str | None) -> tuple[int, int]:
    """Row and column of a cell's name, from 0. Raises InvalidInput for a cell without one, which nobody can judge."""
    match = _PLACE.fullmatch(told or "")
    if match is None:
        raise InvalidInput("A cell of the workbook does not say where it is; save it again.", path=["fileId"])
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match[2]) - 1, column - 1
