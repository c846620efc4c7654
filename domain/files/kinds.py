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
    (b"PK\x03\x04", "application/zip"),  # and so xlsx
    (b"\x1f\x8b", "application/gzip"),
    (b"PAR1", "application/vnd.apache.parquet"),
)
_TEXT: Final = "text/plain"  # CSV, XML, OFX, CNAB: what they are is found by their readers
_LOOKED_AT_BYTES: Final = 8 * 1024
# As people call them, in whatever language.
NAMES: Final[Mapping[str, str]] = {
    _TEXT: "CSV / TXT / XML / JSON",
    "application/zip": "Excel (xlsx) / ZIP",
    "application/gzip": "GZIP",
    "application/pdf": "PDF",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "application/vnd.apache.parquet": "Parquet",
}
_PICTURES: Final = frozenset({"application/pdf", "image/png", "image/jpeg"})
_TABLES: Final = frozenset({_TEXT, "application/zip", "application/gzip"})


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """Of one purpose. `writer`: None where we make them; `readers`: any of these permissions; `size_max` in bytes."""

    writer: Permission | None
    readers: frozenset[Permission]
    media_types: frozenset[str]
    size_max: int


RULES: Final[Mapping[Purpose, PurposeRule]] = {
    Purpose.ONBOARDING_DOCUMENT: PurposeRule(
        Permission.MANAGE_CONNECTIONS,
        frozenset({Permission.MANAGE_CONNECTIONS, Permission.REVIEW_CONNECTIONS}),
        _PICTURES,
        10 * _MIB,
    ),
    Purpose.SETTLEMENT_REPORT: PurposeRule(
        Permission.KEEP_BOOKS, frozenset({Permission.KEEP_BOOKS, Permission.READ_LEDGER}), _TABLES, 32 * _MIB
    ),
    Purpose.BANK_STATEMENT: PurposeRule(
        Permission.KEEP_BOOKS, frozenset({Permission.KEEP_BOOKS, Permission.READ_LEDGER}), _TABLES, 16 * _MIB
    ),
    Purpose.TAX_DOCUMENT: PurposeRule(
        Permission.KEEP_BOOKS,
        frozenset({Permission.KEEP_BOOKS, Permission.READ_LEDGER}),
        _TABLES | _PICTURES,
        10 * _MIB,
    ),
    Purpose.FINDING_ATTACHMENT: PurposeRule(
        Permission.WORK_FINDINGS,
        frozenset({Permission.WORK_FINDINGS, Permission.READ_LEDGER}),
        _TABLES | _PICTURES,
        10 * _MIB,
    ),
    Purpose.DECISIONS: PurposeRule(
        Permission.WORK_FINDINGS, frozenset({Permission.WORK_FINDINGS, Permission.READ_LEDGER}), _TABLES, 16 * _MIB
    ),
    Purpose.REFUND_BATCH: PurposeRule(
        Permission.REFUND, frozenset({Permission.REFUND, Permission.APPROVE}), _TABLES, 16 * _MIB
    ),
    Purpose.PAYMENT_BATCH: PurposeRule(
        Permission.REGISTER_PAYMENT, frozenset({Permission.REGISTER_PAYMENT, Permission.APPROVE}), _TABLES, 16 * _MIB
    ),
    # It names accounts: who registers payments reads none of it.
    Purpose.BATCH_RESULT: PurposeRule(None, frozenset({Permission.REFUND, Permission.APPROVE}), _TABLES, 32 * _MIB),
    Purpose.PAYMENT_RESULT: PurposeRule(
        None, frozenset({Permission.REGISTER_PAYMENT, Permission.APPROVE}), _TABLES, 32 * _MIB
    ),
    Purpose.EXPORT: PurposeRule(None, frozenset({Permission.READ_LEDGER}), _TABLES, 128 * _MIB),
}
SIZE_MAX: Final = max(rule.size_max for rule in RULES.values() if rule.writer is not None)  # of what is handed in


def media_type_of(content: bytes) -> str | None:
    """What the content says it is; None for what we take none of. Text is what has no NUL at its beginning."""
    found = next((media_type for start, media_type in _SIGNATURES if content.startswith(start)), None)
    if found is None and content and b"\x00" not in content[:_LOOKED_AT_BYTES]:
        return _TEXT
    return found
