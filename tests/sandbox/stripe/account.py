"""What Stripe tells of the account, and how it refuses a key: by its kind, its permissions, its addresses."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.sandbox.server import PseServer

_ACCOUNT = "acct_1SandboxEstorno"


class Account:
    """The account of one server."""

    def __init__(self, server: PseServer, api_key: str) -> None:
        self._server, self._api_key = server, api_key

    def refused(self, request: Request) -> tuple[int, str] | None:
        """Status and words, if the request gets no further."""
        states = self._server.states
        if not states["address"]:
            return 401, "The API key provided does not allow requests from your IP address."
        if request.headers.get("authorization") != f"Bearer {self._api_key}" or states["key"] == "refused":
            return 401, "Invalid API Key provided: sk_test_*******dbox."
        place = request.url.path.rpartition("/v1/")[2]
        if states["key"] == "no_refunds" and request.method == "POST" and place.startswith("refunds"):
            return 403, _lacks("rak_charge_write")
        if states["key"] == "no_reading" and place.startswith(("account", "webhook_endpoints")):
            return 403, _lacks("rak_accounts_kyc_basic_read")
        return None

    async def me(self, request: Request) -> Response:
        active = self._server.states["active"]
        due = [] if active else ["external_account", "tos_acceptance.date"]
        return JSONResponse(
            {
                "id": _ACCOUNT,
                "object": "account",
                "country": "MX",
                "default_currency": "mxn",
                "email": "dona@loja.example",
                "type": "standard",
                "charges_enabled": active,
                "payouts_enabled": active,
                "details_submitted": active,
                "requirements": {"currently_due": due, "past_due": due, "disabled_reason": None},
            }
        )

    async def country(self, request: Request) -> Response:
        known = ["usd", "brl", "clp", "cop", "mxn", "pen", "uyu"]
        name = request.path_params["country"]
        return JSONResponse({"id": name, "object": "country_spec", "supported_payment_currencies": known})

    async def endpoints(self, request: Request) -> Response:
        events = ["refund.created", "refund.updated", "refund.failed"]
        listed = [
            {"id": f"we_{n}", "object": "webhook_endpoint", "url": url, "status": "enabled", "enabled_events": events}
            for n, url in enumerate(self._server.registered())
        ]
        return JSONResponse({"object": "list", "url": "/v1/webhook_endpoints", "has_more": False, "data": listed})

    async def report_type(self, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse({"id": name, "object": "reporting.report_type", "default_columns": [], "version": 5})


def _lacks(permission: str) -> str:
    return (
        f"The provided key 'rk_test_*******dbox' does not have the required permissions for this endpoint on account "
        f"'{_ACCOUNT}'. Having the '{permission}' permission would allow this request to continue."
    )
