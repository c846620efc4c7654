"""Speaks with the identity provider: its documents, kept for a while, and the exchange of a code.

The only HTTP that the API sends. The provider's addresses are an operator's setting and never a client's word; no
redirect is followed, an answer is bounded in size and time. While it does not answer, few requests wait for it, and it
is not asked again at once: whoever waits holds a place of those who come without a token.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
from joserfc.jwk import KeySet

from domain.access import sign_in
from domain.access.sign_in import NotBelieved, Provider, SignInAttempt, UnknownKey
from domain.platform.settings import Settings

_SECONDS_MAX: Final = 3.0  # of one answer
_PAUSE_SECONDS: Final = 5.0  # after a failure
_WAITING_MAX: Final = 16
_PLACES: Final = 4  # one in so many of the process's requests may wait: half of the strangers'
_BYTES_MAX: Final = 262_144
_KEPT_SECONDS: Final = 3_600.0
_AGAIN_SECONDS: Final = 30.0  # the earliest that an unknown key has the keys fetched anew
_DISCOVERY: Final = "/.well-known/openid-configuration"


class Directory:
    """What is known of the identity provider of the settings. Raises NotBelieved where it is not to be believed."""

    def __init__(
        self,
        settings: Settings,
        again_seconds: float = _AGAIN_SECONDS,
        seconds_max: float = _SECONDS_MAX,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._again_seconds = again_seconds
        self._seconds_max = seconds_max
        self._pause_seconds = pause_seconds
        self._free = max(1, min(_WAITING_MAX, settings.requests_max // _PLACES))
        self._settings = settings
        self._lock = asyncio.Lock()
        self._provider: Provider | None = None
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._failed_at = float("-inf")

    async def provider(self) -> Provider:
        """Its addresses."""
        provider, _ = await self._known(_KEPT_SECONDS)
        return provider

    async def address(self, code: str, attempt: SignInAttempt, redirect_uri: str) -> str:
        """The e-mail address that a code of the attempt proves. Raises NoSecondFactor where one is demanded."""
        provider, keys = await self._known(_KEPT_SECONDS)
        token = await self._exchanged(provider, code, attempt, redirect_uri)
        client, mfa = self._settings.oidc_client_id, self._settings.mfa_values
        try:
            return sign_in.address_of(token, keys, provider, client, attempt.nonce, mfa)
        except UnknownKey:
            provider, keys = await self._known(self._again_seconds)
            return sign_in.address_of(token, keys, provider, client, attempt.nonce, mfa)

    async def _known(self, seconds: float) -> tuple[Provider, KeySet]:
        """Its addresses and keys, not older than this."""
        known = self._fetched(seconds)
        if known is not None:
            return known
        with self._place():
            async with self._lock:
                return self._fetched(seconds) or await self._fetch()

    def _fetched(self, seconds: float) -> tuple[Provider, KeySet] | None:
        if self._provider is None or self._keys is None or time.monotonic() - self._fetched_at > seconds:
            return None
        return self._provider, self._keys

    async def _fetch(self) -> tuple[Provider, KeySet]:
        if time.monotonic() - self._failed_at < self._pause_seconds:
            raise NotBelieved("The provider failed a moment ago.")
        issuer = self._settings.oidc_issuer
        try:
            if not sign_in.is_safe(issuer):
                raise NotBelieved("ESTORNO_OIDC_ISSUER is no https address.")
            metadata = await self._asked("GET", issuer.rstrip("/") + _DISCOVERY)
            provider = sign_in.provider_of(metadata, issuer)
            keys = sign_in.keys_of(await self._asked("GET", provider.jwks_uri))
        except NotBelieved:
            self._failed_at = time.monotonic()
            raise
        self._provider, self._keys, self._fetched_at = provider, keys, time.monotonic()
        return provider, keys

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the few that may wait for the provider. Raises NotBelieved where there is none left."""
        if self._free < 1:
            raise NotBelieved("Too many wait for the provider.")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def _exchanged(self, provider: Provider, code: str, attempt: SignInAttempt, redirect_uri: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        client = httpx.BasicAuth(self._settings.oidc_client_id, self._settings.oidc_client_secret)
        with self._place():
            answer = await self._asked("POST", provider.token_endpoint, data=form, auth=client)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotBelieved("The provider gave no ID token.")
        return token

    async def _asked(self, method: str, address: str, **more: Any) -> Mapping[str, Any]:
        return await _asked(method, address, self._seconds_max, **more)


async def _asked(method: str, address: str, seconds: float, **more: Any) -> Mapping[str, Any]:
    """A JSON object. Raises NotBelieved."""
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=seconds, follow_redirects=False) as http,
            http.stream(method, address, headers={"accept": "application/json"}, **more) as answer,
        ):
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _BYTES_MAX:
                    raise NotBelieved(f"{address} answers with more than {_BYTES_MAX} bytes.")
        found = json.loads(body) if answer.status_code == 200 else None
    except (httpx.HTTPError, TimeoutError, ValueError) as error:
        raise NotBelieved(f"{address} does not answer as it should: {error!r}.") from error
    if not isinstance(found, dict):
        raise NotBelieved(f"{address} answers with {answer.status_code} and no JSON object.")
    return found
