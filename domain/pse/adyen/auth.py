"""How a connection proves itself to Adyen: an API key, and for reports a user of their own where there is one."""

from collections.abc import Generator

import httpx

from domain.pse.vocabulary import Credentials


class Keys(httpx.Auth):
    """The API key for the Checkout API; for reports the report user's name and password, where there is one."""

    def __init__(self, credentials: Credentials) -> None:
        self._base_url = credentials.base_url
        self._api_key = credentials.secrets["api_key"]
        user = credentials.secrets.get("report_user")
        self._reports = httpx.BasicAuth(user, credentials.secrets.get("report_password", "")) if user else None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._reports is not None and not str(request.url).startswith(f"{self._base_url}/"):
            yield from self._reports.auth_flow(request)
            return
        request.headers["X-API-Key"] = self._api_key
        yield request
