"""Signatures by the Standard Webhooks specification 1.0.0, scheme v1: HMAC-SHA256 over `id.timestamp.body`."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
_BYTES: Final = 32
_LEAST, _MOST = 24, 64  # the specification's bounds


def new_secret() -> str:
    """A random secret, as it is shown."""
    return PREFIX + base64.b64encode(os.urandom(_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises ValueError, whose text has nothing of the secret in it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError("A secret is whsec_ and base64.") from None
    if not _LEAST <= len(key) <= _MOST:
        raise ValueError(f"A secret has {_LEAST} to {_MOST} bytes.")
    return key


def signature(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret, the newest first. `at` has a zone."""
    signed = f"{message_id}.{timestamp(at)}.".encode() + body
    made = (hmac.new(key_of(secret), signed, hashlib.sha256).digest() for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made)


def timestamp(at: datetime) -> int:
    """Unix seconds, whatever the zone. A moment without one is a bug."""
    assert at.tzinfo is not None, "A moment has a zone."
    return int(at.timestamp())
