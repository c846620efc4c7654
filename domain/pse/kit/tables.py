"""Reading CSV reports without guessing: by header name, every row counted, every cell checked, in bounded memory.

polars alone rounds excess decimals, fills short rows and takes a cut file for a whole one (all silently), so the rows
are read as text first, one by one; what passes is columns, of a large file in files beside it, for polars to work on
lazily.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from domain.pse.kit import texts
from domain.pse.kit.cells import BadCell, BadRow, Row
from domain.pse.kit.plain import Plain, pieces
from domain.pse.kit.unclear import Unclear
from domain.pse.reporting import BadReport, ReportFile

if TYPE_CHECKING:
    from _csv import Reader

# The column that `read` adds: what in the row nobody understands, in the row's own words; "" where all is clear.
UNCLEAR: Final = "unclear"
_BLANK: Final = " \t\r\n\x1a"
# Of a file: as text in columns its rows take some two and a half times as much, less than a report's match does.
_IN_MEMORY_BYTES_MAX: Final = 192 << 20
_FEW_BYTES: Final = 8 << 10  # of a file: to find what is plain takes longer than to look at its rows one by one
_CHUNK_ROWS: Final = 50_000
_RUNS_MAX: Final = 500  # of rows that are good, or not: more are sooner looked at one by one
_CELL_CHARACTERS_MAX: Final = 131_072
csv.field_size_limit(_CELL_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns a report must have, and how it is written: a table of `layouts` in a words.toml."""

    needed: Sequence[str]
    optional: Sequence[str] = ()  # "" in every row where the column is absent
    separators: str = ",;"  # the one that finds the needed columns is taken
    header_line: int = 1  # the line of the column names, from 1
    ends_with_newline: bool = True  # False where control totals prove that the file was not cut
    strict: bool = True  # False where the PSE is known to write quotes that CSV does not allow
    title: str = ""  # what the PSE calls the report
    others: Mapping[str, str] = field(default_factory=dict)  # a name in the first line of another report -> its title
    columns: Mapping[str, str] = field(default_factory=dict)  # canonical column -> the one that says it as it stands
    totals: Mapping[str, str] = field(default_factory=dict)  # control total -> the column that it is the sum of


_Kept = pl.DataFrame | str  # rows, or the path of the column file beside the report in which they are
RowCheck = Callable[[int, Row], str | None]


class _Place(NamedTuple):
    """Where in a file something begins: a byte, and a line from 1."""

    byte: int
    line: int


def read(
    file: ReportFile, layout: Layout, check: RowCheck, unclear: Unclear | None = None, plain: Plain | None = None
) -> pl.LazyFrame:
    """The rows behind the header as text, in the layout's columns, with `line` (from 1, as an editor counts).

    `check` sees each row, with all of these columns, and its line, and raises BadCell for what cannot be used; it may
    add up control totals, before it raises BadRow. The text that it gives is kept in the column UNCLEAR, and counted by
    `unclear`: with it, a BadRow makes its row unclear, as long as most rows are not. Raises BadReport.
    `plain` finds many good rows at once: of a file of more than a few, `check` sees the others alone.
    """
    _whole(file, layout)
    counted = _Counted(file, layout, check, unclear)
    made, begins = list[_Kept](), None
    if plain is not None and file.path.stat().st_size > _FEW_BYTES:
        made, begins = _plain_pieces(file, layout, counted, plain)
    made += _pieces(file, layout, _rows(file, layout, counted, begins), len(made))
    counted.trust()
    if not made:
        schema = {"line": pl.Int64(), **{name: pl.String() for name in _columns(layout)}}
        return pl.LazyFrame(schema=schema)
    in_memory = [one for one in made if isinstance(one, pl.DataFrame)]
    return pl.concat(in_memory).lazy() if in_memory else pl.scan_ipc([one for one in made if isinstance(one, str)])


def first_row(file: ReportFile, layout: Layout, check: RowCheck) -> Row:
    """The row next below the header, which there must be: totals that stand above a table. Raises BadReport."""
    return next(_rows(file, layout, check))[1]


