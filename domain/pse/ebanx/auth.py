"""EBANX's access: the account's integration_key among the form's parameters, put there when the request is sent."""

from collections.abc import Generator
from urllib.parse import urlencode

import httpx


class IntegrationKey(httpx.Auth):
    """Adds the key to the body, never to the address, which proxies and access logs keep."""

    requires_request_body = True

    def __init__(self, integration_key: str) -> None:
        self._parameter = urlencode({"integration_key": integration_key}).encode()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        headers = request.headers.copy()
        del headers["Content-Length"]
        content = b"&".join([request.content, self._parameter])
        # A body cannot be changed, so this is another request: same address, and same time limits.
        yield httpx.Request(
            request.method, request.url, headers=headers, content=content, extensions=request.extensions
        )
