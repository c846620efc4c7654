"""Every text of every page is there in every language, with the values it takes."""

import re

import pytest

from api.console.words import HERE, SHARED, TRANSLATED, catalogue
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


def test_what_a_noun_says_on_anothers_pages_is_shared() -> None:
    """A page is written with the words of its own noun and the shared ones: those of a third would stay English."""
    taken = re.compile(r"^from api\.console\.(\w+) import (.+)$", re.MULTILINE)
    alone = []
    for noun in collected.nouns():
        for path in (HERE / noun).glob("*.py"):
            for other, modules in taken.findall(path.read_text()):
                files = [HERE / other / f"{name.strip()}.py" for name in modules.split(",")]
                found = [file for file in files if other not in (noun, SHARED) and file.is_file()]
                wanted = {text for file in found for text in collected.texts_of(file)}
                alone += [
                    (noun, text) for text in wanted if text not in collected.texts(noun) | collected.texts(SHARED)
                ]
    assert alone == []
