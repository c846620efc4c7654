"""The file of a report as it is kept: what is unpacked is what was packed, byte for byte."""

import gzip
from pathlib import Path

import pytest

from domain.pse.reporting import ReportFile
from domain.settlements import pieces

_NO_TEXT = bytes(range(256))  # whatever a file is, it is kept


@pytest.mark.parametrize("times", [0, 1, 5_000], ids=["empty", "small", "above a megabyte"])
def test_a_file_is_kept_as_it_is_byte_for_byte(tmp_path: Path, times: int) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(_NO_TEXT * times)

    (packed,) = pieces.packed(ReportFile("report.csv", "text/csv", path))

    assert pieces.unpacked(packed.read_bytes()) == _NO_TEXT * times


def test_what_was_kept_as_gzip_is_read_still() -> None:
    assert pieces.unpacked(gzip.compress(_NO_TEXT * 5_000)) == _NO_TEXT * 5_000
