"""What a file is for, who may hand it in and read it, and what it is by its content, whatever its name says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.access.tokens import Permission
from domain.models.files import Purpose

_MIB: Final = 1024 * 1024
_SIGNATURES: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one purpose. `readers`: any one of these permissions; `size_max` in bytes."""

    writer: Permission
    readers: frozenset[Permission]
    media_types: frozenset[str]
    size_max: int


RULES: Final[Mapping[Purpose, Rule]] = {
    Purpose.ONBOARDING_DOCUMENT: Rule(
        Permission.MANAGE_CONNECTIONS,
        frozenset({Permission.MANAGE_CONNECTIONS, Permission.REVIEW_CONNECTIONS}),
        frozenset({"application/pdf", "image/png", "image/jpeg"}),
        10 * _MIB,
    ),
}
SIZE_MAX: Final = max(rule.size_max for rule in RULES.values())


def media_type_of(content: bytes) -> str | None:
    """What the content says it is; None for what we take none of."""
    return next((media_type for start, media_type in _SIGNATURES if content.startswith(start)), None)
