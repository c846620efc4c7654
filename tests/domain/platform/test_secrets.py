"""A sealed value opens in its place, in the version it was sealed in, and nowhere else."""

import os
from dataclasses import replace
from uuid import uuid4

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
    cipher = AESGCM(secrets.derived(KEY, "seal")).encrypt(nonce, b'{"a": "b"}', b"places/1")
    assert secrets.unseal(KEY, b"\x01" + nonce + cipher, "places/1") == {"a": "b"}
    with pytest.raises(secrets.Unsealable):
        secrets.unseal(KEY, b"\x02" + nonce + cipher, "places/1")


def test_a_value_opens_with_its_own_data_key_for_its_merchant_and_place_only() -> None:
    key = secrets.SealingKey(uuid4(), uuid4(), os.urandom(32))
    sealed = secrets.seal_with(key, {"a": "b"}, "places/1")
    assert (secrets.key_of(sealed), secrets.unseal_with(key, sealed, "places/1")) == (key.id, {"a": "b"})
    others = [replace(key, merchant_id=uuid4()), replace(key, key=os.urandom(32))]
    renamed = secrets.prefix_of(uuid4()) + sealed[17:]
    for other, value, place in [
        (others[0], sealed, "places/1"),
        (others[1], sealed, "places/1"),
        (key, sealed, "places/2"),
        (key, renamed, "places/1"),
        (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), "places/1"),
    ]:
        with pytest.raises(secrets.Unsealable):
            secrets.unseal_with(other, value, place)
    assert "key=" not in repr(key)
    with pytest.raises(secrets.Unsealable, match="cut off"):
        secrets.key_of(sealed[:20])
