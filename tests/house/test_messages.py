"""Whatever is refused is said in four languages: every sentence of the code, with its facts where they belong."""

import re

import pytest

from api.graphql.spoken.messages import by_code, in_words
from api.graphql.transport.errors import ErrorCode
from domain.languages import ENGLISH, LOCALES
from domain.platform.spoken.book import all_told
from tests.house import said

_PLACE = re.compile(r"\{[1-9]\d?\}")


def _known() -> set[str]:
    return {"{}".join(one.parts) for one in all_told().sentences}


def test_every_sentence_of_the_code_is_there_in_every_language() -> None:
    missing = {text: place for text, place in said.templates().items() if text not in _known()}
    assert missing == {}, "Add them to domain/platform/spoken/messages.toml, or readings.toml."


def test_the_sentences_of_the_code_are_found() -> None:
    found = said.templates()
    assert len(found) > 350
    assert "`first` lies between 1 and {}." in found  # an f-string
    assert any(text.startswith("Who may do what is not as you saw it") for text in found)  # by way of a name


def test_each_translation_has_the_facts_of_its_sentence() -> None:
    for one in all_told().sentences:
        wanted = {f"{{{place}}}" for place in range(1, len(one.parts))}
        for locale, words in one.others.items():
            assert set(_PLACE.findall(words)) == wanted, (locale, words)
            own = "".join(one.parts).count("{")  # braces that are no places, as of a path
            assert words.count("{") == len(_PLACE.findall(words)) + own, (locale, words)
            assert words.strip(), one.parts


def test_each_code_has_words_in_every_language() -> None:
    assert set(by_code()) == {one.value for one in ErrorCode}
    assert all(set(words) == set(LOCALES) and all(words.values()) for words in by_code().values())


@pytest.mark.parametrize(
    ("english", "locale", "told"),
    [
        ("`first` lies between 1 and 100.", "es", "`first` va de 1 a 100."),
        ("No such refund.", "zh-CN", "没有这样的退款。"),
        ("Line 3: 1.2.3 is no amount.", "pt-BR", "Linha 3: 1.2.3 não é um valor."),
        ("Line 7 cannot be used: A day is written YYYY-MM-DD.", "zh-CN", "第 7 行无法使用：日期写作 YYYY-MM-DD。"),
        ("BRL 10.00 is more than the BRL 5.00 that is still refundable.", "pt-BR", None),
        (
            "taxId takes a CPF or CNPJ with valid check digits.",
            "es",
            "taxId lleva un CPF o CNPJ con dígitos de control válidos.",
        ),
    ],
)
def test_a_refusal_is_told_with_its_facts(english: str, locale: str, told: str | None) -> None:
    found = in_words(english, "INVALID_INPUT", locale)
    assert found == told or (
        told is None and found == "R$\xa010,00 é mais do que os R$\xa05,00 que ainda podem ser estornados."
    )
    assert in_words(english, "INVALID_INPUT", ENGLISH) == english


def test_what_nobody_has_translated_stands_behind_what_its_code_means() -> None:
    assert in_words("Something new.", "NOT_FOUND", "es") == "No existe o no es suyo. (Something new.)"


def test_what_a_client_has_put_into_it_is_never_filled_in_again() -> None:
    assert in_words("No such role: {1}{2}; roles lists them.", "NOT_FOUND", "es") == (
        "No existe tal rol: {1}{2}; roles los lista."
    )


def test_a_long_text_of_a_client_takes_a_step_for_each_character() -> None:
    hostile = "No such store: " + "; " * 50_000
    assert in_words(hostile, "NOT_FOUND", "es").startswith("No existe o no es suyo.")
