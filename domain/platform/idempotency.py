"""Same key, same input: the same answer. Same key, other input: a conflict. Kept for the life of the subject."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.platform.database import rows
from domain.problems import IdempotencyConflict, InvalidInput

KEY_LENGTH: Final = (16, 255)


def digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of an input, hex."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def check_key(key: str) -> None:
    """Raises InvalidInput unless the key is 16 to 255 printable ASCII characters without spaces."""
    low, high = KEY_LENGTH
    if not (low <= len(key) <= high and key.isascii() and key.isprintable() and " " not in key):
        raise InvalidInput(
            f"idempotencyKey takes {low} to {high} printable ASCII characters without spaces; a UUID is a good key.",
            path=["input", "idempotencyKey"],
        )


async def claim(
    merchant_id: UUID, mutation: str, key: str, values: Mapping[str, Any], subject_id: UUID, cause: Cause
) -> UUID | None:
    """Take the key for `subject_id` inside the caller's transaction; None: it is new, else the subject that has it.

    A concurrent request with the same key waits here for the first one's commit or rollback.
    Raises InvalidInput, IdempotencyConflict.
    """
    check_key(key)
    wanted = digest(values)
    taken = await rows(
        "INSERT INTO idempotency_keys (merchant_id, mutation, key, input_digest, request_id, subject_id, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, now()) ON CONFLICT (merchant_id, mutation, key) DO NOTHING RETURNING id",
        merchant_id,
        mutation,
        key,
        wanted,
        cause.request_id,
        subject_id,
    )
    if taken:
        return None
    (stored,) = await rows(
        "SELECT input_digest, request_id, subject_id FROM idempotency_keys "
        "WHERE merchant_id = $1 AND mutation = $2 AND key = $3",
        merchant_id,
        mutation,
        key,
    )
    check_same(stored["input_digest"], wanted, stored["request_id"])
    subject: UUID = stored["subject_id"]
    return subject


async def is_known(merchant_id: UUID, mutation: str, key: str) -> bool:
    """Whether the key was taken by something that was done."""
    statement = "SELECT 1 AS one FROM idempotency_keys WHERE merchant_id = $1 AND mutation = $2 AND key = $3"
    return bool(await rows(statement, merchant_id, mutation, key))


def check_same(stored: str, wanted: str, original_request_id: str) -> None:
    """Raises IdempotencyConflict unless the key's stored input is the wanted one (digests)."""
    if stored != wanted:
        raise IdempotencyConflict(
            "This idempotencyKey was used before with another input; use a new key for a new request.",
            path=["input", "idempotencyKey"],
            original_request_id=original_request_id,
        )
