"""Signatures of shops' webhooks: HMAC-SHA256 of the raw body, in base64 or hex, compared in constant time."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final

from domain.pse.vocabulary import BadSignature

TOLERANCE_SECONDS: Final = 300.0
_PREFIX: Final = "whsec_"


def digest(secret: str | bytes, signed: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.new(secret.encode() if isinstance(secret, str) else secret, signed, sha256).digest()


def check_base64(given: str, secrets: Iterable[str], body: bytes, header: str) -> None:
    """The header has the HMAC of the body by one of the secrets, in base64. Raises BadSignature."""
    try:
        found = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature(f"{header} is not base64.") from None
    if not any(hmac.compare_digest(found, digest(secret, body)) for secret in secrets):
        raise BadSignature(f"{header} does not fit the body.")


def key_of(secret: str) -> bytes:
    """The bytes of a `whsec_` secret of Standard Webhooks. Raises ValueError where it is none."""
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("The secret is not base64 behind whsec_.") from error


def standard(secret: str, name: str, seconds: int, content: bytes) -> str:
    """The signature of a message by Standard Webhooks, version 1: `v1,<base64>`."""
    made = digest(key_of(secret), f"{name}.{seconds}.".encode() + content)
    return f"v1,{base64.b64encode(made).decode()}"


def check_standard(
    headers: dict[str, str], secrets: Iterable[str], content: bytes, now: datetime, tolerance: float = TOLERANCE_SECONDS
) -> None:
    """The three headers of Standard Webhooks sign this content, lately. Raises BadSignature."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise BadSignature("webhook-id or webhook-timestamp is missing.")
    if abs(int(stamp) - now.timestamp()) > tolerance:
        raise BadSignature("It was signed too long ago, or its clock is ahead of ours.")
    given = headers.get("webhook-signature", "").split()[:10]
    for secret in secrets:
        wanted = standard(secret, name, int(stamp), content).encode()
        if any(hmac.compare_digest(one.encode(), wanted) for one in given):
            return
    raise BadSignature("webhook-signature does not fit.")
