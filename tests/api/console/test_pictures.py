"""Pictures have no script, no style and no font of their own, and everybody can read their numbers."""

import re

import pytest

from api.console import formats
from api.console.pictures import Series, picture
from api.console.rendering import reading

_HOSTILE = '"><script>alert(1)</script>'


@pytest.mark.parametrize("kind", ["bars", "lying", "line", "stacked"])
def test_a_picture_brings_nothing_that_the_policy_forbids_and_escapes_its_labels(kind: str) -> None:
    made = picture(_HOSTILE, ["Pix", _HOSTILE], [Series("p50", [9, 172_800]), Series(_HOSTILE, [1, None])], str, kind)
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|font-family|xlink:href=|\sid=", made)
    assert made.count("<svg") == 1
    assert "&lt;script&gt;" in made
    assert "172800" in made.split("<table")[1]


def test_what_is_written_on_a_short_bar_stands_beside_its_name() -> None:
    made = picture(
        "t", ["Pix, half within", "Card"], [Series("s", [1, 900])], lambda value: f"{value} seconds", "lying"
    )
    short = re.search(r'x="([\d.]+)"[^>]*>1 seconds', made)
    assert short is not None
    assert float(short[1]) >= 4 * len("1 seconds")


def test_the_same_numbers_are_the_same_picture() -> None:
    first, second = (picture("t", ["a", "b"], [Series("n", [1, 2])]) for _ in range(2))
    assert first is second, "it is drawn once"
    assert picture("t", ["a", "b"], [Series("n", [1, 3])]) != first


def test_a_picture_is_drawn_for_each_way_of_writing_its_numbers() -> None:
    made = {}
    for language in ("en", "pt-BR"):
        with reading("home", language):
            made[language] = picture("t", ["a"], [Series("n", [12_345])], formats.number)
    assert ("12,345" in made["en"], "12.345" in made["en"]) == (True, False)
    assert ("12,345" in made["pt-BR"], "12.345" in made["pt-BR"]) == (False, True)
