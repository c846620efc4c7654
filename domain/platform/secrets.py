"""Sealing: AES-256-GCM with associated data, so that a sealed value works only in the row it was sealed for.

Which key is whose, and where it comes from, is in data_keys; here are bytes.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# The first version's associated data has the place alone, the second one's the version too: both are sealed with the
# secret key itself. The third is sealed with a merchant's data key, which it names.
_PLACE_ALONE: Final = b"\x01"
_VERSION: Final = b"\x02"
OF_A_DATA_KEY: Final = b"\x03"
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 16


class Unsealable(RuntimeError):
    """A sealed value does not open: it was copied from another row, changed, or sealed with another key."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """32 random bytes that seal what is one merchant's (None: ours)."""

    id: UUID
    merchant_id: UUID | None
    key: bytes = field(repr=False)


@lru_cache(maxsize=8)
def derived(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, of the secret key."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"estorno/{purpose}".encode()).derive(key)


def seal_with(key: SealingKey, values: Mapping[str, str], place: str) -> bytes:
    """Encrypt `values` with a data key for one place, such as `connections/<id>`."""
    head = prefix_of(key.id)
    nonce, plain = os.urandom(_NONCE_BYTES), json.dumps(dict(values), sort_keys=True).encode()
    return head + nonce + AESGCM(key.key).encrypt(nonce, plain, _bound(head, key, place))


def unseal_with(key: SealingKey, sealed: bytes, place: str) -> dict[str, str]:
    """The values that were sealed with this data key for this place. Raises Unsealable."""
    head, rest = sealed[: 1 + _ID_BYTES], sealed[1 + _ID_BYTES :]
    try:
        plain = AESGCM(key.key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(head, key, place))
    except (InvalidTag, ValueError) as error:
        raise Unsealable(f"The sealed value of {place} does not open with its merchant's key.") from error
    return _values(plain)


def _bound(head: bytes, key: SealingKey, place: str) -> bytes:
    return head + json.dumps([str(key.merchant_id), place]).encode()


def prefix_of(key_id: UUID) -> bytes:
    """How every value begins that is sealed with this data key: the version, and the key's id."""
    return OF_A_DATA_KEY + key_id.bytes


def key_of(sealed: bytes) -> UUID | None:
    """The id of the data key that a value is sealed with; None: with the secret key itself."""
    if sealed[:1] != OF_A_DATA_KEY:
        return None
    if len(sealed) < 1 + _ID_BYTES + _NONCE_BYTES:
        raise Unsealable("The sealed value is cut off.")
    return UUID(bytes=sealed[1 : 1 + _ID_BYTES])


def seal(key: bytes, values: Mapping[str, str], place: str) -> bytes:
    """Encrypt `values` with the secret key itself: for tests, and for what has no merchant's key yet."""
    nonce = os.urandom(_NONCE_BYTES)
    plain = json.dumps(dict(values), sort_keys=True).encode()
    return _VERSION + nonce + AESGCM(derived(key, "seal")).encrypt(nonce, plain, _associated(_VERSION, place))


def _associated(version: bytes, place: str) -> bytes:
    """What a sealed value is bound to. Raises ValueError for a version that never was."""
    if version == _PLACE_ALONE:
        return place.encode()
    if version != _VERSION:
        raise ValueError("There is no such version of a sealed value.")
    return version + place.encode()


def unseal(key: bytes, sealed: bytes, place: str) -> dict[str, str]:
    """The values that were sealed with the secret key itself for this place. Raises Unsealable."""
    nonce, cipher = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        plain = AESGCM(derived(key, "seal")).decrypt(nonce, cipher, _associated(sealed[:1], place))
    except (InvalidTag, ValueError) as error:
        raise Unsealable(f"The sealed value of {place} does not open with ESTORNO_SECRET_KEY.") from error
    return _values(plain)


def _values(plain: bytes) -> dict[str, str]:
    opened: dict[str, str] = json.loads(plain)
    return opened


def encrypt(key: bytes, plain: bytes, place: str) -> bytes:
    """Bytes encrypted with a key of 32 bytes that seals nothing else, for one place: a file's content."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _associated(_VERSION, place))


def decrypt(key: bytes, sealed: bytes, place: str) -> bytes:
    """The bytes that were encrypted with this key for this place. Raises Unsealable."""
    nonce, cipher = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, cipher, _associated(sealed[:1], place))
    except (InvalidTag, ValueError) as error:
        raise Unsealable(f"The content of {place} does not open with its own key.") from error


def keyed_digest(key: bytes, text: str) -> str:
    """A keyed hash (HMAC-SHA256, hex) that finds equal values without keeping them."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
