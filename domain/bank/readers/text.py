"""The text of a bank's file: in UTF-8 if it is that, else in the code page of Windows, whatever its header says."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from domain.bank.statement import BadStatement

_LINES_MAX: Final = 500_000
_LINE_CHARACTERS_MAX: Final = 20_000


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
    for number, line in enumerate(
        text.replace("\r\n", "\n").replace("\r", "\n").replace("\x1a", "").split("\n"), start=1
    ):
        if number > _LINES_MAX:
            raise BadStatement(f"A statement has at most {_LINES_MAX} lines: hand it in in parts.")
        if len(line) > _LINE_CHARACTERS_MAX:
            raise BadStatement("This line is too long for a statement.", number)
        if line.strip():
            yield number, line


def day(year: str, month: str, day_: str, line: int | None) -> date:
    """The date as printed; two digits of a year are of this century. Raises BadStatement."""
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day_))
    except ValueError:
        raise BadStatement(f"{year}-{month}-{day_} is no date.", line) from None
