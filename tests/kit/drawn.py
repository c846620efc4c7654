"""Seeds that mean the same whatever else was imported, and whatever was changed elsewhere; and what text is made of."""

import sys
from typing import Final

from hypothesis.internal import charmap
from hypothesis.internal.conjecture import providers
from hypothesis.internal.intervalsets import IntervalSet

_ALL_BUT_SURROGATES: Final = IntervalSet([(0, 0xD7FF), (0xE000, sys.maxunicode)])


def draw_from_no_source() -> None:
    """Hypothesis mixes the literals of all our modules that were imported by then into what it draws.

    That helps a search. A seed would play another history as soon as somebody writes a new number anywhere.
    """
    none = providers._local_constants
    providers._get_local_constants = lambda: none


def know_what_utf8_encodes() -> None:
    """Hypothesis tries each of a million characters, in each process of a fresh checkout: three seconds."""
    tried = charmap.intervals_from_codec

    def known(codec: str) -> tuple[IntervalSet, IntervalSet]:
        return (_ALL_BUT_SURROGATES, IntervalSet(())) if codec == "utf-8" else tried(codec)

    charmap.intervals_from_codec = known  # type: ignore[assignment]
