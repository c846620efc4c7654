"""Patterns of what may not be logged, and what stands in its place: the list `scrubbed` of a words.toml.

An entry is the name of a pattern that is here, or `[pattern, instead]`, where `<hidden>` stands for the names of the
fields that no log may keep.
"""

import re
from collections.abc import Sequence
from typing import Final

Scrubbed = tuple[re.Pattern[str], str]
# A body may be cut in the middle of a text, so its closing quote may be missing.
_KNOWN: Final = {
    "JSON": (r'(?i)("(?:<hidden>)"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|-?[0-9.]+)', r'\1"[redacted]"'),
    "FORM": (r'(?i)((?:<hidden>)=)[^&\s"]+', r"\1[redacted]"),
    "ACCESS": (r"(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", r"\1 [redacted]"),
}


def read(entries: Sequence[str | Sequence[str]], hidden: str) -> Sequence[Scrubbed]:
    """The patterns in their order, each with what stands in its place; `|` parts the names that are `hidden`."""
    pairs = (_KNOWN[entry] if isinstance(entry, str) else entry for entry in entries)
    return [(re.compile(pattern.replace("<hidden>", hidden)), instead) for pattern, instead in pairs]


def names(hidden: str) -> re.Pattern[str]:
    """The same names alone, in any case."""
    return re.compile(hidden, re.IGNORECASE)
