"""What a person reads of why a reversal waits for them (words.toml), in the languages of the product."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from domain.languages import LOCALES


def explained(reason: str | None, locale: str) -> str | None:
    """Why, and what to do; in English where the locale is none of ours. None: nothing waits."""
    if reason is None:
        return None
    return _words()[reason][locale if locale in LOCALES else "en"]


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    with Path(__file__).with_name("words.toml").open("rb") as file:
        return tomllib.load(file)
