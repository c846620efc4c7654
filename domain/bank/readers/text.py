"""The text of a bank's file: in UTF-8 if it is that, else in the code page of Windows, whatever its header says."""

import io
from collections.abc import Iterator
from datetime import date
from typing import Final

from domain.bank.statement import BadStatement

LINES_MAX: Final = 50_000  # a year of most accounts; what has more is handed in in parts
_LINE_CHARACTERS_MAX: Final = 2_000


def decoded(content: bytes) -> str:
    """Banks name one encoding and write another: what is valid UTF-8 is UTF-8. Raises BadStatement for a NUL."""
    if b"\x00" in content:
        raise BadStatement("The file is no text: export the statement as OFX, CNAB 240 or CSV.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line that is not blank. Raises BadStatement for more than can be one file."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):  # one by one: nothing is held
        if number > LINES_MAX:
            raise BadStatement(f"A statement has at most {LINES_MAX:,} lines: hand it in in parts.")
        if len(line) > _LINE_CHARACTERS_MAX:
            raise BadStatement("This line is too long for a statement.", number)
        told = line.rstrip("\r\n").replace("\x1a", "")
        if told.strip():
            yield number, told


def day(year: str, month: str, day_: str, line: int | None) -> date:
    """The date as printed; two digits of a year are of this century. Raises BadStatement."""
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day_))
    except (ValueError, OverflowError):
        raise BadStatement(f"{year[:8]}-{month[:8]}-{day_[:8]} is no date.", line) from None
