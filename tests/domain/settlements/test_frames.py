"""A report of many lines is kept in files only where memory has no room for them."""

from pathlib import Path

import polars as pl
import pytest

from domain.pse.reporting import REPORT_SCHEMA, ReadReport, ReportFile
from domain.settlements import frames

LINES = 10


@pytest.fixture(autouse=True)
def of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is a large one, and a frame is of three lines."""
    monkeypatch.setattr(frames, "WHOLE_BYTES_MAX", 0)
    monkeypatch.setattr(frames, "LINES_MAX", 3)


def _read(folder: Path, lines: int = LINES) -> frames.Frames:
    file = ReportFile("a.csv", "text/csv", folder / "a.csv")
    file.path.write_text("of some length")
    told = pl.LazyFrame({"line": range(lines), "type": ["FEE"] * lines}, schema_overrides={"line": pl.Int64})
    others = [pl.lit(None, kind).alias(name) for name, kind in REPORT_SCHEMA.items() if name not in ("line", "type")]
    return frames.of_report(file, ReadReport(told.with_columns(others).select(*REPORT_SCHEMA), None))[1]


def test_a_large_file_of_few_lines_is_one_frame_in_memory(tmp_path: Path) -> None:
    (one,) = read = _read(tmp_path)
    assert read.folder is None
    assert one["line"].to_list() == list(range(LINES))


def test_a_file_of_more_lines_than_memory_has_room_for_is_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "WHOLE_LINES_MAX", LINES - 1)
    read = _read(tmp_path)
    assert read.folder == tmp_path
    assert len(read) > 1
    assert [line for some in read for line in some["line"]] == list(range(LINES))


def test_a_large_file_without_a_line_is_one_frame_of_none(tmp_path: Path) -> None:
    (one,) = read = _read(tmp_path, lines=0)
    assert (read.height, list(one.columns)) == (0, list(REPORT_SCHEMA))


def test_lines_of_which_a_reader_leaves_some_out_are_all_read_once(tmp_path: Path) -> None:
    file = ReportFile("a.csv", "text/csv", tmp_path / "a.csv")
    file.path.write_text("of some length")
    pl.DataFrame({"line": range(LINES)}).write_ipc(tmp_path / "a.arrow")
    others = [pl.lit("FEE" if name == "type" else None, kind).alias(name) for name, kind in REPORT_SCHEMA.items()]
    told = pl.scan_ipc(tmp_path / "a.arrow").filter(pl.col("line") != 4).with_columns(others[1:]).select(*REPORT_SCHEMA)
    (one,) = frames.of_report(file, ReadReport(told, None))[1]
    assert one["line"].to_list() == [line for line in range(LINES) if line != 4]
