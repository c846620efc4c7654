"""What Conekta tells of the company (conekta/openapi 2.3.0: companies/current, webhooks)."""

from typing import Any

from tests.sandbox.server import PseServer

_EVENTS = ["order.paid", "order.refunded", "order.partially_refunded", "charge.refunded"]


def refused(server: PseServer, method: str, path: str) -> int | None:
    """The status of a refusal, if the request gets no further. Conekta names no address: a gateway refuses it."""
    if not server.states["address"]:
        return 403
    if server.states["key"] == "refused":
        return 401
    public_key = server.states["key"] == "no_refunds"
    return 401 if public_key and method != "GET" and path.endswith("/refunds") else None


def company(server: PseServer) -> dict[str, Any]:
    active = server.states["active"]
    return {
        "id": "2a1b3c4d5e6f7g8h9i0j1k2l",
        "object": "company",
        "name": "Loja S.A. de C.V.",
        "active": active,
        "account_status": "activated" if active else "signed_up",
        "onboarding_status": "done" if active else "pending",
        "created_at": 1510699009,
        "documents": [],
    }


def webhooks(server: PseServer) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{number:024x}",
            "object": "webhook",
            "active": True,
            "livemode": False,
            "status": "listening",
            "subscribed_events": _EVENTS,
            "url": url,
        }
        for number, url in enumerate(server.registered())
    ]
