"""What a refusal says, in the reader's language: the domain says it in English, with its facts filled in.

One that nobody has translated stays English, behind what its code means (codes.toml).
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from domain.languages import ENGLISH
from domain.platform.spoken.amounts import in_the_readers_way
from domain.platform.spoken.book import all_told


@cache
def by_code() -> Mapping[str, Mapping[str, str]]:
    """What each code says by itself, where a sentence is none that is known."""
    with Path(__file__).with_name("codes.toml").open("rb") as file:
        return tomllib.load(file)


def in_words(said: str, code: str, locale: str) -> str:
    """The sentence in that language. One that nobody has translated stays, behind what its code means there."""
    if locale == ENGLISH:
        return said
    found = all_told().translated(said, locale)
    if found is not None:
        return in_the_readers_way(found, locale)
    meaning = by_code().get(code, {}).get(locale)
    return f"{meaning} ({said})" if meaning else said