class _Counted:
    """A check whose words are counted. Without `unclear` no row may be bad."""

    def __init__(self, file: ReportFile, layout: Layout, check: RowCheck, unclear: Unclear | None) -> None:
        self._file, self._layout, self._check, self._unclear = file, layout, check, unclear
        self._good = self._bad = 0
        self._first: BadReport | None = None

    def __call__(self, line: int, row: Row) -> str | None:
        try:
            words = self._check(line, row)
            self._good += 1
        except BadRow as error:
            if self._unclear is None:
                raise
            self._bad += 1
            self._first = self._first or BadReport(self._file.name, str(error), line=line, column=error.column)
            words = f"{row.get(self._layout.columns.get('kind', ''), '')[:40] or 'a row'} {error.why}"
        return (self._unclear or Unclear()).add(line, words) if words else None

    def add_good(self, rows: int) -> None:
        """Count rows that were found good without being looked at one by one."""
        self._good += rows

    def trust(self) -> None:
        """Raises the first BadReport where most rows are bad: they are not what this reader thinks."""
        if self._first is not None and self._bad > self._good:
            raise self._first


def _columns(layout: Layout) -> Sequence[str]:
    return (*layout.needed, *layout.optional, UNCLEAR)


def _whole(file: ReportFile, layout: Layout) -> None:
    texts.check_text(file)
    if layout.ends_with_newline and not texts.ends_with_newline(file):
        raise BadReport(file.name, "the file does not end with a line break: it was cut; fetch it again.")


def _header(file: ReportFile, layout: Layout, text: io.TextIOBase) -> tuple[str, list[str]]:
    try:
        lines = [text.readline() for _ in range(layout.header_line)]
    except UnicodeDecodeError as error:
        raise texts.not_utf8(file) from error
    split = {mark: next(csv.reader([lines[-1]], delimiter=mark), []) for mark in layout.separators}
    separator, header = max(split.items(), key=lambda one: sum(name in one[1] for name in layout.needed))
    for name in (*layout.needed, *layout.optional):
        if name in layout.needed and name not in header:
            raise _another_layout(file, layout, lines[0], name)
        if header.count(name) > 1:
            raise BadReport(file.name, "the column is there twice.", line=layout.header_line, column=name)
    return separator, header


def _another_layout(file: ReportFile, layout: Layout, first: str, missing: str) -> BadReport:
    wanted = f" The wanted one is {layout.title}." if layout.title else ""
    names = [name.strip('" \r\n\ufeff') for name in re.split("[,;]", first)]
    for name, title in layout.others.items():
        if name in names:
            return BadReport(file.name, f"it is another report, {title}.{wanted}", line=1)
    return BadReport(file.name, f"the column is missing.{wanted}", line=layout.header_line, column=missing)


