"""Patterns of what may not be logged, and what stands in its place."""

import re
from typing import Final

# What stands in the place of what `in_json` and `in_form` find.
JSON: Final = r'\1"[redacted]"'
FORM: Final = r"\1[redacted]"
ACCESS: Final = (re.compile(r"(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+"), r"\1 [redacted]")


def in_json(names: str) -> str:
    """A pattern of the texts and numbers of these names, which `|` parts.

    A body may be cut in the middle of a text, so its closing quote may be missing.
    """
    return rf'(?i)("(?:{names})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|-?[0-9.]+)'


def in_form(names: str) -> str:
    """A pattern of the values of these names in a form or a query; `|` parts the names."""
    return rf'(?i)((?:{names})=)[^&\s"]+'
