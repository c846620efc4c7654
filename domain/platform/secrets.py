"""Sealing: AES-256-GCM with associated data, so that a sealed value works only in the row it was sealed for."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# The second version's associated data has the version itself; the first one's had the place alone.
_VERSION: Final = b"\x02"
_PLACE_ALONE: Final = b"\x01"
_NONCE_BYTES: Final = 12


class Unsealable(RuntimeError):
    """A sealed value does not open: it was copied from another row, changed, or sealed with another key."""


@lru_cache(maxsize=8)
def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"estorno/{purpose}".encode()).derive(key)


def seal(key: bytes, values: Mapping[str, str], place: str) -> bytes:
    """Encrypt `values` for one place, such as `connections/<id>`. `key` is the 32-byte secret key."""
    return seal_bytes(key, json.dumps(dict(values), sort_keys=True).encode(), place)


def seal_bytes(key: bytes, plain: bytes, place: str) -> bytes:
    """As `seal`, of bytes: a file's content."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(_derived(key, "seal")).encrypt(nonce, plain, _associated(_VERSION, place))


def _associated(version: bytes, place: str) -> bytes:
    """What a sealed value is bound to. Raises ValueError for a version that never was."""
    if version == _PLACE_ALONE:
        return place.encode()
    if version != _VERSION:
        raise ValueError("There is no such version of a sealed value.")
    return version + place.encode()


def unseal(key: bytes, sealed: bytes, place: str) -> dict[str, str]:
    """The values sealed for this place. Raises Unsealable."""
    opened: dict[str, str] = json.loads(unseal_bytes(key, sealed, place))
    return opened


def unseal_bytes(key: bytes, sealed: bytes, place: str) -> bytes:
    """The bytes sealed for this place. Raises Unsealable."""
    nonce, cipher = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(_derived(key, "seal")).decrypt(nonce, cipher, _associated(sealed[:1], place))
    except (InvalidTag, ValueError) as error:
        raise Unsealable(f"The sealed value of {place} does not open with ESTORNO_SECRET_KEY.") from error


def keyed_digest(key: bytes, text: str) -> str:
    """A keyed hash (HMAC-SHA256, hex) that finds equal values without keeping them."""
    return hmac.new(_derived(key, "digest"), text.encode(), hashlib.sha256).hexdigest()
