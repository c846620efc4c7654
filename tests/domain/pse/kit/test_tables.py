"""Tables say which report they are, and keep what nobody understands beside the row."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from domain.pse.kit import tables
from domain.pse.kit.cells import Row
from domain.pse.kit.tables import UNCLEAR, Layout
from domain.pse.reporting import BadReport, ReportFile

LAYOUT = Layout(needed=("KIND", "AMOUNT"), title="the daily report", others={"Month": "the monthly report"})


def _file(folder: Path, text: str) -> ReportFile:
    path = folder / "report.csv"
    path.write_text(text, encoding="utf-8")
    return ReportFile(path.name, "text/csv", path)


def _raw(folder: Path, content: bytes) -> ReportFile:
    path = folder / "report.csv"
    path.write_bytes(content)
    return ReportFile(path.name, "text/csv", path)


def _words(_: int, row: Row) -> str | None:
    return row["KIND"] if row["KIND"] != "known" else None


def test_what_the_check_says_of_a_row_stands_beside_it(tmp_path: Path) -> None:
    rows = tables.read(_file(tmp_path, "AMOUNT,KIND\n1,known\n2,new\n"), LAYOUT, _words).collect()
    assert rows[UNCLEAR].to_list() == ["", "new"]
    assert rows["AMOUNT"].to_list() == ["1", "2"]
    assert UNCLEAR in tables.read(_file(tmp_path, "AMOUNT,KIND\n"), LAYOUT, _words).collect().columns


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ('\ufeff"Month";"Total"', "it is another report, the monthly report. The wanted one is the daily report."),
        ("KIND,TOTAL", "column AMOUNT: the column is missing. The wanted one is the daily report."),
    ],
)
def test_another_report_is_named_and_so_is_the_one_that_is_wanted(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(BadReport) as caught:
        tables.read(_file(tmp_path, header + "\n"), LAYOUT, _words)
    assert said in str(caught.value)


PLAIN = "KIND,AMOUNT\nknown,1\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (gzip.compress(PLAIN.encode(), mtime=0), "packed (gzip): unpack it"),
        (b"PK\x03\x04and so on", "XLSX"),
        (PLAIN.encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        (PLAIN.encode("utf-16-le"), "UTF-16"),
        (PLAIN.replace("\n", "\r").encode(), "carriage return alone"),
        (b"<html>Sign in</html>\n", "a page of the web"),
        (PLAIN[:-1].encode(), "it was cut"),
        (b"KIND,AMOUNT,NOTE,NOTE\nknown,1,a,b\n", "line 1, column NOTE: the column is there twice"),
    ],
)
def test_a_file_that_is_no_table_is_called_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadReport) as caught:
        tables.read(_raw(tmp_path, content), replace(LAYOUT, optional=("NOTE",)), _words)
    assert said in str(caught.value)


@pytest.mark.parametrize("end", ["\n\n", ",\n", " , \n", "   \n", "\x1a", "\r\n,\r\n"])
def test_rows_of_nothing_and_the_end_mark_of_old_programs_are_no_rows(tmp_path: Path, end: str) -> None:
    rows = tables.read(_file(tmp_path, PLAIN + end + ("" if end == "\x1a" else "known,2\n")), LAYOUT, _words).collect()
    assert rows["AMOUNT"].to_list() == (["1"] if end == "\x1a" else ["1", "2"])
