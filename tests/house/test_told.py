"""What people are told of findings, refunds, costs, PSEs, shops and taxes is there in four languages."""

import re
import tomllib
from collections.abc import Iterator
from typing import Final

import pytest

from domain.deliveries import catalogue
from domain.languages import LOCALES
from domain.platform.spoken.amounts import in_the_readers_way
from domain.platform.spoken.book import all_told, told_in
from domain.refunds.approvals import defaults
from tests.house import said

OTHERS: Final = LOCALES[1:]
_WORDS: Final = re.compile(r"[A-Za-z][a-z']+")
# Tables of the domain, and by which of their keys a person is told something. What they cite is no sentence of ours.
_TABLES: Final = {
    "domain/pse/*/capabilities.toml": {"reason", "instead", "window_from"},
    "domain/pse/unconnected.toml": {"reason", "instead"},
    "domain/pse/*/credentials.toml": {"label", "where"},
    "domain/pse/*/words.toml": {"to_do", "not_askable"},
    "domain/taxes/rules/*.toml": {"says", "on_miss"},
    "domain/usage/*.toml": {"said"},
}
# What is counted and may be one: of one it is another sentence, for "1 rows" is none in any language.
_SEVERAL: Final = re.compile(r"(?:\{\} of )?\{\} (?:more |converted )?(?:rows|lines|words|refunds)\b")
_ONE: Final = re.compile(r"\b(?:1|a|one|the one) (?:more |converted )?(?:row|line|word|refund)\b")
# Of a limit, of two or more, of a count whose one needs no other words; and a word of the file's own.
_NEVER_ONE: Final = re.compile(
    r"(?:no longer|at most|[Mm]ore than|may have|newest|holds|HEADER tells of) \{\} "
    r"(?:of the \{\} )?(?:rows|lines|refunds)"
    r"|\{\} rows \(from|^\{\} of \{\} refunds$"
)
# Names of a PSE's own pages, and an address: the same in every language.
_NAMES: Final = {
    "https://ca-live.adyen.com/reports/download/MerchantAccount/<merchant account>",
    "Customer Area > Developers > API credentials > report@Company... > Basic auth",
    "Customer Area > Developers > Webhooks > Standard webhook",
    "Customer Area > Developers > Webhooks > Standard webhook > Basic authentication",
    "Dashboard > Settings > Account details (acct_...)",
    "Panel > Developers > API keys > Private key (key_...)",
    "Panel > Developers > Webhooks > Webhook keys",
}
_OURS: Final = re.compile(r"[a-z]{2,} [a-z]{2,}")


def _known() -> set[str]:
    return {"{}".join(one.parts) for one in all_told().sentences}


def _texts(table: object, keys: set[str], key: str = "") -> Iterator[str]:
    if isinstance(table, dict):
        for name, value in table.items():
            yield from _texts(value, keys, key if key in keys else name)
    elif isinstance(table, list):
        for value in table:
            yield from _texts(value, keys, key)
    elif isinstance(table, str) and key in keys:
        yield table


def _of_tables() -> Iterator[str]:
    for pattern, keys in _TABLES.items():
        for path in sorted(said.CHECKOUT.glob(pattern)):
            yield from _texts(tomllib.loads(path.read_text()), keys)


def test_every_sentence_that_a_finding_a_history_or_a_cost_is_given_is_there_in_every_language() -> None:
    sentences = {text: place for text, place in said.told().items() if len(_WORDS.findall(text.replace("{}", ""))) > 2}
    assert len(sentences) > 75
    missing = {text: place for text, place in sentences.items() if text.strip() not in _known()}
    assert missing == {}, "Add them to domain/platform/spoken/told/."


def test_every_sentence_of_the_domains_tables_is_there_in_every_language() -> None:
    told = {text for text in _of_tables() if _OURS.search(text) and text not in _NAMES}
    assert len(told) > 180
    assert sorted(told - _known()) == [], "Add them to domain/platform/spoken/told/."


