"""Private keys that people give for a server, looked at before they are kept.

OpenSSL would look whether an RSA key's numbers are prime, which of a long one takes minutes, and nothing else of the
process runs meanwhile. Whose key it is loses by a number that is not; that they belong together is counted here.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

RSA_BITS_MAX: Final = 8_192  # what signs with a longer one takes seconds
_LENGTH_MAX: Final = 20_000


class UnusableKey(ValueError):
    """It is no private key in OpenSSH's format, or it has a passphrase."""


class TooLongKey(ValueError):
    """It is an RSA key of more than RSA_BITS_MAX."""


def check_private(text: str) -> None:
    """Raises UnusableKey, TooLongKey."""
    try:
        if len(text) > _LENGTH_MAX:
            raise ValueError(text[:10])
        key = load_ssh_private_key(text.strip().encode() + b"\n", password=None, unsafe_skip_rsa_key_validation=True)
    except Exception:
        raise UnusableKey("It cannot be read.") from None
    if not isinstance(key, RSAPrivateKey):
        return
    if key.key_size > RSA_BITS_MAX:
        raise TooLongKey(f"It has {key.key_size} bits.")
    if not _is_one(key):
        raise UnusableKey("Its numbers are not of one key.")


def _is_one(key: RSAPrivateKey) -> bool:
    """Whether its numbers are those of one key, but for being prime."""
    own = key.private_numbers()
    public, p, q = own.public_numbers, own.p, own.q
    if not all(number % 2 and number > 2 for number in (p, q, public.e)) or p * q != public.n:
        return False
    return (
        (own.d * public.e - 1) % (p - 1) == 0
        and (own.d * public.e - 1) % (q - 1) == 0
        and own.dmp1 == own.d % (p - 1)
        and own.dmq1 == own.d % (q - 1)
        and own.iqmp * q % p == 1
    )