def _records(file: ReportFile, reader: "Reader", layout: Layout, behind: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Each record behind the header with the line it begins on; the reader begins `behind` so many lines."""
    begins = behind + 1
    try:
        for record in reader:
            # A row of nothing but separators says nothing; Ctrl-Z is how old programs end a file.
            if begins > layout.header_line and any(cell.strip(_BLANK) for cell in record):
                yield begins, record
            begins = behind + reader.line_num + 1
    except UnicodeDecodeError as error:
        raise texts.not_utf8(file) from error
    except csv.Error as error:
        raise BadReport(file.name, f"the row is not CSV ({error}); fetch it again.", line=begins) from error


def _rows(file: ReportFile, layout: Layout, check: RowCheck, begins: _Place | None = None) -> Iterator[tuple[int, Row]]:
    """Each row by its columns, with its line; in UNCLEAR what `check` says of it. `begins`: the first of them."""
    absent = dict.fromkeys(layout.optional, "")
    with file.path.open(encoding="utf-8-sig", errors="strict", newline="") as text:
        separator, header = _header(file, layout, text)
        places = {name: header.index(name) for name in (*layout.needed, *layout.optional) if name in header}
        text.seek(begins.byte if begins else 0)
        reader = csv.reader(text, delimiter=separator, strict=layout.strict)
        for line, record in _records(file, reader, layout, begins.line - 1 if begins else 0):
            if len(record) != len(header):
                said = f"the row has {len(record)} fields, the header {len(header)}; fetch the file again."
                raise BadReport(file.name, said, line=line)
            row = absent | {name: record[place] for name, place in places.items()}
            try:
                row[UNCLEAR] = check(line, row) or ""
            except BadCell as error:
                raise BadReport(file.name, str(error), line=line, column=error.column) from error
            yield line, row


def _plain_pieces(file: ReportFile, layout: Layout, counted: _Counted, plain: Plain) -> tuple[list[_Kept], _Place]:
    """Pieces of the rows up to the first that are not plain, and where those begin."""
    with file.path.open(encoding="utf-8-sig", errors="strict", newline="") as text:
        separator, header = _header(file, layout, text)
    made: list[_Kept] = []
    with file.path.open("rb") as raw:
        for _ in range(layout.header_line):
            raw.readline()
        place = _Place(raw.tell(), layout.header_line + 1)
        for piece in pieces(raw, header, separator, place.line):
            rows = piece.rows.select(
                pl.int_range(piece.line, piece.line + piece.rows.height, dtype=pl.Int64).alias("line"),
                *(
                    pl.col(str(header.index(name))).alias(name)
                    for name in (*layout.needed, *layout.optional)
                    if name in header
                ),
                *(pl.lit("").alias(name) for name in layout.optional if name not in header),
            )
            made.append(_kept(file, len(made), _checked(file, rows, counted, plain)))
            place = _Place(piece.end, piece.line + piece.rows.height)
    return made, place


def _checked(file: ReportFile, rows: pl.DataFrame, counted: _Counted, plain: Plain) -> pl.DataFrame:
    """The rows with UNCLEAR; without those in which there is nothing."""
    # Asked lazily, so that what several conditions need (a currency's decimals, an amount) is worked out once.
    good = rows.lazy().select(plain.good.fill_null(value=False).alias("good")).collect(engine="in-memory")["good"]
    words: dict[int, str] = {}
    for some, are_good in _parts(rows, good, in_order=plain.in_order):
        if are_good:
            plain.add(some)
            counted.add_good(some.height)
            continue
        for row in some.iter_rows(named=True):
            line = row.pop("line")
            if not any(cell.strip(_BLANK) for cell in row.values()):
                continue
            try:
                words[line] = counted(line, row) or ""
            except BadCell as error:
                raise BadReport(file.name, str(error), line=line, column=error.column) from error
    if good.all():
        return rows.with_columns(pl.lit("").alias(UNCLEAR))
    said = pl.DataFrame({"line": list(words), UNCLEAR: list(words.values())}, {"line": pl.Int64, UNCLEAR: pl.String})
    told = rows.join(said, on="line", how="left", maintain_order="left")
    return told.filter(good | pl.col(UNCLEAR).is_not_null()).with_columns(pl.col(UNCLEAR).fill_null(""))


def _parts(rows: pl.DataFrame, good: pl.Series, *, in_order: bool) -> Iterator[tuple[pl.DataFrame, bool]]:
    """The good rows and the others, or as they follow each other; none is good where that would be too many parts."""
    if not in_order:
        yield from ((rows.filter(good), True), (rows.filter(~good), False))
        return
    runs = good.rle().to_list()
    if len(runs) > _RUNS_MAX:
        yield rows, False
        return
    begins = 0
    for run in runs:
        yield rows.slice(begins, run["len"]), run["value"]
        begins += run["len"]


def _pieces(file: ReportFile, layout: Layout, rows: Iterator[tuple[int, Row]], number: int = 0) -> Iterator[_Kept]:
    """A bounded number of rows in each."""
    lines: list[int] = []
    columns: dict[str, list[str]] = {name: [] for name in _columns(layout)}
    for line, row in rows:
        lines.append(line)
        for name, cells in columns.items():
            cells.append(row[name])
        if len(lines) == _CHUNK_ROWS:
            yield _piece(file, number, lines, columns)
            number, lines, columns = number + 1, [], {name: [] for name in columns}
    if lines:
        yield _piece(file, number, lines, columns)


def _piece(file: ReportFile, number: int, lines: list[int], columns: Mapping[str, list[str]]) -> _Kept:
    schema = {"line": pl.Int64(), **{name: pl.String() for name in columns}}
    return _kept(file, number, pl.DataFrame({"line": lines, **columns}, schema=schema))


def _kept(file: ReportFile, number: int, rows: pl.DataFrame) -> _Kept:
    if file.path.stat().st_size <= _IN_MEMORY_BYTES_MAX:
        return rows
    path = file.path.with_name(f"{file.path.name}.{number}.arrow")
    rows.write_ipc(path, compression="uncompressed")  # packing it would take longer than all that is done with it
    return str(path)
