"""Signatures of webhooks: by a shared secret or by a key pair, and never compared in a time that tells of them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from domain.pse.kit import moments
from domain.pse.vocabulary import BadSignature, Credentials, WebhookRequest

_Loaded = TypeVar("_Loaded")


def secrets_of(credentials: Credentials, *names: str) -> Sequence[str]:
    """Those of the named secrets that the connection has: while one is changed, the old one is good as well."""
    return [found for name in names if (found := credentials.secrets.get(name))]


def pairs(header: str) -> Sequence[tuple[str, str]]:
    """The pairs of a header `name=value,name=value`, in order; names in lower case."""
    parts = (part.partition("=") for part in header.split(","))
    return [(name.strip().lower(), value.strip()) for name, _, value in parts]


def hmac_sha256(secret: str | bytes, signed: str | bytes) -> bytes:
    """HMAC-SHA256 of bytes, or of a text's."""
    return hmac.new(_bytes(secret), _bytes(signed), hashlib.sha256).digest()


def check(given: Iterable[str], wanted: Iterable[str], said: str) -> None:
    """Any of the given is one of the wanted. Raises BadSignature with the words `said` where none is."""
    known = [_bytes(one) for one in wanted]
    if not any(hmac.compare_digest(_bytes(one), other) for one in given for other in known):
        raise BadSignature(said)


def _bytes(text: str | bytes) -> bytes:
    # JSON may escape half a surrogate pair, which UTF-8 has no bytes for.
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def from_pem(load: Callable[[bytes], _Loaded], pem: str, said: str) -> _Loaded:
    """What a secret of the connection holds in PEM. Raises BadSignature with the words `said` where it is not that."""
    try:
        return load(pem.encode())
    except ValueError as error:
        raise BadSignature(said) from error


def public_keys(credentials: Credentials, *names: str) -> Iterator[object]:
    """The public keys in PEM that the named secrets hold, each read when it is its turn. Raises BadSignature.

    A PSE may show a key with its line breaks written as \\n.
    """
    said = f"The connection's {names[0]} is not a PEM public key."
    for pem in secrets_of(credentials, *names):
        yield from_pem(load_pem_public_key, pem.replace("\\n", "\n"), said)


def check_rsa(
    request: WebhookRequest, header: str, keys: Iterable[object], algorithm: HashAlgorithm, secret: str
) -> None:
    """The header has the signature (PKCS #1 v1.5) of the body by one of the keys, in base64. Raises BadSignature.

    `secret`: the name of the connection's secret that holds the key, for the words.
    """
    try:
        signature = base64.b64decode(request.headers.get(header.lower(), ""), validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature(f"The header {header} is not base64.") from None
    for key in keys:
        if not isinstance(key, RSAPublicKey):
            raise BadSignature(f"The connection's {secret} has no RSA key.")
        try:
            key.verify(signature, request.body, PKCS1v15(), algorithm)
        except InvalidSignature:
            continue
        return
    raise BadSignature(f"The header {header} does not fit the body and the connection's {secret}.")


def check_written_time(written: str, header: str, now: datetime, past: float, future: float) -> None:
    """As `check_time`, of what the header of that name holds: ISO 8601, UTC where it has no zone."""
    moment = moments.or_utc(written)
    if moment is None:
        raise BadSignature(f"{header} {written[:40]!r} is no ISO 8601 time.")
    check_time(moment.timestamp(), now, past, future)


def check_time(signed_at: float, now: datetime, past: float, future: float | None = None) -> None:
    """What was signed longer ago than `past`, or is signed ahead, is not taken. Raises BadSignature.

    `signed_at` in seconds since 1970, `past` and `future` in seconds; `future` is as `past` unless it is given.
    """
    if not -past <= signed_at - now.timestamp() <= (past if future is None else future):
        raise BadSignature("The webhook was signed too long ago, or its clock is ahead of ours.")
