"""Columns of a report's lines in frames of a bounded number of lines: one in memory, or several in files.

However long a report is, no more than a frame of it is in memory; what is said of all lines is added up frame by frame.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

import polars as pl

from domain.platform.copying import Schema
from domain.pse.reporting import ReadReport, ReportFile
from domain.settlements.storable import merged, storable

LINES_MAX: Final = 250_000  # of a frame: with all that a match puts beside them, some 400 MB
WHOLE_BYTES_MAX: Final = 64 << 20  # a file that is not larger is one frame without being counted
# Lines that are one frame in memory still, with all that a match puts beside them some 1.8 GB. To write them into files
# and to read them again costs a tenth of all that is done with them.
WHOLE_LINES_MAX: Final = 1_000_000
_FEW_BYTES: Final = 1 << 20  # polars' own choice would begin threads for it
_SELDOM_MIN: Final = 0.7  # of the rows say nothing: then it is sooner read apart
_ROW: Final = "_row"
_numbers = count()


class AddedUp:
    """Rows in two numbers, in whatever order and in however many frames they come: the same rows, the same numbers."""

    def __init__(self) -> None:
        self._rows = self._sum = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Count its rows in, as they are now."""
        self._rows += frame.height
        self._sum += int(frame.hash_rows(seed=1).cast(pl.Int128).sum())

    def told(self) -> tuple[int, int]:
        """How many, and what their hashes of 64 bits add up to."""
        return self._rows, self._sum


@dataclass(frozen=True, slots=True)
class _InFile:
    """A frame in a file, or in two. It is not packed: to pack and unpack it took longer than all that is done with it.

    To read words takes most of the time. So columns that say the same in all rows are not in the file, nor those that
    stand in the one of the frame that it was made `upon`; and what only some rows say stands beside it for those rows.
    """

    path: Path
    schema: pl.Schema
    told: frozenset[str]  # what is in the file
    alike: pl.DataFrame  # one row: what all rows say
    seldom: frozenset[str]  # what is in the file beside it, with the _ROW of it
    upon: "_InFile | None"

    @classmethod
    def of(cls, frame: pl.DataFrame, path: Path, upon: "_InFile | None" = None) -> "_InFile":
        own = frame if upon is None else frame.drop(upon.schema)
        alike = frozenset(one.name for one in own if _is_alike(one))
        seldom = frozenset(one.name for one in own if one.name not in alike and _is_seldom(one))
        rest, rows = own.drop(alike, seldom), pl.int_range(frame.height, dtype=pl.UInt32, eager=True).alias(_ROW)
        told = rest if rest.width else rows.to_frame()
        told.write_ipc(path, compression="uncompressed")
        if seldom:
            some = own.select(seldom).with_columns(rows).filter(pl.any_horizontal(pl.col(seldom).is_not_null()))
            some.write_ipc(_beside(path), compression="uncompressed")
        return cls(path, frame.schema, frozenset(told.columns), own.select(alike).head(1), seldom, upon)

    def read(self, columns: Sequence[str] | None) -> pl.DataFrame:
        wanted = columns or list(self.schema)
        below = [name for name in wanted if self.upon is not None and name in self.upon.schema]
        own = [name for name in wanted if name in self.told]
        found = [self.upon.read(below)] if self.upon is not None and below else []
        if own or not found:
            found.append(pl.read_ipc(self.path, columns=own or sorted(self.told)[:1]))  # of one there are the rows
        if some := [name for name in wanted if name in self.seldom]:
            found.append(self._seldom(some, found[0].height))
        alike = [pl.lit(one[0], one.dtype).alias(one.name) for one in self.alike]
        return pl.concat(found, how="horizontal").with_columns(alike).select(wanted)

    def _seldom(self, columns: Sequence[str], height: int) -> pl.DataFrame:
        some = pl.read_ipc(_beside(self.path), columns=[_ROW, *columns])
        place = pl.repeat(None, height, dtype=pl.UInt32, eager=True)
        place = place.scatter(some[_ROW], pl.int_range(some.height, dtype=pl.UInt32, eager=True))
        return some.drop(_ROW).select(pl.all().gather(place))

    def forget(self) -> None:
        self.path.unlink()
        if self.seldom:
            _beside(self.path).unlink()


def _beside(path: Path) -> Path:
    return path.with_suffix(".seldom")


