"""What the cells of a sheet of findings say, in the language of its headings.

A sheet in English is for programs, too: it keeps the API's names alone.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.findings import kinds
from domain.findings.kinds import FindingKind
from domain.languages import ENGLISH
from domain.platform.spoken.book import told_in

_FILE: Final = Path(__file__).with_name("states.toml")
Row = Mapping[str, Any]


@cache
def _states() -> Mapping[str, Mapping[str, str]]:
    with _FILE.open("rb") as file:
        return tomllib.load(file)


def of_findings(page: Sequence[Row], locale: str) -> Sequence[Row]:
    """The same rows for who reads that language: sentences in it, and the word of each code before it."""
    return page if locale == ENGLISH else [_told(row, locale) for row in page]


def _told(row: Row, locale: str) -> Row:
    kind = kinds.known(FindingKind(row["kind"]))
    usual = row["action"] == kind.action[ENGLISH]
    return {
        **row,
        "kind": f"{kind.title[locale]} ({row['kind']})",
        "state": f"{_states()[row['state']][locale]} ({row['state']})",
        "explanation": told_in(row["explanation"], locale),
        "action": kind.action[locale] if usual else told_in(row["action"], locale),
    }
