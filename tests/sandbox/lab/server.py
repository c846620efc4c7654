"""The laboratory PSE: a small JSON wire whose abilities a test sets (idempotency key, look-up, signed webhooks).

Without an idempotency key the same order sent twice is paid twice, as at a real PSE that has none: the log shows it.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.server import Hook, Mood, PseServer

PREFIX = "/lab"
SECRET = "lab-webhook-secret"
_STATUSES = {"DONE": "done", "PENDING": "queued", "REFUSED": "refused", "RETURNED": "returned"}


class LabServer(PseServer):
    """`key`: the same Idempotency-Key is replayed. `look_up`: BY_REFERENCE, BY_LISTING, BY_PSE_REFERENCE or NONE."""

    name = "lab"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self.key = True
        self.look_up = "BY_REFERENCE"
        self._replays: dict[str, Response] = {}

    def routes(self) -> list[BaseRoute]:
        return [
            Route(PREFIX + "/refunds", self.refund, methods=["POST"]),
            Route(PREFIX + "/payments/{payment}", self.get_payment, methods=["GET"]),
            Route(PREFIX + "/refunds/{id}", self.get_refund, methods=["GET"]),
            Route(PREFIX + "/payments/{payment}/refunds", self.list_refunds, methods=["GET"]),
        ]

    def admin(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """abilities {"key": bool, "look_up": LookUp}."""
        return {"abilities": self.abilities}

    async def abilities(self, request: Request) -> Response:
        wanted = await request.json()
        self.key, self.look_up = wanted["key"], wanted["look_up"]
        return JSONResponse({})

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        return Payment(
            reference=wanted.get("reference") or f"lab{secrets.token_hex(12)}",
            amount=wanted["amount"],
            currency=wanted.get("currency", "BRL"),
            method=wanted.get("method", "PIX"),
            captured_at=captured_at,
            key=wanted.get("key", "lab"),
            order=wanted.get("order"),
        )

    def unavailable(self) -> Response:
        return JSONResponse({"error": "unavailable"}, 503)

    def rate_limited(self) -> Response:
        return JSONResponse({"error": "slow down"}, 429)

    def internal(self) -> Response:
        return JSONResponse({"error": "internal"}, 500)

    async def refund(self, request: Request) -> Response:
        raw = await request.body()
        asked = json.loads(raw)
        key = request.headers.get("idempotency-key")
        self.requests.append(
            {
                "method": "POST",
                "payment": asked["payment"],
                "refund": asked["reference"],
                "key": key,
                "body": raw.decode(),
            }
        )
        payment = self.books.payments[asked["payment"]]
        mood = self.mood_of(payment)
        return await self.by_mood(mood, lambda: self._answer(mood, payment, asked, key))

    def _answer(self, mood: Mood, payment: Payment, asked: dict[str, Any], key: str | None) -> Response:
        if self.key and key in self._replays:
            return self._replays[key]
        answer = self._pay(mood, payment, asked)
        if self.key and key is not None:
            self._replays[key] = answer
        return answer

    def _pay(self, mood: Mood, payment: Payment, asked: dict[str, Any]) -> Response:
        # Without a key the same order again is another refund.
        number = sum(refund.startswith(asked["reference"]) for refund in payment.refunds)
        reference = asked["reference"] + "x" * number
        try:
            refund = self.books.open_refund(payment, reference, asked["amount"], lambda _: f"L{secrets.token_hex(8)}")
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, 422)
        self.play(mood, payment, refund)
        return JSONResponse(_told(refund))

    async def get_refund(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        self.note("GET", "", wanted)
        names = {"BY_REFERENCE": "reference", "BY_PSE_REFERENCE": "id"}
        if self.look_up not in names:
            return JSONResponse({"error": "no such resource"}, 405)
        for payment in self.books.payments.values():
            for refund in payment.refunds.values():
                if getattr(refund, names[self.look_up]) == wanted and not self.hidden(refund):
                    return JSONResponse(_told(refund))
        return JSONResponse({"error": "unknown"}, 404)

    async def get_payment(self, request: Request) -> Response:
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self.payment_of(request.path_params["payment"])
        if payment is None:
            return JSONResponse({"error": "unknown payment"}, 404)
        facts = {"id": payment.reference, "amount": payment.amount, "currency": payment.currency}
        paid = not payment.facts.get("uncaptured")
        return JSONResponse({**facts, "method": payment.method, "paid": paid})

    async def list_refunds(self, request: Request) -> Response:
        self.note("GET", request.path_params["payment"], None)
        if self.look_up != "BY_LISTING":
            return JSONResponse({"error": "no such resource"}, 405)
        refunds = self.books.payments[request.path_params["payment"]].refunds.values()
        # A PSE that only lists does not say which order made which refund.
        return JSONResponse([{**_told(one), "reference": None} for one in refunds if not self.hidden(one)])

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        body = json.dumps({"events": [_told(refund)]}).encode()
        return [Hook(url, body, {"content-type": "application/json", "x-lab-signature": signature(body)})]


def _told(refund: Refund) -> dict[str, Any]:
    status = _STATUSES[refund.status]
    return {"reference": refund.reference, "id": refund.id, "amount": refund.amount, "status": status}


def signature(body: bytes, moment: int | None = None) -> str:
    """The header of a signed webhook: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    at = int(time.time()) if moment is None else moment
    mac = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"
