"""A sealed value opens in its place, in the version it was sealed in, and nowhere else."""

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.platform import secrets

KEY = b"k" * 32


@pytest.mark.parametrize("version", [0, 1, 3, 255])
def test_the_version_of_a_sealed_value_cannot_be_changed(version: int) -> None:
    sealed = secrets.seal(KEY, {"a": "b"}, "places/1")
    assert sealed[0] != version
    with pytest.raises(secrets.Unsealable):
        secrets.unseal(KEY, bytes([version]) + sealed[1:], "places/1")
    assert secrets.unseal(KEY, sealed, "places/1") == {"a": "b"}


def test_a_value_of_the_first_version_still_opens_and_cannot_be_called_one_of_the_second() -> None:
    nonce = os.urandom(12)
    cipher = AESGCM(secrets._derived(KEY, "seal")).encrypt(nonce, b'{"a": "b"}', b"places/1")
    assert secrets.unseal(KEY, b"\x01" + nonce + cipher, "places/1") == {"a": "b"}
    with pytest.raises(secrets.Unsealable):
        secrets.unseal(KEY, b"\x02" + nonce + cipher, "places/1")
