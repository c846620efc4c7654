"""What a refusal says, and what is told beside it, in the reader's language.

The domain says it in English, with its facts filled in. messages.toml has the sentences of refusals, readings.toml
those of what cannot be read or used, and told/ those of findings, histories and checks, with {} where a fact stands,
and each in the other languages with {1}, {2} … where the first, the second fact goes (domain/platform/sentences.py).
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from api.graphql.spoken.amounts import in_the_readers_way
from api.graphql.spoken.languages import ENGLISH, LOCALES
from domain.platform.sentences import Phrasebook

_HERE: Final = Path(__file__).parent
_REFUSALS: Final = (_HERE / "messages.toml", _HERE / "readings.toml")


@cache
def all_told() -> Phrasebook:
    """What refusals say, and what is told beside them: what is told of a failure is often a refusal that was written
    down, and what refuses a file is often told of a part of it.
    """
    return Phrasebook([*_REFUSALS, *sorted((_HERE / "told").glob("*.toml"))], LOCALES[1:])


@cache
def by_code() -> Mapping[str, Mapping[str, str]]:
    """What each code says by itself, where a sentence is none that is known."""
    with (_HERE / "codes.toml").open("rb") as file:
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


def told_in(said: str, locale: str) -> str:
    """What is told, in that language: sentence by sentence, and one that nobody has translated stays as it is."""
    if locale == ENGLISH:
        return said
    told = all_told().told(said, locale)
    return told if told == said else in_the_readers_way(told, locale)
