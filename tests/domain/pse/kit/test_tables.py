"""Tables say which report they are, and keep what nobody understands beside the row."""

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
