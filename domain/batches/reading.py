"""A sheet as cells: xlsx, or csv in whichever of a few encodings it is. Nothing is looked up, and nothing is judged.

What a csv is written in is told by rule: its mark; UTF-8 where all of it is; else the language of its headings, and
where those are ASCII, GB18030 only if each run of other bytes is whole pairs that make Chinese characters, as no text
in Latin letters is for long; else Windows' Latin-1. Which it was is said with the sheet.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from domain.batches import columns
from domain.batches.columns import SheetKind
from domain.exports import workbook
from domain.exports.cells import unguarded
from domain.exports.workbook import COLUMNS_MAX, Places
from domain.journal.formats import FORMULA
from domain.problems import InvalidInput

ROWS_MAX: Final = 10_000
PATH: Final = ["input", "fileId"]
_ZIP: Final = b"PK\x03\x04"
_BETWEEN: Final = (";", ",", "\t")
_OTHER_BYTES: Final = re.compile("[\x80-\xff]+")  # each a letter of Latin-1
_CHINESE: Final = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")
_HEAD_MAX: Final = 64 * 1024  # bytes of headings that are looked at
_LATIN_MAX: Final = 200  # runs of other bytes that are looked at


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of texts, the headings first; `written`: what it was read as."""

    rows: Sequence[Sequence[str]]
    written: str
    formulas: Places = frozenset()
    numbers: Places = frozenset()

    @property
    def header(self) -> Sequence[str]:
        """The first row. Raises IndexError where there is none."""
        return self.rows[0]


def read(given: bytes, kind: SheetKind) -> Grid:
    """The cells of a file. Raises InvalidInput where it cannot be read, or has more than ROWS_MAX rows."""
    if given.startswith(_ZIP):
        cells = workbook.read(given, ROWS_MAX)
        sheet = Grid(cells.rows, "xlsx", cells.formulas, cells.numbers)
    else:
        sheet = _csv(given, kind)
    if not sheet.rows:
        raise InvalidInput("The file is empty.", path=PATH)
    if len(sheet.rows) > ROWS_MAX + 1:
        raise InvalidInput(f"A sheet may have {ROWS_MAX} rows: bring it in parts.", path=PATH)
    return sheet


def _csv(given: bytes, kind: SheetKind) -> Grid:
    text, encoding = decoded(given, kind)
    between = _between(text[:_HEAD_MAX].partition("\n")[0])
    found: list[list[str]] = []
    formulas = set()
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True):
            if len(row) > COLUMNS_MAX or len(found) > ROWS_MAX:
                raise InvalidInput(f"A sheet may have {ROWS_MAX} rows and {COLUMNS_MAX} columns.", path=PATH)
            formulas |= {(len(found), place) for place, cell in enumerate(row) if _calculates(cell)}
            found.append([unguarded(cell) for cell in row])
    except csv.Error as error:
        raise InvalidInput(f"The CSV cannot be read: {error}.", path=PATH) from None
    told = {"\t": "tabs"}.get(between, between)
    return Grid(found, f"csv, {encoding}, divided by {told}", frozenset(formulas))


def _calculates(cell: str) -> bool:
    """Whether a spreadsheet calculates it: what begins as a number below zero or with a sign is judged as an amount."""
    told = cell.strip()
    return told.startswith(FORMULA) and re.fullmatch(r"[+-][0-9.,]{1,40}", told) is None


def _between(head: str) -> str:
    outside = re.sub(r'"[^"]*"', "", head)
    return max(_BETWEEN, key=outside.count)


def decoded(given: bytes, kind: SheetKind) -> tuple[str, str]:
    """The text, and the name of what it was written in. Raises InvalidInput where it is binary."""
    if b"\x00" in given[:4_096]:
        raise InvalidInput("The file is neither a workbook (xlsx) nor a text (csv); save it as one of them.", path=PATH)
    try:
        return given.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        pass
    encoding = _by_headings(given, kind) or ("gb18030" if _is_chinese(given) else "cp1252")
    name = {"gb18030": "GB18030", "cp1252": "Latin-1"}[encoding]
    return given.decode(encoding, "replace"), name


def _by_headings(given: bytes, kind: SheetKind) -> str | None:
    """As the headings say that are known in one reading and not in the other, or are of one language; None: ASCII."""
    head = given.partition(b"\n")[0]
    if head.isascii():
        return None
    known = columns.known(kind)

    def counted(encoding: str) -> int:
        text = head[:_HEAD_MAX].decode(encoding, "replace")
        return sum(columns.plain(cell.strip(' "\r')) in known for cell in text.split(_between(text))[:COLUMNS_MAX])

    chinese, latin = counted("gb18030"), counted("cp1252")
    return None if chinese == latin else "gb18030" if chinese > latin else "cp1252"


def _is_chinese(given: bytes) -> bool:
    found = _OTHER_BYTES.finditer(given.decode("latin-1"))
    runs = [match.group().encode("latin-1") for match in islice(found, _LATIN_MAX)]
    if any(len(run) % 2 for run in runs):
        return False
    try:
        return all(_CHINESE.fullmatch(run.decode("gb18030")) for run in runs)
    except UnicodeDecodeError:
        return False
