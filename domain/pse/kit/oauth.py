"""OAuth2 client credentials (RFC 6749 section 4.4) as an httpx.Auth: one cached token, one token request at a time."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from typing import Final

import httpx

from domain.pse.vocabulary import PURPOSE, TOKEN, TokenRefused, TokenUnavailable

_MARGIN_SECONDS: Final = 30.0
_LIFETIME_SECONDS_DEFAULT: Final = 300.0
_TIMEOUT_SECONDS: Final = 10.0
_LATER: Final = (408, 425, 429)


def token_request(token_url: str, scope: str) -> httpx.Request:
    """What asks for a token; who the client is, the Auth adds."""
    return httpx.Request(
        "POST",
        token_url,
        data={"grant_type": "client_credentials", "scope": scope},
        headers={"Accept": "application/json"},
        # A request of an Auth flow has no time limit unless it carries one.
        extensions={
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT_SECONDS),
            PURPOSE: TOKEN,
        },
    )


class ClientCredentials(httpx.Auth):
    """Puts a bearer token on each request, and renews it once when the PSE refuses it with 401 or 403."""

    def __init__(self, token_url: str, client_id: str, client_secret: str, scope: str) -> None:
        self._token_url = token_url
        self._basic = httpx.BasicAuth(client_id, client_secret)
        self._scope = scope
        self._token: str | None = None
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise RuntimeError("This Auth is for asynchronous clients only.")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if request.extensions.get(PURPOSE) == TOKEN:  # somebody wants to see what the token endpoint says
            yield next(self._basic.auth_flow(request))
            return
        async with self._lock:
            if self._token is None or time.monotonic() >= self._good_until:
                self._keep((yield self._token_request()))
            used = self._token
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code not in (401, 403):
            return
        async with self._lock:
            if self._token == used:  # nobody renewed it meanwhile
                self._keep((yield self._token_request()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    def _token_request(self) -> httpx.Request:
        return next(self._basic.auth_flow(token_request(self._token_url, self._scope)))

    def _keep(self, response: httpx.Response) -> None:
        self._token = None
        if response.status_code in _LATER or response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise TokenUnavailable(f"The token endpoint answered {response.status_code}.")
        if response.status_code != 200:
            raise TokenRefused(f"The token endpoint answered {response.status_code}; check client ID and secret.")
        try:
            answer = response.json()
            token, lifetime = answer["access_token"], answer.get("expires_in", _LIFETIME_SECONDS_DEFAULT)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TokenRefused("The token endpoint answered without an access_token.") from error
        if not isinstance(token, str) or isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
            raise TokenRefused("The token endpoint answered with a token or lifetime that cannot be read.")
        self._token = token
        self._good_until = time.monotonic() + max(lifetime - _MARGIN_SECONDS, 0)
