"""Private keys for a server: which are taken, however many digits somebody has written."""

import base64
import struct

import asyncssh
import pytest

from domain.reconciliation.ssh_keys import TooLongKey, UnusableKey, check_private


def _text(told: bytes) -> bytes:
    return struct.pack(">I", len(told)) + told


def _number(told: int) -> bytes:
    return _text(told.to_bytes(told.bit_length() // 8 + 1, "big"))


def rsa_key(p: int, q: int, d: int, n: int | None = None, e: int = 65_537) -> str:
    """An RSA key as OpenSSH writes it, of whatever numbers."""
    modulus = p * q if n is None else n
    public = _text(b"ssh-rsa") + _number(e) + _number(modulus)
    numbers = (modulus, e, d, pow(q, -1, p), p, q)
    private = struct.pack(">II", 7, 7) + _text(b"ssh-rsa") + b"".join(map(_number, numbers)) + _text(b"")
    private += bytes(range(1, -len(private) % 8 + 1))
    parts = (_text(b"none"), _text(b"none"), _text(b""), struct.pack(">I", 1), _text(public), _text(private))
    whole = base64.encodebytes(b"openssh-key-v1\0" + b"".join(parts)).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{whole}-----END OPENSSH PRIVATE KEY-----\n"


def _d_of(p: int, q: int, e: int = 65_537) -> int:
    return pow(e, -1, (p - 1) * (q - 1))


P, Q = 2**1279 - 1, 2**2203 - 1  # prime, and so are these two: 4,253 and 4,423 bits
LONG_P, LONG_Q = 2**4253 - 1, 2**4423 - 1


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_a_key_as_people_make_it_is_taken(kind: str) -> None:
    check_private(asyncssh.generate_private_key(kind).export_private_key().decode())
    check_private(rsa_key(P, Q, _d_of(P, Q)))


def test_a_key_of_more_bits_than_anybody_uses_is_refused_before_anything_is_counted_with_it() -> None:
    with pytest.raises(TooLongKey):
        check_private(rsa_key(LONG_P, LONG_Q, _d_of(LONG_P, LONG_Q)))


def test_numbers_that_are_of_no_one_key_are_refused() -> None:
    for text in (
        rsa_key(P, Q, _d_of(P, Q) + 2),
        rsa_key(P, Q, _d_of(P, Q), n=P * Q + 2),
        rsa_key(P, Q + 1, 5),
        rsa_key(P, Q, _d_of(P, Q)).replace("OPENSSH", "RSA"),
        "x" * 30_000,
    ):
        with pytest.raises(UnusableKey):
            check_private(text)
