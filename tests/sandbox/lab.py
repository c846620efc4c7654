"""The laboratory PSE: a small JSON wire whose abilities a test sets (idempotency key, look-up, signed webhooks).

Without an idempotency key the same order sent twice is paid twice, as at a real PSE that has none: the log shows it.
"""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.wire import dropped, half

PREFIX = "/lab"
SECRET = "lab-webhook-secret"
_STATUSES = {"DEVOLVIDO": "done", "EM_PROCESSAMENTO": "queued", "NAO_REALIZADO": "refused"}


class LabServer:
    """`key`: the same Idempotency-Key is replayed. `look_up`: a refund can be asked for."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.key = True
        self.look_up = True
        self.requests: list[dict[str, Any]] = []
        self._replays: dict[str, Response] = {}

    def routes(self) -> list[Route]:
        return [
            Route(PREFIX + "/refunds", self.refund, methods=["POST"]),
            Route(PREFIX + "/refunds/{reference}", self.get_refund, methods=["GET"]),
            Route(PREFIX + "/_abilities", self.abilities, methods=["POST"]),
            Route(PREFIX + "/_requests", self.seen, methods=["GET"]),
        ]

    async def abilities(self, request: Request) -> Response:
        wanted = await request.json()
        self.key, self.look_up = wanted["key"], wanted["look_up"]
        return JSONResponse({})

    async def seen(self, request: Request) -> Response:
        return JSONResponse({"requests": self.requests})

    async def refund(self, request: Request) -> Response:
        raw = await request.body()
        asked = json.loads(raw)
        key = request.headers.get("idempotency-key")
        self.requests.append({"method": "POST", "reference": asked["reference"], "key": key, "body": raw.decode()})
        payment = self.books.payments[asked["payment"]]
        mood = payment.moods.pop(0) if payment.moods else {"name": "ok"}
        match mood["name"]:
            case "unavailable":
                return JSONResponse({"error": "unavailable"}, 503)
            case "lost_request":
                return dropped()
        answer = self._answer(mood["name"], payment, asked, key)
        match mood["name"]:
            case "lost_answer":
                return dropped()
            case "half_response":
                return half(answer)
            case "applied_then_500":
                return JSONResponse({"error": "internal"}, 500)
            case "hang":
                await asyncio.sleep(float(mood.get("seconds", 60)))
        return answer

    def _answer(self, mood: str, payment: Payment, asked: dict[str, Any], key: str | None) -> Response:
        if self.key and key in self._replays:
            return self._replays[key]
        answer = self._pay(mood, payment, asked)
        if self.key and key is not None:
            self._replays[key] = answer
        return answer

    def _pay(self, mood: str, payment: Payment, asked: dict[str, Any]) -> Response:
        number = sum(refund.startswith(asked["reference"]) for refund in payment.refunds)
        try:
            refund = self.books.open_refund(payment, asked["reference"] + "x" * number, asked["amount"], None)
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, 422)
        if mood == "refused":
            self.books.refuse(refund, "No balance.")
        elif mood != "pending":
            self.books.settle(payment, refund)
        return JSONResponse(_told(asked["reference"], refund))

    async def get_refund(self, request: Request) -> Response:
        reference = request.path_params["reference"]
        self.requests.append({"method": "GET", "reference": reference})
        if not self.look_up:
            return JSONResponse({"error": "no such resource"}, 405)
        for payment in self.books.payments.values():
            if reference in payment.refunds:
                return JSONResponse(_told(reference, payment.refunds[reference]))
        return JSONResponse({"error": "unknown"}, 404)


def _told(reference: str, refund: Refund) -> dict[str, Any]:
    return {"reference": reference, "id": refund.rtr_id, "amount": refund.amount, "status": _STATUSES[refund.status]}


def signature(body: bytes, moment: int | None = None) -> str:
    """The header of a signed webhook: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    at = int(time.time()) if moment is None else moment
    mac = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"
