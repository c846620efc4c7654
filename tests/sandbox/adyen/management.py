"""Adyen's Management API (v3), as far as an API credential may read itself and its merchant account."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.server import PseServer

PREFIX = "/adyen/management/v3"
_ROLES = ["Checkout webservice role", "Merchant PAL Webservice role", "Management API - Webhooks read"]


class Management:
    """The credential and the merchant account of one server."""

    def __init__(self, server: PseServer, account: str, refused: Callable[[Request], Response | None]) -> None:
        self._server, self._account, self._refused = server, account, refused

    def routes(self) -> list[BaseRoute]:
        merchant = PREFIX + "/merchants/{merchant}"
        return [
            Route(PREFIX + "/me", self._guarded(self._me), methods=["GET"]),
            Route(merchant, self._guarded(self._merchant), methods=["GET"]),
            Route(merchant + "/webhooks", self._guarded(self._webhooks), methods=["GET"]),
            Route(merchant + "/paymentMethodSettings", self._guarded(self._methods), methods=["GET"]),
        ]

    def _guarded(self, what: Callable[[], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if (refused := self._refused(request)) is not None:
                return refused
            merchant = request.path_params.get("merchant")
            closed = self._server.states["key"] == "no_reading" and merchant is not None
            if closed or merchant not in (None, self._account):
                body = {"type": "https://docs.adyen.com/errors/forbidden", "title": "Forbidden", "status": 403}
                more = {"detail": "Not the right permission to access this service", "errorCode": "00_403"}
                return JSONResponse({**body, **more}, 403)
            return JSONResponse(what())

        return endpoint

    def _me(self) -> dict[str, Any]:
        roles = _ROLES[2:] if self._server.states["key"] == "no_refunds" else _ROLES
        return {
            "id": "S2-6262224667",
            "username": "ws_123456@Company.EstornoTest",
            "clientKey": "test_SANDBOX",
            "active": True,
            "allowedIpAddresses": [],
            "roles": roles,
            "companyName": "EstornoTest",
        }

    def _merchant(self) -> dict[str, Any]:
        status = "Active" if self._server.states["active"] else "Inactive"
        return {"id": self._account, "companyId": "EstornoTest", "status": status, "primarySettlementCurrency": "BRL"}

    def _webhooks(self) -> dict[str, Any]:
        told = {"type": "standard", "active": True, "communicationFormat": "json", "hmacKeyCheckValue": "1A2B3C"}
        urls = self._server.registered()
        data = [{"id": f"WBHK{number}", "url": url, **told} for number, url in enumerate(urls)]
        return {"itemsTotal": len(data), "pagesTotal": 1, "data": data}

    def _methods(self) -> dict[str, Any]:
        pix = {"id": "PM1", "type": "pix", "enabled": True, "currencies": ["BRL"], "countries": ["BR"]}
        visa = {"id": "PM2", "type": "visa", "enabled": True, "currencies": ["BRL", "CLP", "MXN", "USD"]}
        return {"itemsTotal": 2, "pagesTotal": 1, "data": [pix, visa]}
