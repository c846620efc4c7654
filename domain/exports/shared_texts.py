"""How long the texts are that cells of a workbook share: its reader writes each out for every cell that has it.

One long text in many cells would fill any memory, however small the file is.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final
from xml.parsers import expat

_PART: Final = "sharedstrings.xml"  # the reader minds no capitals
_TEXT: Final = "si"


def part_of(parts: Mapping[str, bytes]) -> Sequence[bytes]:
    """The contents that the reader may take for the shared texts."""
    return [content for name, content in parts.items() if name.lower().replace("\\", "/").endswith(_PART)]


def lengths(parts: Mapping[str, bytes]) -> Sequence[int]:
    """The bytes of each text, by its number; of several parts, the longest. Raises ExpatError."""
    found: list[int] = []
    for content in part_of(parts):
        told = _Texts()
        told.look_at(content)
        found = [max(pair) for pair in zip_longest(found, told.lengths, fillvalue=0)]
    return found


class _Texts:
    def __init__(self) -> None:
        self.lengths: list[int] = []
        self._depth = 0
        self._text_at = 0  # the depth of the text that is looked at; 0: there is none

    def look_at(self, content: bytes) -> None:
        """Raises ExpatError."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._said
        parser.Parse(content, True)

    def _begins(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if not self._text_at and name.rpartition(":")[2] == _TEXT:
            self._text_at = self._depth
            self.lengths.append(0)

    def _ends(self, name: str) -> None:
        if self._depth == self._text_at:
            self._text_at = 0
        self._depth -= 1

    def _said(self, text: str) -> None:
        if self._text_at:
            self.lengths[-1] += len(text.encode())
