"""A report as it is read, many plain rows at once, and as it is read row by row: both must say the same."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from domain.pse.kit import plain, tables
from domain.pse.reporting import BadReport, ReadReport, ReportFile

Said = Any
Reader = Callable[[ReportFile], ReadReport]
_NAME: Final = "report.csv"


def said(reader: Reader, content: bytes, content_type: str = "text/csv") -> Said:
    """All that the reader makes of the file, or why it makes nothing. However few its rows are, the plain ones are
    read at once.
    """
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_FEW_BYTES", -1)
        path = Path(folder, _NAME)
        path.write_bytes(content)
        try:
            read = reader(ReportFile(_NAME, content_type, path))
        except BadReport as error:
            return str(error)
        payouts = sorted(read.payouts, key=lambda one: (one.reference, one.currency))  # they come in no order
        told = (read.completeness, read.contradicted, list(read.unknown), list(read.balances), payouts)
        return read.lines.collect().rows(), *told


def row_by_row(reader: Reader, content: bytes, content_type: str = "text/csv") -> Said:
    """The same, where no piece of the file is plain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_CELL_BYTES_MAX", -1)
        return said(reader, content, content_type)


def in_pieces(reader: Reader, content: bytes, of_bytes: int, content_type: str = "text/csv") -> Said:
    """The same as `said`, so many bytes and the rest of their line at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_PIECE_BYTES", of_bytes)
        return said(reader, content, content_type)
