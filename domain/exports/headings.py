"""What an export's columns are called in a language (headings.toml); what a sheet that comes back calls them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from domain.exports.columns import DECISION, MINOR, Column
from domain.languages import ENGLISH

_FILE: Final = Path(__file__).with_name("headings.toml")


@cache
def words() -> Mapping[str, Mapping[str, str]]:
    """Each heading by its English, in the other languages."""
    with _FILE.open("rb") as file:
        return tomllib.load(file)


def columns_in(columns: Sequence[Column], locale: str) -> Sequence[Column]:
    """The same under their names in that language; what is for our own reader keeps its name."""
    if locale == ENGLISH:
        return columns
    minor = words()[MINOR][locale]
    return [one if one.hidden else replace(one, title=words()[one.title][locale], minor=minor) for one in columns]


@cache
def decisions() -> Mapping[str, str]:
    """The columns that people fill in: their English by what they are called in any language."""
    return {name: one.title for one in DECISION for name in (one.title, *words()[one.title].values())}
