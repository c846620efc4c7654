"""How a connection proves itself to Adyen: an API key, and for reports a user of their own where there is one."""

from collections.abc import Generator
from typing import Final

import httpx

from domain.pse.vocabulary import Credentials

_CHECKOUT_LIVE: Final = ".adyenpayments.com"


def management_url(base_url: str) -> str:
    """The Management API (v3) of the environment that a Checkout API belongs to."""
    host = httpx.URL(base_url).host
    if host.endswith(_CHECKOUT_LIVE):
        return "https://management-live.adyen.com/v3"
    if host.endswith(".adyen.com"):
        return "https://management-test.adyen.com/v3"
    return f"{base_url.rpartition('/')[0]}/management/v3"  # neither: a sandbox of somebody's own


class Keys(httpx.Auth):
    """The API key for the Checkout and Management APIs; for reports the report user, where there is one."""

    def __init__(self, credentials: Credentials) -> None:
        places = (credentials.base_url, management_url(credentials.base_url))
        self._with_key = tuple(str(httpx.URL(f"{place}/")) for place in places)  # a host in lower case, as in requests
        self._api_key = credentials.secrets["api_key"]
        user = credentials.secrets.get("report_user")
        self._reports = httpx.BasicAuth(user, credentials.secrets.get("report_password", "")) if user else None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._reports is not None and not str(request.url).startswith(self._with_key):
            yield from self._reports.auth_flow(request)
            return
        request.headers["X-API-Key"] = self._api_key
        yield request
