"""Facts about PSEs through the API and the command line: nothing without its source, in four languages."""

import pytest

from domain.languages import LOCALES
from domain.pse import capabilities, explanations, registry
from domain.pse.capabilities import Route
from jobs.cli import facts
from jobs.cli.commands import CommandError
from tests.api.conftest import Enter

CAPABILITIES = """query Q($pse: String) { pseCapabilities(pse: $pse) { pse connected method route partial windowDays
  lookUp source asOf reason instead } }"""
EXPLAIN = """query Q($code: String!, $locale: String!) { pseErrorExplanation(pse: "pix", code: $code, locale: $locale) {
  meaning action retry source } }"""


async def test_capabilities_are_told_with_source_and_date(enter: Enter) -> None:
    asker = await enter()
    (row,) = await asker.ask(CAPABILITIES, pse="pix")
    assert (row["route"], row["partial"], row["windowDays"], row["lookUp"]) == ("ORIGINAL", True, 90, "BY_REFERENCE")
    assert (row["source"], row["asOf"]) == (
        "bacen/pix-api 2.9.0, PixDevolucaoInvalida and section on refunds",
        "2025-09-05",
    )
    assert any(not one["connected"] and one["reason"] for one in await asker.ask(CAPABILITIES))


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_code_is_explained_in_each_language(enter: Enter, locale: str) -> None:
    asker = await enter()
    told = await asker.ask(EXPLAIN, code="PixDevolucaoInvalida", locale=locale)
    found = explanations.explain("pix", "PixDevolucaoInvalida")
    assert found is not None
    assert (told["meaning"], told["action"], told["retry"]) == (found.meaning[locale], found.action[locale], "NEVER")
    assert await asker.ask(EXPLAIN, code="Nobody's", locale=locale) is None


async def test_an_unknown_language_says_which_there_are(enter: Enter) -> None:
    asker = await enter()
    told = await asker.told(EXPLAIN, code="x", locale="fr")
    assert "zh-CN" in str(told["errors"])


def test_every_code_of_every_pse_is_whole_in_every_language() -> None:
    for name in registry.connectors():
        for code, found in explanations.of_pse(name).items():
            assert set(found.meaning) == set(found.action) == set(LOCALES), (name, code)
            assert all([*found.meaning.values(), *found.action.values(), found.source]), (name, code)


def test_every_method_that_cannot_be_refunded_says_why_and_what_else() -> None:
    rows = [able for wire in registry.connectors().values() for able in wire.capabilities.values()]
    for able in (*rows, *(row.able for row in capabilities.unconnected())):
        assert able.route is not Route.UNSUPPORTED or (able.reason and able.instead)


def test_the_command_line_shows_the_same_facts() -> None:
    assert "pix" in {row[0] for row in facts.pses()}
    assert facts.capabilities_of("PIX")[0][:2] == ("pix", "PIX")
    assert facts.explained("DEVOLVIDO", None, "es")[1].strip() == "El dinero fue devuelto al pagador."
    with pytest.raises(CommandError, match="known are"):
        facts.capabilities_of("nobody")
    with pytest.raises(CommandError, match="--locale"):
        facts.explained("x", None, "fr")
    with pytest.raises(CommandError, match="known to say 'DEVOLVIDA'; the closest is DEVOLVIDO."):
        facts.explained("DEVOLVIDA", "pix", "en")
