"""Patterns of what may not be logged, each with what stands in its place."""

import re
from typing import Final

Scrubbed = tuple[re.Pattern[str], str]

ACCESS: Final[Scrubbed] = (re.compile(r"(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+"), r"\1 [redacted]")


def in_json(names: str) -> Scrubbed:
    """The texts and numbers of these names, parted by `|`. A body may be cut in a text: its closing quote may lack."""
    value = r'(?:"(?:[^"\\]|\\.)*"?|-?[0-9.]+)'
    return re.compile(rf'("(?:{names})"\s*:\s*){value}', re.IGNORECASE), r'\1"[redacted]"'


def in_form(names: str) -> Scrubbed:
    """The values of these names in a form or a query, parted by `|`."""
    return re.compile(rf'((?:{names})=)[^&\s"]+', re.IGNORECASE), r"\1[redacted]"
