"""Who wraps data keys: the secret key on this machine, or a key service (KMS) that never shows its own key."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.platform.secrets import Unsealable, derived

LOCAL: Final = "local:"
_NONCE_BYTES: Final = 12

SealContext = Mapping[str, str]  # what a wrapped key is bound to: it is unwrapped with the very same only


class KeyServiceAway(ConnectionError):
    """The key service cannot be asked just now, or does not let us: the same again, later, may well succeed."""


class Wrapper(Protocol):
    """A key-encryption key. `name` is kept beside what it has wrapped."""

    @property
    def name(self) -> str:
        """Which key wraps, as it is kept beside each data key; another key has another name."""

    async def wrap(self, key: bytes, context: SealContext) -> bytes:
        """Encrypt a data key. Raises KeyServiceAway."""
        ...

    async def unwrap(self, wrapped: bytes, context: SealContext) -> bytes:
        """The data key in clear. Raises Unsealable (not by this key, or not in this context) and KeyServiceAway."""
        ...


@dataclass(frozen=True, slots=True)
class Local(Wrapper):
    """ESTORNO_SECRET_KEY itself. Its name tells one from another and nothing about the key."""

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        return LOCAL + hashlib.sha256(derived(self.secret, "name")).hexdigest()[:12]

    async def wrap(self, key: bytes, context: SealContext) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(derived(self.secret, "wrap")).encrypt(nonce, key, _bound(context))

    async def unwrap(self, wrapped: bytes, context: SealContext) -> bytes:
        nonce, cipher = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(derived(self.secret, "wrap")).decrypt(nonce, cipher, _bound(context))
        except (InvalidTag, ValueError) as error:
            raise Unsealable("The data key was wrapped by another ESTORNO_SECRET_KEY, or is another row's.") from error


def _bound(context: SealContext) -> bytes:
    return json.dumps(dict(context), sort_keys=True).encode()
