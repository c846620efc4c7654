"""Signing in at Shopify: a token of our app for one shop, by client credentials (24 h), or one that does not end."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Final

import httpx

from domain.commerce.vocabulary import ShopAccess
from domain.pse.vocabulary import PURPOSE, TOKEN, TokenRefused, TokenUnavailable

HEADER: Final = "X-Shopify-Access-Token"
_MARGIN_SECONDS: Final = 300.0
_TIMEOUT_SECONDS: Final = 10.0


class AppToken(httpx.Auth):
    """Puts the token on each request, and asks for another one when it is refused. One asks at a time."""

    def __init__(self, access: ShopAccess) -> None:
        self._access = access
        self._token = access.secrets.get("access_token")
        self._fixed = self._token is not None
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        async with self._lock:
            if not self._fixed and (self._token is None or time.monotonic() >= self._good_until):
                self._keep((yield self._request()))
            used = self._token
        request.headers[HEADER] = used or ""
        response = yield request
        if response.status_code != 401 or self._fixed:
            return
        async with self._lock:
            if self._token == used:
                self._keep((yield self._request()))
        request.headers[HEADER] = self._token or ""
        yield request

    def _request(self) -> httpx.Request:
        return httpx.Request(
            "POST",
            f"{self._access.address}/admin/oauth/access_token",
            data={
                "grant_type": "client_credentials",
                "client_id": self._access.option("client_id"),
                "client_secret": self._access.secrets.get("client_secret", ""),
            },
            headers={"Accept": "application/json"},
            extensions={
                "timeout": dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT_SECONDS),
                PURPOSE: TOKEN,
            },
        )

    def _keep(self, response: httpx.Response) -> None:
        self._token = None
        if response.status_code == 429 or response.status_code >= 500:
            raise TokenUnavailable(f"Shopify's token address answered {response.status_code}.")
        try:
            found = response.json() if response.status_code == 200 else {}
            token, seconds = found.get("access_token"), found.get("expires_in", 0)
        except (ValueError, AttributeError):
            token, seconds = None, 0
        if not isinstance(token, str) or isinstance(seconds, bool) or not isinstance(seconds, int):
            raise TokenRefused(f"Shopify gave no token ({response.status_code}); check client ID and secret.")
        self._token, self._good_until = token, time.monotonic() + max(seconds - _MARGIN_SECONDS, 0)
