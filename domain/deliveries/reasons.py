"""Why something did not arrive, in the reader's language: our own sentences (reasons.toml); a channel's words stay.

They are kept in English, as they came up, and translated where they are read.
"""

from functools import cache
from pathlib import Path
from typing import Final

from domain.languages import ENGLISH
from domain.platform.sentences import Phrasebook

OTHERS: Final = ("zh-CN", "es", "pt-BR")


@cache
def known() -> Phrasebook:
    """All of them."""
    return Phrasebook([Path(__file__).with_name("reasons.toml")], OTHERS)


def in_words(said: str, language: str) -> str:
    """The reason as it is read; what is a channel's or a person's own words stays as it is."""
    return said if language == ENGLISH else known().translated(said, language) or said
