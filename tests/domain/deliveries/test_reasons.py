"""Why something did not arrive is read in four languages: every sentence of ours, with its facts where they belong."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.deliveries import reasons
from domain.languages import ENGLISH, LOCALES
from tests.house.said import CHECKOUT, texts_of

_SAID_BY = frozenset({"Later", "Broken", "Refused", "NotReplied", "ValueError"})
_PLACES = ("domain/deliveries/channels", "domain/deliveries/health.py", "jobs/deliveries.py", "jobs/wire/mail.py",
           "jobs/wire/abroad.py")  # fmt: skip
_OTHERS = {"Its certificate is not believed: {}.", "TLS failed: {}.", "It has been failing for 5 days: {}"}
_OWN_WORDS = re.compile(r"[A-Za-z]{3,}")


def _sentences() -> Iterator[str]:
    for place in _PLACES:
        path = CHECKOUT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield from _of(file)


def _of(file: Path) -> Iterator[str]:
    for call in ast.walk(ast.parse(file.read_text())):
        if (
            isinstance(call, ast.Return)
            and isinstance(call.value, ast.JoinedStr | ast.Constant)
            and "abroad" in file.name
        ):
            yield from texts_of(call.value)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _SAID_BY:
            for argument in call.args:
                yield from texts_of(argument)


def test_every_reason_of_the_code_is_there_in_every_language() -> None:
    known = {"{}".join(one.parts) for one in reasons.known().sentences}
    wanted = {one for one in _sentences() if _OWN_WORDS.search(one.replace("{}", ""))} | _OTHERS
    assert len(wanted) > 30
    assert wanted - _NEVER_READ <= known, wanted - _NEVER_READ - known


_NEVER_READ = {"Not even an ellipsis fits."}  # caught where it is raised


def test_each_translation_has_the_facts_of_its_sentence() -> None:
    for one in reasons.known().sentences:
        wanted = {f"{{{place}}}" for place in range(1, len(one.parts))}
        assert all(set(re.findall(r"\{[1-9]\}", words)) == wanted and words for words in one.others.values()), one.parts


@pytest.mark.parametrize(
    ("said", "language", "told"),
    [
        ("Your server answered 500.", "es", "Su servidor respondió 500."),
        (
            "It has been failing for 5 days: Your server answered 500.",
            "zh-CN",
            "已连续失败 5 天：您的服务器返回了 500。",
        ),
        ("310000: sign not match", "pt-BR", "310000: sign not match"),
        ("We move.", "es", "We move."),
        ("Your server answered {1}.", "es", "Su servidor respondió {1}."),
    ],
)
def test_a_reason_is_told_with_its_facts_and_a_channels_or_a_persons_own_words_stay(
    said: str, language: str, told: str
) -> None:
    assert reasons.in_words(said, language) == told
    assert reasons.in_words(said, "en") == said


def test_the_languages_of_a_channel_are_those_of_the_reasons() -> None:
    assert set(LOCALES) == {ENGLISH, *reasons.OTHERS}
