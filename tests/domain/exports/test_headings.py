"""An export's columns are called something in each language, and a sheet that was filled in is read in any."""

import tomllib
from pathlib import Path

import pytest

from api.console.findings.words import SIDES
from api.console.words import catalogue
from domain.exports import sheet
from domain.exports.cells import titles, written
from domain.exports.cells_in_words import of_findings
from domain.exports.columns import COLUMNS, DECISION, FACTS, FINDING_ID
from domain.exports.headings import columns_in, words
from domain.findings.kinds import FindingKind, known
from domain.findings.search import FindingStanding
from domain.languages import ENGLISH, LOCALES

CHECKOUT = Path(__file__).resolve().parents[3]
OTHERS = LOCALES[1:]


@pytest.mark.parametrize("locale", LOCALES)
def test_no_two_columns_of_a_kind_are_called_alike(locale: str) -> None:
    for kind, columns in COLUMNS.items():
        named = titles(columns_in(columns, locale))
        assert len(set(named)) == len(named), (kind, locale)
        assert len(named) == len(titles(columns))


def test_every_heading_is_there_in_every_language_and_none_beside() -> None:
    english = {one.title for columns in COLUMNS.values() for one in columns if not one.hidden}
    assert set(words()) == english | {one.minor for columns in COLUMNS.values() for one in columns}
    assert all(set(told) == set(OTHERS) and all(told.values()) for told in words().values())
    assert all(columns_in(columns, ENGLISH) is columns for columns in COLUMNS.values())


def test_what_a_sheet_says_of_a_finding_is_in_the_language_of_its_headings() -> None:
    kind = FindingKind.VAT_DOCUMENT_DIFFERS
    said = "Document NC-9 and refund R-77: The document agrees in money and not in tax."
    english = {
        "kind": kind.value,
        "state": "OPEN",
        "explanation": said,
        "action": known(kind).action["en"],
        "amount": 9,
        "currency": "BRL",
        "ours": '{"amount": 123450, "state": "SUCCEEDED", "fee": null, "of_whom": ["a", 1]}',
        "theirs": "",
    }
    (plain,) = of_findings([english], "en")
    assert plain == {**english, "ours": 'Amount: R$1,234.50; State: SUCCEEDED; of whom: ["a", 1]'}, "its codes are kept"
    (told,) = of_findings([english], "pt-BR")
    assert told["ours"] == 'Valor: R$\u00a01.234,50; Estado: SUCCEEDED; of whom: ["a", 1]'
    assert told["theirs"] == ""
    assert told["explanation"].endswith("O documento concorda em dinheiro e não em imposto.")
    assert (told["state"], told["action"]) == ("Aberto (OPEN)", known(kind).action["pt-BR"])
    assert told["kind"] == f"{known(kind).title['pt-BR']} (VAT_DOCUMENT_DIFFERS)"
    states = [
        of_findings([{**english, "state": one}], locale)[0]["state"] for one in FindingStanding for locale in OTHERS
    ]
    assert len(states) == 12


@pytest.mark.parametrize("locale", LOCALES)
def test_a_sheet_calls_the_facts_of_both_sides_as_the_console_does(locale: str) -> None:
    told = tomllib.loads((CHECKOUT / "domain" / "exports" / "sides.toml").read_text())
    shown = {word.id: word.string for noun in ("shared", "findings") for word in catalogue(noun, locale)}
    assert {name: words[locale] for name, words in told.items()} == {
        name: shown[word] if locale != ENGLISH else word for name, word in SIDES.items()
    }


@pytest.mark.parametrize("locale", LOCALES)
def test_a_sheet_of_findings_is_read_by_its_headings_in_any_language(locale: str) -> None:
    filled = [one.title for one in columns_in(DECISION, locale)]
    rows = [[FINDING_ID, FACTS, *filled, "Nota minha"], ["id", "facts", "TIMING", "why", "", "", "", "ana", "x"]]
    (line,) = sheet.read(written(rows))
    assert (line.decision, line.note, line.assign_to) == ("TIMING", "why", "ana")


def test_a_column_of_ones_own_may_be_called_as_ours_is_in_another_language() -> None:
    rows = [[FINDING_ID, FACTS, "Decision", "Note", "Nota"], ["id", "facts", "TIMING", "why", "mine"]]
    (line,) = sheet.read(written(rows))
    assert line.note == "why"
