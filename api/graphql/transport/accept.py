"""Which media type to answer in: the client's Accept, read as a list with weights (RFC 9110, section 12.5.1)."""

import re
from dataclasses import dataclass
from typing import Final

GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
MULTIPART: Final = "multipart/mixed"

# In this order when the client does not care, so that curl and old clients keep getting plain JSON.
_ANSWERS: Final = (JSON, GRAPHQL_RESPONSE, EVENT_STREAM, MULTIPART)
_STREAMS: Final = frozenset({EVENT_STREAM, MULTIPART})
_RANGES_MAX: Final = 50
_ENTRY_CHARACTERS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class _Range:
    """One entry of an Accept header."""

    media_type: str
    parameters: dict[str, str]
    weight: float
    position: int

    def specificity(self, answer: str) -> int | None:
        """How closely the entry names the answer, None: not at all. A stream is never given to a wildcard."""
        if self.media_type == answer:
            return 2 if answer != MULTIPART or self.parameters.get("subscriptionspec", "").startswith("1.0") else None
        if answer in _STREAMS:
            return None
        if self.media_type == answer.split("/")[0] + "/*":
            return 1
        return 0 if self.media_type == "*/*" else None


def preferred(accept: str | None) -> str | None:
    """The answer that the client likes best: by weight, then by how specifically it was named, then by position.

    None: it accepts nothing that we have. No header, or only wildcards, means plain JSON.
    """
    if not accept or not accept.strip():
        return JSON
    ranges = [_parsed(part, position) for position, part in enumerate(_parts(accept))]
    ranked = [
        (-chosen.weight, -specificity, chosen.position, index)
        for index, answer in enumerate(_ANSWERS)
        for specificity, chosen in [_closest(ranges, answer)]
        if chosen is not None and chosen.weight > 0
    ]
    return _ANSWERS[min(ranked)[3]] if ranked else None


def _parts(accept: str) -> list[str]:
    """The first entries: parts between commas, put together again where a comma stood within quotes. One pass."""
    parts: list[str] = []
    quoted = False
    for piece in accept.split(","):
        if quoted:
            parts[-1] = f"{parts[-1]},{piece}" if len(parts[-1]) < _ENTRY_CHARACTERS_MAX else parts[-1]
        elif len(parts) == _RANGES_MAX:
            break
        else:
            parts.append(piece)
        quoted ^= piece.count('"') % 2 == 1
    return parts


def _closest(ranges: list[_Range], answer: str) -> tuple[int, _Range | None]:
    """The entry that decides about an answer is the most specific one, whatever its weight."""
    matches = [
        (specificity, -entry.position, entry)
        for entry in ranges
        if (specificity := entry.specificity(answer)) is not None
    ]
    if not matches:
        return 0, None
    specificity, _, entry = max(matches, key=lambda match: match[:2])
    return specificity, entry


def _parsed(part: str, position: int) -> _Range:
    media_type, *rest = (piece.strip() for piece in part.split(";"))
    parameters = {}
    for piece in rest:
        name, _, value = piece.partition("=")
        parameters[name.strip().lower()] = value.strip().strip("\"'")
    return _Range(media_type.lower(), parameters, _weight(parameters.get("q", "1")), position)


def _weight(text: str) -> float:
    """A weight that is not a number between 0 and 1 counts as 1: the client did name the type."""
    return float(text) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", text) else 1.0
