"""A sheet of findings that came back: which row says what of which finding. Nothing is looked up here."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.exports import headings, workbook
from domain.exports.cells import unguarded
from domain.exports.columns import DECISION, FACTS, FINDING_ID
from domain.exports.workbook import COLUMNS_MAX, ROWS_MAX, Cells
from domain.journal.formats import FORMULA
from domain.platform import node_ids
from domain.problems import InvalidInput

_ZIP: Final = b"PK\x03\x04"
_NEEDED: Final = (FINDING_ID, FACTS, DECISION[0].title)
_CELL_MAX: Final = 4_000  # characters of a cell that somebody fills in
_TITLES: Final[Mapping[str, str]] = {one.title: one.key for one in DECISION}
_KEYS: Final[Mapping[str, str]] = {one.key: one.title for one in DECISION}


@dataclass(frozen=True, slots=True)
class SheetLine:
    """What one row says, in the words of its cells. `row` as a spreadsheet counts: the header is 1.

    `formulas`: what the columns are called whose cells hold one. `heads`: what this sheet calls the columns that people
    fill in, by their keys.
    """

    row: int
    finding: str
    facts: str
    decision: str = ""
    note: str = ""
    account: str = ""
    came: str = ""
    duplicate_of: str = ""
    assign_to: str = ""
    formulas: tuple[str, ...] = ()
    heads: tuple[tuple[str, str], ...] = ()

    def head(self, key: str) -> str:
        """What the sheet calls a column; what we do where it has none."""
        return dict(self.heads).get(key) or _KEYS[key]


def read(given: bytes) -> list[SheetLine]:
    """The rows that say something. Raises InvalidInput where the file is no such sheet."""
    cells = workbook.read(given) if given.startswith(_ZIP) else _csv(given)
    if not cells.rows:
        raise InvalidInput("The file is empty.", path=["fileId"])
    if len(cells.rows) > ROWS_MAX + 1:
        raise InvalidInput(f"A sheet may have {ROWS_MAX} rows: apply it in parts.", path=["fileId"])
    places = _places(cells.rows[0])
    found = [_line(at, row, places, cells) for at, row in enumerate(cells.rows[1:], start=1)]
    return [one for one in found if one is not None]


def _places(header: Sequence[str]) -> Mapping[str, int]:
    places: dict[str, int] = {}
    names = [unguarded(title.strip()) for title in header]
    for place, title in enumerate(names):
        english = headings.decisions().get(title, title)
        name = title if english in names else english  # beside ours a column of one's own may be called anything
        if name in places and (name in _NEEDED or name in _TITLES):
            raise InvalidInput(f"Two columns are called {name}.", path=["fileId"])
        places.setdefault(name, place)
    if lacking := [one for one in _NEEDED if one not in places]:
        raise InvalidInput(
            f"The first row has no column {', '.join(lacking)}: fill in an export of FINDINGS, and leave its columns.",
            path=["fileId"],
        )
    return places


def _line(at: int, row: Sequence[str], places: Mapping[str, int], cells: Cells) -> SheetLine | None:
    said: dict[str, str] = {}
    heads = {
        key: unguarded(cells.rows[0][places[title]].strip())[:80] for title, key in _TITLES.items() if title in places
    }
    formulas = []
    for title, key in _TITLES.items():
        place = places.get(title)
        if place is None or place >= len(row):
            continue
        said[key] = row[place].replace("\x00", "").strip()[:_CELL_MAX]
        if (at, place) in cells.formulas:
            formulas.append(heads[key])
    if not any(said.values()) and not formulas:
        return None
    told = [row[places[title]].strip()[:200] if places[title] < len(row) else "" for title in (FINDING_ID, FACTS)]
    return SheetLine(at + 1, told[0], told[1], **said, formulas=tuple(formulas), heads=tuple(heads.items()))


def _csv(given: bytes) -> Cells:
    try:
        text = given.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = given.decode("cp1252", "replace")
    head = text.partition("\n")[0]
    between = ";" if head.count(";") > head.count(",") else ","
    found: list[list[str]] = []
    formulas = set()
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True):
            if len(row) > COLUMNS_MAX or len(found) > ROWS_MAX:
                raise InvalidInput(f"A sheet may have {ROWS_MAX} rows and {COLUMNS_MAX} columns.", path=["fileId"])
            formulas |= {(len(found), place) for place, cell in enumerate(row) if cell.strip().startswith(FORMULA)}
            found.append([unguarded(cell) for cell in row])
    except csv.Error as error:
        raise InvalidInput(f"The CSV cannot be read: {error}.", path=["fileId"]) from None
    return Cells(found, frozenset(formulas))


def id_of(told: str) -> UUID | None:
    """A finding's id, as the sheet or the API has it; None: it is none."""
    return node_ids.id_of("Finding", told)
