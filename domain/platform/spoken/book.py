"""The domain's English sentences in the other languages, with their facts: for who answers, and for who writes files.

messages.toml has the sentences of refusals, readings.toml those of what cannot be read or used, and told/ those of
findings, histories and checks, with {} where a fact stands, and each in the other languages with {1}, {2} … where the
first, the second fact goes (domain/platform/sentences).
"""

from functools import cache
from pathlib import Path
from typing import Final

from domain.languages import ENGLISH, LOCALES
from domain.platform.sentences import Phrasebook
from domain.platform.spoken.amounts import in_the_readers_way

_HERE: Final = Path(__file__).parent
_REFUSALS: Final = (_HERE / "messages.toml", _HERE / "readings.toml")


@cache
def all_told() -> Phrasebook:
    """What refusals say, and what is told beside them: what is told of a failure is often a refusal that was written
    down, and what refuses a file is often told of a part of it.
    """
    return Phrasebook([*_REFUSALS, *sorted((_HERE / "told").glob("*.toml"))], LOCALES[1:])


def told_in(said: str, locale: str) -> str:
    """What is told, in that language: sentence by sentence, and one that nobody has translated stays as it is."""
    if locale == ENGLISH:
        return said
    told = all_told().told(said, locale)
    return told if told == said else in_the_readers_way(told, locale)
