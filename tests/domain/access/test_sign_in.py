"""What is believed of an identity provider's tokens, and what is not."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from domain.access import sign_in
from domain.access.sign_in import NoSecondFactor, NotBelieved, Provider, UnknownKey

ISSUER = "https://id.example.com"
PROVIDER = Provider(ISSUER, f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/jwks")
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
KEYS = sign_in.keys_of(KeySet([RSA, EC]).as_dict(private=False))


def _claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    given = {
        "iss": ISSUER, "aud": "estorno", "sub": "1", "nonce": "n", "iat": now, "exp": now + 60,
        "email": "ana@example.com", "email_verified": True,
    }  # fmt: skip
    return {name: value for name, value in {**given, **more}.items() if value is not None}


def _signed(claims: dict[str, Any], key: Any = RSA, **header: Any) -> str:
    head = {"alg": "ES256" if key is EC else "RS256", "kid": key.kid, **header}
    algorithms = [head["alg"]]
    return jwt.encode({name: value for name, value in head.items() if value}, claims, key, algorithms=algorithms)


def _proven(token: str) -> str:
    return sign_in.address_of(token, KEYS, PROVIDER, "estorno", "n")


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_a_token_of_the_provider_for_us_proves_an_address(key: Any) -> None:
    assert _proven(_signed(_claims(), key)) == "ana@example.com"
    assert _proven(_signed(_claims(aud=["estorno", "other"], azp="estorno"), key)) == "ana@example.com"


@pytest.mark.parametrize(
    "more",
    [
        {"iss": "https://evil.example.com"},
        {"aud": "another"},
        {"aud": ["estorno", "other"]},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"iat": int(time.time()) + 86_400},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": None},
        {"email": 7},
        {"email": "an\u0131@example.com"},
    ],
)
def test_a_token_that_says_anything_else_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(NotBelieved):
        _proven(_signed(_claims(**more)))


def _by_the_public_key_as_secret() -> str:
    head = json.dumps({"alg": "HS256", "kid": "rsa"}).encode()
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in (head, json.dumps(_claims()).encode()))
    signature = hmac.digest(RSA.as_pem(private=False), signed, "sha256")
    return (signed + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_the_algorithm_is_ours_and_not_the_tokens() -> None:
    with pytest.raises(NotBelieved):
        _proven(_by_the_public_key_as_secret())
    with pytest.raises(NotBelieved):
        _proven(jwt.encode({"alg": "PS256", "kid": "rsa"}, _claims(), RSA, algorithms=["PS256"]))
    head, body, _ = _signed(_claims()).split(".")
    for token in (f"eyJhbGciOiJub25lIn0.{body}.", f"{head}.{body}.", "", "x", "x" * 30_000):
        with pytest.raises(NotBelieved):
            _proven(token)


def test_a_key_that_is_not_known_yet_is_told_from_a_token_that_is_wrong() -> None:
    other = RSAKey.generate_key(2048, {"kid": "new"})
    for signed in (_signed(_claims(), other), _signed(_claims(), other, kid="rsa")):
        with pytest.raises(UnknownKey):
            _proven(signed)
    with pytest.raises(NotBelieved):
        _proven(_signed(_claims(), RSA, kid=None))


@pytest.mark.parametrize(
    "document", [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, {"keys": [{"kty": "RSA", "use": "enc"}]},
                 {"keys": [{"kty": "RSA", "n": "!"}]}],
)  # fmt: skip
def test_keys_that_cannot_sign_for_a_provider_are_none(document: dict[str, Any]) -> None:
    with pytest.raises(NotBelieved):
        sign_in.keys_of(document)


@pytest.mark.parametrize(
    "more", [{"issuer": "https://evil.example.com"}, {"token_endpoint": "http://id.example.com/token"}, {"jwks_uri": 1}]
)
def test_a_provider_is_itself_and_speaks_https(more: dict[str, Any]) -> None:
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    metadata = {"issuer": ISSUER, **{name: f"{ISSUER}/{name}" for name in names}}
    assert sign_in.provider_of(metadata, ISSUER).issuer == ISSUER
    with pytest.raises(NotBelieved):
        sign_in.provider_of({**metadata, **more}, ISSUER)


@pytest.mark.parametrize(
    ("said", "is_enough"),
    [
        ({"amr": ["pwd", "mfa"]}, True),
        ({"acr": "urn:bank:loa:3"}, True),
        ({}, False),
        ({"amr": ["pwd"]}, False),
        ({"amr": "mfa"}, False),  # no list
        ({"amr": [["mfa"], {"mfa": 1}, None]}, False),
        ({"acr": ["mfa"]}, False),
        ({"acr": "mfa2"}, False),
    ],
)
def test_a_second_factor_is_what_the_provider_says_of_it(said: dict[str, Any], is_enough: bool) -> None:
    token, mfa = _signed(_claims(**said)), ("mfa", "urn:bank:loa:3")
    if is_enough:
        assert sign_in.address_of(token, KEYS, PROVIDER, "estorno", "n", mfa) == "ana@example.com"
    else:
        with pytest.raises(NoSecondFactor):
            sign_in.address_of(token, KEYS, PROVIDER, "estorno", "n", mfa)
    assert _proven(token) == "ana@example.com"
