"""A report of many lines is kept in files only where memory has no room for them."""

from datetime import UTC, datetime
from decimal import Decimal
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


def test_a_frame_in_a_file_is_what_it_was_whatever_all_or_few_of_its_rows_say(tmp_path: Path) -> None:
    rows = 10
    told = pl.DataFrame(
        {
            "line": range(rows),
            "alike": ["SUCCEEDED"] * rows,
            "seldom": [None] * (rows - 1) + ["R1"],
            "first": ["R1"] + [None] * (rows - 1),
            "nothing": pl.Series([None] * rows, dtype=pl.String),
            "empty": ["", *["x"] * (rows - 2), ""],
            "flag": [True] * rows,
            "at": [datetime(2026, 11, 30, tzinfo=UTC)] * rows,
            "units": pl.Series([Decimal("-1.00000001")] * rows, dtype=pl.Decimal(28, 8)),
        }
    )
    kept = frames.Frames(tmp_path)
    for some in (told, told.head(1), told.clear(), told.tail(1), told.select("alike", "nothing")):
        kept.add(some)
        assert (kept.at(len(kept) - 1).schema, kept.at(len(kept) - 1).rows()) == (some.schema, some.rows())
        names = some.columns[1:][::-1]
        assert kept.at(len(kept) - 1, names).rows() == some.select(names).rows()
    kept.forget()
    assert list(tmp_path.iterdir()) == []


def test_what_is_made_upon_other_frames_has_their_columns_and_does_not_write_them_again(tmp_path: Path) -> None:
    below = frames.Frames(tmp_path)
    told = pl.DataFrame({"line": range(1_000), "name": [f"a long name of line {line}" for line in range(1_000)]})
    below.add(told)
    before = set(tmp_path.iterdir())
    above = frames.Frames(tmp_path, upon=below)
    made = told.with_columns(effect=pl.lit("NONE"), turn=pl.int_range(1_000) % 2).select(
        "turn", "name", "effect", "line"
    )
    above.add(made)
    (more,) = set(tmp_path.iterdir()) - before
    assert more.stat().st_size < 10_000 < next(iter(before)).stat().st_size
    below.forget()  # the others stand upon it still
    assert above.at(0).equals(made)
    assert above.at(0, ("effect", "name")).equals(made.select("effect", "name"))
    changed = above.changed(lambda some: some.with_columns(effect=pl.lit("TAKEN")))
    assert changed.at(0).equals(made.with_columns(effect=pl.lit("TAKEN")))
