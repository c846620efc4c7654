"""Signing in with an identity provider (OpenID Connect, code flow with PKCE): what is asked, and what is believed.

Pure: whoever speaks HTTP brings the provider's documents. The algorithms are fixed, whatever a token's header says.
"""

import base64
import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

ALGORITHMS: Final = ("RS256", "ES256")
_KEY_TYPES: Final = frozenset({"RSA", "EC"})
_LEEWAY_SECONDS: Final = 60
_TOKEN_LENGTH_MAX: Final = 20_000


class NotBelieved(Exception):
    """The provider, or what it said, is not believed; the message is for the log."""


class NoSecondFactor(NotBelieved):
    """Who it was is believed, but not that a second factor was asked for, and the operator demands one."""


class UnknownKey(NotBelieved):
    """It is signed with none of the keys that are known: they may have been changed since."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider's addresses."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """One sign-in that has begun; the browser brings it back, sealed."""

    state: str
    nonce: str
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def begin() -> SignInAttempt:
    """A new attempt: three times 256 random bits."""
    return SignInAttempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32))


def provider_of(metadata: Mapping[str, Any], issuer: str) -> Provider:
    """The provider of a discovery document. Raises NotBelieved."""
    if metadata.get("issuer") != issuer:
        raise NotBelieved(f"The document is another issuer's: {metadata.get('issuer')!r}.")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    found = {name: metadata.get(name) for name in names}
    for name, address in found.items():
        if not isinstance(address, str) or not is_safe(address):
            raise NotBelieved(f"{name} is no https address: {address!r}.")
    return Provider(issuer, *(str(found[name]) for name in names))


def is_safe(address: str) -> bool:
    """Whether it is https, or this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


def authorization_url(
    provider: Provider, client_id: str, redirect_uri: str, attempt: SignInAttempt, mfa: Collection[str] = ()
) -> str:
    """Where the browser is sent. `mfa`: what the provider is asked to say of a second factor; none: it is not asked."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid email",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
        **({"acr_values": " ".join(mfa)} if mfa else {}),
    }
    joint = "&" if urlsplit(provider.authorization_endpoint).query else "?"
    return f"{provider.authorization_endpoint}{joint}{urlencode(asked)}"


def keys_of(document: Mapping[str, Any]) -> KeySet:
    """The provider's public keys that may sign; a shared secret among them is none. Raises NotBelieved."""
    given = document.get("keys")
    usable = [
        one
        for one in (given if isinstance(given, list) else ())
        if isinstance(one, dict) and one.get("kty") in _KEY_TYPES and one.get("use", "sig") == "sig"
    ]
    if not usable:
        raise NotBelieved("The provider has no key that we can use.")
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, TypeError) as error:
        raise NotBelieved(f"The provider's keys cannot be read: {error}.") from error


def address_of(
    id_token: str, keys: KeySet, provider: Provider, client_id: str, nonce: str, mfa: Collection[str] = ()
) -> str:
    """The verified e-mail address that an ID token proves. Raises NotBelieved, UnknownKey.

    `mfa`: one of these must stand in its `amr` (RFC 8176) or be its `acr`, else NoSecondFactor; none: no matter.
    """
    if len(id_token) > _TOKEN_LENGTH_MAX:
        raise NotBelieved("The ID token is too long.")
    try:
        token = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
        if "kid" not in token.header and len(keys.keys) > 1:
            raise NotBelieved("The ID token does not name its key.")
        _registry(provider, client_id, nonce).validate(token.claims)
    except (InvalidKeyIdError, BadSignatureError) as error:  # keys without a name are replaced without a sign
        raise UnknownKey(str(error)) from error
    except (JoseError, ValueError, TypeError) as error:
        raise NotBelieved(f"The ID token is not valid: {error}.") from error
    address = _address(token.claims, client_id)
    if mfa and not _has_second_factor(token.claims, mfa):
        raise NoSecondFactor("The provider does not say that a second factor was asked for.")
    return address


def _has_second_factor(claims: Mapping[str, Any], mfa: Collection[str]) -> bool:
    methods = claims.get("amr")
    said = [claims.get("acr"), *(methods if isinstance(methods, list) else ())]
    return any(isinstance(one, str) and one in mfa for one in said)


def _registry(provider: Provider, client_id: str, nonce: str) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": client_id},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )


def _address(claims: Mapping[str, Any], client_id: str) -> str:
    audience = claims["aud"]
    several = isinstance(audience, list) and len(audience) > 1
    if (several or "azp" in claims) and claims.get("azp") != client_id:
        raise NotBelieved("The ID token was made for another client.")
    address = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(address, str) or not address:
        raise NotBelieved("The provider has not verified an e-mail address.")
    if not address.isascii():  # nobody here has one
        raise NotBelieved("The provider's address is not ASCII.")
    return address
