"""RSA keys that PSEs of the sandbox sign their webhooks with."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


@cache
def signing_key(pem: bytes) -> RSAPrivateKey:
    """A key that is written down: proving again that its primes are prime would cost more than most tests."""
    key = load_pem_private_key(pem, None)
    assert isinstance(key, RSAPrivateKey), "The sandbox's own keys are RSA."
    return key