def _is_alike(column: pl.Series) -> bool:
    """Whether all rows say the same."""
    if column.is_empty() or column.dtype.is_nested():
        return False
    first = column[0]
    if column[-1] != first or column[column.len() // 2] != first:
        return False
    if first is None:
        return column.null_count() == column.len()
    return not column.has_nulls() and bool((column == column.head(1)).all())


def _is_seldom(column: pl.Series) -> bool:
    """Whether words stand in a few rows."""
    return column.dtype == pl.String and column.null_count() > column.len() * _SELDOM_MIN


class Frames:
    """Frames of the same columns, read one after the other, as often as they are wanted.

    `folder`: where they are kept; None: in memory. `upon`: each is made of one of these, whose columns it has as they
    are there, row by row; so they are not written again.
    """

    def __init__(self, folder: Path | None = None, upon: "Frames | None" = None) -> None:
        self.folder = folder
        self.height = 0
        self._frames: list[pl.DataFrame | _InFile] = []
        self._upon = upon
        self._is_below = False
        if upon is not None:
            upon._is_below = True

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for one in self._frames:
            yield _read(one, None)

    def only(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """These columns of each; the others are not read."""
        for one in self._frames:
            yield _read(one, columns)

    def add(self, frame: pl.DataFrame) -> None:
        """Keep it behind the others."""
        self.height += frame.height
        if self.folder is None:
            self._frames.append(frame)
            return
        below = None if self._upon is None else self._upon._frames[len(self)]
        assert not isinstance(below, pl.DataFrame), "What is in files is made of files."
        self._frames.append(_InFile.of(frame, self.folder / f"frame-{next(_numbers)}.arrow", below))

    def share(self, of: "Frames", number: int, height: int) -> None:
        """Have that one of theirs, of so many rows, too; whoever shares some forgets none."""
        self.height += height
        self._frames.append(of._frames[number])

    def at(self, number: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The one of that number, from 0; of `columns` alone."""
        return _read(self._frames[number], columns)

    def together(
        self, make: Callable[[pl.DataFrame], pl.DataFrame], columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """What is made of each frame, below each other, whatever the order of its columns. There has to be a frame.

        `columns`: those that it is made of; the others are not read.
        """
        return pl.concat([make(_read(one, columns)) for one in self._frames], how="diagonal")

    def changed(self, make: Callable[[pl.DataFrame], pl.DataFrame]) -> "Frames":
        """What is made of each frame, kept as these were, which are forgotten."""
        made = Frames(self.folder, self._upon)
        for frame in self:
            made.add(make(frame))
        self.forget()
        return made

    def moved(self, folder: Path) -> "Frames":
        """The same frames, kept there."""
        made = Frames(folder)
        for frame in self:
            made.add(frame)
        return made

    def forget(self) -> None:
        """Take away what is kept in files: nobody reads it again, but for what others are made upon."""
        if self._is_below and self.folder is not None:
            return
        for one in self._frames:
            if isinstance(one, _InFile):
                one.forget()
        self._frames = []


def _read(frame: "pl.DataFrame | _InFile", columns: Sequence[str] | None) -> pl.DataFrame:
    if isinstance(frame, _InFile):
        return frame.read(columns)
    return frame[list(columns)] if columns else frame


class Sorted:
    """Rows of one kind, put apart. `folder`: where they are kept; None: in memory."""

    def __init__(self, folder: Path | None, count: int, schema: Schema) -> None:
        self.height = 0
        self._schema = schema
        self._parts = [Frames(folder) for _ in range(count)]

    def add(self, rows: pl.DataFrame, parts: pl.Series) -> None:
        """Put each row into the part of that number, in the order in which they come; what is of none into none."""
        self.height += rows.height
        each = parts.drop_nulls().unique()
        if each.len() == 1 and not parts.has_nulls():  # so it is where rows come in the order of a report's lines
            self._parts[each[0]].add(rows.select(*self._schema))
            return
        placed = rows.select(*self._schema).with_columns(parts.alias("_part")).drop_nulls("_part")
        for (part,), some in placed.partition_by("_part", include_key=False, as_dict=True).items():
            self._parts[int(part)].add(some)

    def of(self, part: int) -> pl.DataFrame:
        """The rows of that part."""
        return whole_of(list(self._parts[part]), self._schema)

    def forget(self) -> None:
        """Nobody reads them again."""
        for part in self._parts:
            part.forget()


def whole_of(frames: Sequence[pl.DataFrame], schema: Schema) -> pl.DataFrame:
    """The frames below each other, be there none."""
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def in_memory(frame: pl.DataFrame) -> Frames:
    """The one frame that a small report is."""
    frames = Frames()
    frames.add(frame)
    return frames


def of_report(file: ReportFile, report: ReadReport) -> tuple[ReadReport, Frames]:
    """The lines of a report as they can be stored (`storable`), with what it says of them. Raises BadReport."""
    if file.path.stat().st_size <= WHOLE_BYTES_MAX:
        few = file.path.stat().st_size <= _FEW_BYTES
        told, whole = storable(file.name, report, report.lines.collect(engine="in-memory" if few else "auto"))
        return replace(told, lines=whole.lazy()), in_memory(whole)  # what they were made of is given up
    frames, told = Frames(), report
    for some in _some_of(report.lines):
        told, kept = storable(file.name, told, some)
        frames.add(kept)
        if frames.folder is None and frames.height > WHOLE_LINES_MAX:
            frames = frames.moved(file.path.parent)
    if frames.folder is None:
        frames = in_memory(whole_of(list(frames), report.lines.collect_schema()))
    return replace(merged(told), lines=frames.at(0).clear().lazy()), frames  # what they were made of is given up


def _some_of(lines: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The lines, LINES_MAX at a time.

    polars 2.1 has all that a reader made in memory while it gives batches of it (440 bytes a line), and reads no more
    than a slice where it is asked for one; what leaves rows out is read to its end for each slice.
    """
    if "SLICE[" in lines.slice(1, LINES_MAX).explain():  # not asked of the scan itself
        yield from lines.collect_batches(chunk_size=LINES_MAX)
        return
    for begins in range(0, lines.select(pl.len()).collect().item(), LINES_MAX):
        yield lines.slice(begins, LINES_MAX).collect()
