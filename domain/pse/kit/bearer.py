"""A fixed bearer token (RFC 6750 section 2.1) as an httpx.Auth."""

from collections.abc import Generator

import httpx


class Bearer(httpx.Auth):
    """Puts the token on each request."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