def test_what_events_and_the_rules_of_every_merchant_say_is_there_in_every_language() -> None:
    told = {one.said for one in catalogue.TYPES} | {rule.need.why for rule in defaults.RULES}
    assert len(told) > 30
    assert sorted(told - _known()) == []


def test_a_sentence_that_counts_has_another_for_one() -> None:
    """Known by the words before the count: `By {} rows of report` and `By 1 row of report`."""
    several = [text for text in _known() if _SEVERAL.search(text) and not _NEVER_ONE.search(text)]
    assert len(several) > 8
    ones = {_ONE.sub("#", text.lower()) for text in _known() if _ONE.search(text.lower())}
    assert [text for text in several if not any(one.startswith(_begun(text)) for one in ones)] == []


def _begun(text: str) -> str:
    """What stands before the count, and a mark for it; of `{} of {} lines` it is the mark alone."""
    found = _SEVERAL.search(text)
    return f"{text[: found.start()].lower()}#" if found else text


def test_each_sentence_has_the_facts_of_its_english() -> None:
    for one in all_told().sentences:
        wanted = {str(place) for place in range(1, len(one.parts))}
        for locale, words in one.others.items():
            assert set(re.findall(r"\{(\d+)\}", words)) == wanted, (locale, words)


@pytest.mark.parametrize("locale", OTHERS)
def test_several_sentences_are_told_one_by_one_and_a_strangers_words_stay(locale: str) -> None:
    proven = "Refund r1 is proven; BRL 1.88 of VAT was paid on the sale and has not been taken back."
    due = "By rule br-1 it is to be done by 2026-12-31."
    both = told_in(f"{proven} {due}", locale)
    assert told_in(proven, locale) in both
    assert told_in(due, locale) in both
    assert "is proven" not in both
    assert all(fact in both for fact in ("r1", "1.88" if locale == "zh-CN" else "1,88", "2026-12-31"))
    assert told_in("José said: leave it. The PSE takes us again.", locale).startswith("José said: leave it. ")


@pytest.mark.parametrize(
    ("locale", "amount"), [("pt-BR", "R$\xa070.000,00"), ("es", "70.000,00\xa0BRL"), ("zh-CN", "R$70,000.00")]
)
def test_an_amount_within_a_sentence_is_written_in_the_readers_way(locale: str, amount: str) -> None:
    proven = "Refund r1 is proven; BRL 70000.00 of VAT was paid on the sale and has not been taken back."
    told = told_in(proven, locale)
    assert (amount in told, "BRL 7" in told, proven == told_in(proven, "en")) == (True, False, True)
    assert told_in("Maria wrote: BRL 70000.00, please.", locale) == "Maria wrote: BRL 70000.00, please."
    left = in_the_readers_way("BRL/USD 0.185577, COP 5 and BRL 1.234.567, ABC 5.00", locale)
    assert left.startswith("BRL/USD 0.185577, ")
    assert left.endswith(" BRL 1.234.567, ABC 5.00")
    assert "COP 5 " not in left


@pytest.mark.parametrize("locale", OTHERS)
def test_a_fact_that_is_a_sentence_is_told_too(locale: str) -> None:
    told = told_in(
        "Whether refund r1 was paid is not known. The PSE was asked for a day and gave no clear answer.", locale
    )
    assert "PSE was asked" not in told
    assert "r1" in told
    waits = "It waits: nothing is sent to the connection's address. It is no address that is known by its host."
    assert "It waits" not in told_in(waits, locale)


def test_what_is_hostile_is_told_in_steps_of_its_length() -> None:
    assert told_in("x. " * 100_000, "es") == "x. " * 100_000
    assert told_in("{} {1} {0} {}", "es") == "{} {1} {0} {}"
    assert "{1}" in told_in("Payment {1} is not registered.", "es")
