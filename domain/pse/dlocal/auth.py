"""dLocal's V2-HMAC-SHA256: hex(HMAC-SHA256(secret key, X-Login + X-Date + raw body)), on requests and on webhooks.

Source: docs.dlocal.com/docs/initial-settings.
"""

import re
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Final

import httpx

from domain.pse.kit import moments, signatures

VERSION: Final = "2.1"
_AUTHORIZATION: Final = re.compile(r"V2-HMAC-SHA256,\s*Signature:\s*([0-9a-fA-F]{64})")


def signature(login: str, date: str, body: bytes, secret_key: str) -> str:
    """The signature in hex; `date` as it stands in X-Date, an empty body for a GET."""
    return signatures.hmac_sha256(secret_key, login.encode() + date.encode() + body).hex()


def given_signature(authorization: str) -> str:
    """The signature that an Authorization header carries; "" where it is of another kind."""
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    return match[1].lower() if match else ""


class V2Hmac(httpx.Auth):
    """Signs each request when it is sent: the moment of sending, and the very bytes that leave."""

    requires_request_body = True

    def __init__(self, login: str, trans_key: str, secret_key: str) -> None:
        self._login, self._trans_key, self._secret_key = login, trans_key, secret_key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        date = moments.written(datetime.now(UTC))
        signed = signature(self._login, date, request.content, self._secret_key)
        request.headers["X-Date"] = date
        request.headers["X-Login"] = self._login
        request.headers["X-Trans-Key"] = self._trans_key
        request.headers["X-Version"] = VERSION
        request.headers["Authorization"] = f"V2-HMAC-SHA256, Signature: {signed}"
        yield request
