"""What a channel wants to know besides its address and secret, by name: each channel has its own, and no other."""

from collections.abc import Mapping
from typing import Final

from domain.languages import LOCALES
from domain.models.deliveries import EndpointKind
from domain.problems import InvalidInput

LANGUAGE: Final = "language"
_KEYWORD: Final = "keyword"
_MENTIONS: Final = "mentions"
NAMES: Final[Mapping[EndpointKind, frozenset[str]]] = {
    EndpointKind.WEBHOOK: frozenset(),
    EndpointKind.EMAIL: frozenset({LANGUAGE}),
    EndpointKind.DINGTALK: frozenset({LANGUAGE, _KEYWORD, _MENTIONS}),
    EndpointKind.WECOM: frozenset({LANGUAGE, _MENTIONS}),
    EndpointKind.FEISHU: frozenset({LANGUAGE, _KEYWORD}),
    EndpointKind.SLACK: frozenset({LANGUAGE, _MENTIONS}),
    EndpointKind.TEAMS: frozenset({LANGUAGE}),
    EndpointKind.PAGERDUTY: frozenset({LANGUAGE}),
}
_VALUE_MAX: Final = 500


def checked(kind: EndpointKind, given: Mapping[str, str]) -> dict[str, str]:
    """The options as they are kept. Raises InvalidInput for a name that says nothing to the channel, or a bad value.

    One that nobody reads would be believed to hold: a robot whose keyword was misspelt takes nothing.
    """
    for name, value in given.items():
        if name not in NAMES[kind]:
            known = ", ".join(sorted(NAMES[kind])) or "–"
            raise InvalidInput(f"{kind} has no option {name[:64]}; it has: {known}.", path=["input", "options"])
        if len(value) > _VALUE_MAX or not value.isprintable():
            raise InvalidInput(f"An option has up to {_VALUE_MAX} printable characters.", path=["input", "options"])
        if name == LANGUAGE and value and value not in LOCALES:
            raise InvalidInput("A channel's language is en, zh-CN, es or pt-BR.", path=["input", "options"])
    return dict(given)
