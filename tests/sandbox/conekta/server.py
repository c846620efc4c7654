"""Conekta's API 2.3.0: orders with their refunds, transactions, signed events. Amounts are cents.

There is no idempotency key: the same order sent twice is refunded twice, and the log shows it.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import Movement, Payment, Refund, Refused
from tests.sandbox.conekta import account
from tests.sandbox.conekta.key import PRIVATE_KEY
from tests.sandbox.server import Hook, Mood, PseServer
from tests.sandbox.signing import signing_key

PREFIX = "/conekta"
API_KEY = "key_sandbox"
MEDIA_TYPE = "application/vnd.conekta-v2.3.0+json"
_FEE_SHARE, _FEE_FIXED = 340, 290  # per cent in hundredths, and cents
_METHODS: Mapping[str, dict[str, Any]] = {
    "CARD": {"object": "card_payment", "type": "credit", "brand": "visa", "last4": "4242", "name": "Ana Lima"},
    "OXXO": {"object": "cash_payment", "type": "oxxo", "reference": "93000262276908", "service_name": "oxxo_pay"},
    "SPEI": {"object": "bank_transfer_payment", "type": "spei", "bank": "STP", "clabe": "646180111805034237"},
}
_REASONS = ("requested_by_client", "cannot_be_fulfilled", "duplicated_transaction", "suspected_fraud", "other")
_STATUSES = {"PENDING": "pending", "REFUSED": "declined", "RETURNED": "reversed"}  # a refund that is done has none
_TYPES = {"CAPTURE": "capture", "REFUND": "refund", "RETURN": "refund_reversal"}
_ERRORS = {
    401: ("authentication_error", "conekta.errors.authentication.missing_key"),
    403: ("authentication_error", "conekta.errors.authentication.not_allowed"),
    402: ("processing_error", "conekta.errors.processing.refund.declined"),
    404: ("resource_not_found_error", "conekta.errors.resource_not_found.entity"),
    422: ("parameter_validation_error", "conekta.errors.parameter_validation.order.refund"),
    429: ("rate_limit_error", "conekta.errors.rate_limit"),
    500: ("api_error", "conekta.errors.api.system.general_failure"),
    503: ("api_error", "conekta.errors.api.system.unavailable"),
}


def _new_id() -> str:
    return secrets.token_hex(12)


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def _json(body: object, status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, media_type=MEDIA_TYPE)


def error(status: int, said: str) -> JSONResponse:
    """`{details: [{code, message, debug_message}], type, log_id, object}`."""
    kind, code = _ERRORS[status]
    details = [{"code": code, "message": said, "debug_message": said}]
    return _json({"details": details, "log_id": _new_id(), "type": kind, "object": "error"}, status)


class ConektaServer(PseServer):
    """One company."""

    name = "conekta"

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        return Payment(
            reference=wanted.get("reference") or f"ord_{secrets.token_urlsafe(12)}",
            amount=wanted["amount"],
            currency=wanted.get("currency", "MXN"),
            method=wanted.get("method", "CARD"),
            captured_at=captured_at,
            key=wanted.get("key", "conekta"),
            order=wanted.get("order"),
            facts={"charge": _new_id(), "updated_at": _unix(captured_at)},
        )

    def routes(self) -> list[BaseRoute]:
        order = PREFIX + "/orders/{order}"
        return [
            Route(PREFIX + "/orders", self._guarded(self.list_orders), methods=["GET"]),
            Route(order, self._guarded(self.get_order), methods=["GET"]),
            Route(order + "/refunds", self._guarded(self.refund), methods=["POST"]),
            Route(order + "/refunds/{refund}", self._guarded(self.cancel), methods=["DELETE"]),
            Route(PREFIX + "/companies/current", self._guarded(self.company), methods=["GET"]),
            Route(PREFIX + "/webhooks", self._guarded(self.list_webhooks), methods=["GET"]),
            Route(PREFIX + "/transactions", self._guarded(self.transactions), methods=["GET"]),
        ]

    def _guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {API_KEY}":
                return error(401, "Please include your access key in your request.")
            if (status := account.refused(self, request.method, request.url.path)) is not None:
                return error(status, "The access key or the address may not do this.")
            response: Response = await answer(request)
            return response

        return guarded

    def unavailable(self) -> Response:
        return error(503, "Conekta is not available.")

    def rate_limited(self) -> Response:
        return error(429, "Too many requests.")

    def internal(self) -> Response:
        return error(500, "There was a runtime error and Conekta engineers have been notified.")

    # Refunds

    async def refund(self, request: Request) -> Response:
        raw = await request.body()
        name = request.path_params["order"]
        self.note("POST", name, None, raw)
        payment = self.books.payments.get(name)
        mood = self.mood_of(payment)
        return await self.by_mood(mood, lambda: self._apply(mood, payment, raw))

    def _apply(self, mood: Mood, payment: Payment | None, raw: bytes) -> Response:
        if payment is None:
            return error(404, "The resource was not found.")
        if mood["name"] == "refused":
            return error(402, "The refund could not be processed.")
        try:
            asked = json.loads(raw)
            amount, reason = asked["amount"], asked["reason"]
        except (ValueError, KeyError, TypeError):
            return error(422, "The amount and the reason are required.")
        if type(amount) is not int or reason not in _REASONS:
            return error(422, "The amount is in cents, and the reason one of those published.")
        if payment.method != "CARD":
            return error(422, "The order cannot be refunded.")
        made = _new_id()
        try:
            refund = self.books.open_refund(payment, made, amount, lambda _: made)
        except Refused as refused:
            return error(422, str(refused))
        payment.facts["updated_at"] = _unix(datetime.now(UTC))
        self.play(mood, payment, refund)
        return _json(self._order(payment, all_refunds=True))

    async def cancel(self, request: Request) -> Response:
        """A refund that is not done yet can be canceled; then it is gone."""
        payment = self.books.payments.get(request.path_params["order"])
        refund = payment.refunds.get(request.path_params["refund"]) if payment else None
        if payment is None or refund is None:
            return error(404, "The resource was not found.")
        if refund.status != "PENDING":
            return error(422, "The refund cannot be canceled any more.")
        self.books.refuse(refund, "Canceled.")
        del payment.refunds[refund.reference]
        return _json(self._order(payment))

    def give_back(self, payment: Payment, refund: Refund) -> None:
        payment.facts["updated_at"] = _unix(datetime.now(UTC))
        super().give_back(payment, refund)

    # Orders

    async def get_order(self, request: Request) -> Response:
        name = request.path_params["order"]
        self.note("GET", name, None)
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self.payment_of(name)
        return _json(self._order(payment)) if payment else error(404, "The resource was not found.")

    async def list_orders(self, request: Request) -> Response:
        query = request.query_params
        since, until = int(query.get("updated_at.gte", "0")), int(query.get("created_at.lte", "99999999999"))
        found = [
            self._order(payment)
            for payment in self.books.payments.values()
            if payment.facts["updated_at"] >= since and _unix(payment.captured_at) <= until
        ]
        return self._page(request, found)

    def _order(self, payment: Payment, *, all_refunds: bool = False) -> dict[str, Any]:
        shown = [one for one in payment.refunds.values() if all_refunds or not self.hidden(one)]
        back = sum(one.amount for one in shown if one.status == "DONE")
        status = "paid" if back == 0 else "refunded" if back == payment.amount else "partially_refunded"
        charge = {
            "id": payment.facts["charge"],
            "object": "charge",
            "livemode": False,
            "amount": payment.amount,
            "created_at": _unix(payment.captured_at),
            "currency": payment.currency,
            "order_id": payment.reference,
            "paid_at": _unix(payment.captured_at),
            "payment_method": _METHODS[payment.method],
            "refunds": _list([_refund(one) for one in shown]),
            "status": status,
            **({"reference_id": payment.order} if payment.order else {}),
        }
        if payment.facts.get("uncaptured"):
            charge |= {"paid_at": None, "status": "pending_payment"}
            status = "pending_payment"
        return {
            "id": payment.reference,
            "object": "order",
            "livemode": False,
            "amount": payment.amount,
            "amount_refunded": back,
            "charges": _list([charge]),
            "created_at": _unix(payment.captured_at),
            "currency": payment.currency,
            "is_refundable": payment.method == "CARD" and payment.spoken_for < payment.amount,
            "metadata": {},
            "payment_status": status,
            "updated_at": payment.facts["updated_at"],
        }

    # The company

    async def company(self, request: Request) -> Response:
        return _json(account.company(self))

    async def list_webhooks(self, request: Request) -> Response:
        return self._page(request, account.webhooks(self))

    # Transactions

    async def transactions(self, request: Request) -> Response:
        return self._page(request, self._transactions()[::-1])

    def _transactions(self) -> list[dict[str, Any]]:
        return [self._transaction(number, one) for number, one in enumerate(self.books.log)]

    def held(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        held: dict[str, int] = {}
        for one in self._transactions():
            held[one["currency"]] = held.get(one["currency"], 0) + one["net"]
        return held, {}

    def _transaction(self, number: int, movement: Movement) -> dict[str, Any]:
        payment = self.books.payments[movement.payment]
        captured = movement.kind == "CAPTURE"
        amount = -movement.amount if movement.kind == "REFUND" else movement.amount
        fee = movement.amount * _FEE_SHARE // 10_000 + _FEE_FIXED if captured else 0
        return {
            "id": f"{number:024x}",
            "object": "transaction",
            "livemode": False,
            "amount": amount,
            "charge": payment.facts["charge"],
            "created_at": _unix(datetime.fromisoformat(movement.at)),
            "currency": payment.currency,
            "fee": fee,
            "net": amount - fee,
            "status": "pending",
            "type": _TYPES[movement.kind],
        }

    def _page(self, request: Request, found: list[dict[str, Any]]) -> Response:
        query = request.query_params
        limit, after = int(query.get("limit", "20")), query.get("next")
        if not 1 <= limit <= 250:
            return error(422, "The limit lies between 1 and 250.")
        start = 0 if after is None else [one["id"] for one in found].index(after) + 1
        shown = found[start : start + limit]
        more = len(found) > start + limit
        body = {"object": "list", "has_more": more, "data": shown}
        if more:
            body["next_page_url"] = str(request.url.include_query_params(next=shown[-1]["id"]))
        return _json(body)

    # Webhooks

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        order = self._order(payment, all_refunds=True)
        kind = "order.refunded" if order["payment_status"] == "refunded" else "order.partially_refunded"
        about = json.dumps([kind, order], sort_keys=True).encode()
        event = {
            "id": hashlib.sha256(about).hexdigest()[:24],
            "object": "event",
            "type": kind,
            "created_at": _unix(datetime.now(UTC)),
            "data": {"object": order, "previous_attributes": {}},
            "livemode": False,
            "webhook_status": "pending",
        }
        body = json.dumps(event).encode()
        return [Hook(url, body, {"content-type": "application/json", "digest": self.signature(body)})]

    def signature(self, body: bytes) -> str:
        return base64.b64encode(signing_key(PRIVATE_KEY.encode()).sign(body, PKCS1v15(), SHA256())).decode()


def _refund(refund: Refund) -> dict[str, Any]:
    body = {
        "id": refund.id,
        "object": "refund",
        "amount": -refund.amount,
        "auth_code": "867372",
        "created_at": _unix(refund.requested_at),
    }
    return body if refund.status == "DONE" else {**body, "status": _STATUSES[refund.status]}


def _list(listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "has_more": False, "total": len(listed), "data": listed}
