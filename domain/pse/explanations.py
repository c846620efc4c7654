"""What a PSE's codes mean, whether asking again helps, and what support should do (<name>/codes.toml).

Codes that come from the network or from us, the same at every PSE, are in `codes.toml` beside this file.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from domain.languages import ENGLISH, LOCALES

_HERE: Final = Path(__file__).parent
_COMMON: Final = ""
_NAME_MAX: Final = 32  # as of a connection's PSE


class Retry(StrEnum):
    """Whether asking again helps."""

    NEVER = "NEVER"  # the same order gets the same answer
    AUTOMATIC = "AUTOMATIC"  # Estorno asks again by itself; nobody need do anything
    AFTER_MENDING = "AFTER_MENDING"  # once what the action names is mended


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code. `meaning` and `action` by locale; `source` is the document that says so."""

    code: str
    retry: Retry
    meaning: Mapping[str, str]
    action: Mapping[str, str]
    source: str


def explain(pse: str, code: str) -> Explanation | None:
    """The explanation of one PSE's code, else that of a code common to all; None for a code that nobody knows."""
    return _table(pse).get(code) or _table(_COMMON).get(code)


def of_pse(pse: str) -> Mapping[str, Explanation]:
    """Every code that can come from one PSE, the common ones included."""
    return {**_table(_COMMON), **_table(pse)}


def in_words(pse: str, code: str, locale: str = "en") -> str | None:
    """Meaning and action in one text, in English where the locale is not one of LOCALES."""
    found = explain(pse, code)
    if found is None:
        return None
    known = locale if locale in LOCALES else ENGLISH
    return f"{found.meaning[known]} {found.action[known]}"


@lru_cache(maxsize=64)
def _table(name: str) -> Mapping[str, Explanation]:
    path = _HERE / name / "codes.toml"
    # A name may be anybody's word, and longer than any of a file.
    if name != _COMMON and not (name.isidentifier() and len(name) <= _NAME_MAX) or not path.is_file():
        return {}
    with path.open("rb") as file:
        table = tomllib.load(file)
    return {
        code: Explanation(code, Retry(row["retry"]), row["meaning"], row["action"], row["source"])
        for code, row in table.items()
    }
