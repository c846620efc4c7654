"""Whether a file is text that can be read: of which encoding, and whole."""

import os
from collections.abc import Mapping
from typing import Final

from domain.pse.reporting import BadReport, ReportFile

_LOOKED_AT: Final = 65_536  # bytes: as many as a line of headings may have
_UTF_16_SEEN: Final = 64  # bytes: it has a zero in every second one
_UTF_16: Final = "the file is UTF-16; save it as UTF-8, or fetch it again."
_NO_TEXT: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "the file is packed (gzip): unpack it.",
    b"PK\x03\x04": "the file is packed (ZIP), or XLSX: unpack it, or set the report's format to CSV at the PSE.",
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"%PDF": "the file is a PDF; the report is wanted as CSV.",
    b"<": "the file is a page of the web, and no report; fetch it again.",
    b"{": "the file is JSON; the report is wanted as CSV.",
}


def ends_with_newline(file: ReportFile) -> bool:
    """Whether the last row of a file that is not empty is whole."""
    with file.path.open("rb") as raw:
        raw.seek(-min(2, file.path.stat().st_size), os.SEEK_END)
        return raw.read().removesuffix(b"\x1a").endswith(b"\n")


def check_text(file: ReportFile) -> None:
    """Raises BadReport for a file that is none, or no text in lines, and says what it is."""
    with file.path.open("rb") as raw:
        begins = raw.read(_LOOKED_AT)
    if not begins:
        raise BadReport(file.name, "the file is empty; fetch it again.")
    for mark, said in _NO_TEXT.items():
        if begins.startswith(mark):
            raise BadReport(file.name, said)
    if b"\x00" in begins[:_UTF_16_SEEN]:
        raise BadReport(file.name, f"the file has zero bytes where text should be. Perhaps {_UTF_16}")
    if b"\n" not in begins and b"\r" in begins:
        raise BadReport(file.name, "its lines end with a carriage return alone: save it with line feeds.")


def refuse_cut(file: ReportFile, completeness: str | None) -> None:
    """Raises BadReport where neither totals nor a last line break say that the last row is whole."""
    if completeness is None and not ends_with_newline(file):
        said = "the file does not end with a line break, and no totals prove it whole: it was cut; fetch it again."
        raise BadReport(file.name, said)


def not_utf8(file: ReportFile) -> BadReport:
    """What is told of a file that is not UTF-8: its first such line."""
    with file.path.open("rb") as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return BadReport(file.name, "the line is not UTF-8; fetch the file again.", line=number)
    return BadReport(file.name, "the file is not UTF-8; fetch it again.")
