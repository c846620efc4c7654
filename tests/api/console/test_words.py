"""Every text of every page is there in every language, with the values it takes."""

import re

import pytest

from api.console.words import TRANSLATED, catalogue
from tests.api.console import collected

_VALUE = re.compile(r"%\((\w+)\)[sd]")
_CASES = [(noun, language) for noun in collected.nouns() for language in TRANSLATED]


@pytest.mark.parametrize(("noun", "language"), _CASES)
def test_no_text_lacks_its_translation(noun: str, language: str) -> None:
    told = "python -m tests.api.console.collected writes what is missing into the catalogues"
    assert collected.missing(noun, language) == [], told
    assert collected.obsolete(noun, language) == [], told


@pytest.mark.parametrize(("noun", "language"), _CASES)
def test_a_translation_takes_the_values_of_its_text(noun: str, language: str) -> None:
    for one in catalogue(noun, language):
        if not one.id:
            continue  # what the file says of itself
        for text, said in zip(_all(one.id), _all(one.string), strict=False):
            assert set(_VALUE.findall(text)) == set(_VALUE.findall(said)), text
            for written in (text, said):  # a percent sign that stands for itself is written twice
                assert isinstance(written % dict.fromkeys(_VALUE.findall(written), 0), str)


def _all(text: object) -> list[str]:
    return [text] if isinstance(text, str) else [str(one) for one in text or ()]  # type: ignore[attr-defined]
