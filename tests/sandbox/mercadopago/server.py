"""Mercado Pago's Payments API: refunds, their list, payments, signed webhooks; its reports are in the next room.

Amounts are decimal numbers in major units. A refund does not echo the client's reference; the same X-Idempotency-Key
again is answered with 200 and no body, and makes nothing.
"""

import hashlib
import hmac
import itertools
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.mercadopago.reports import Reports
from tests.sandbox.server import Hook, Mood, PseServer

PREFIX = "/mercadopago"
WINDOW_DAYS = 180
TOKEN = "TEST-4108235760128417-112312-sandbox-access-token"
WEBHOOK_SECRET = "mercadopago-webhook-secret-of-the-sandbox"
OPERATOR = "Operadora Canaria"  # personal data, which must not be found in any log
PAYER_TAX_ID = "19119119100"
USER_ID = 810882223
ZONE = timezone(timedelta(hours=-4))  # GMT-04, unless an account has another one configured
EXPONENTS = {"CLP": 0, "PYG": 0}
_STATUSES = {"PENDING": "in_process", "DONE": "approved", "REFUSED": "rejected", "RETURNED": "rejected"}
_METHODS = {  # payment_method_id and payment_type_id
    "PIX": ("pix", "bank_transfer"),
    "BOLETO": ("bolbradesco", "ticket"),
    "OXXO": ("oxxo", "ticket"),
    "PSE_COLOMBIA": ("pse", "bank_transfer"),
    "CARD": ("master", "credit_card"),
}
_ERRORS: dict[str, tuple[int, int | str, str]] = {  # status, code (a number or a text, as it comes), description
    "AMOUNT": (400, 2017, "Invalid amount for refund"),
    "REFUNDED": (400, "4296", "Charge already refunded"),
    "BALANCE": (400, 2031, "Not enough money in the account"),
    "NOT_POSITIVE": (400, 4040, "The amount must be positive"),
    "NOT_NUMERIC": (400, "4041", "The amount must be numeric"),
    "KEY": (400, 4292, "Header X-Idempotency-Key can't be null"),
    "PAYMENT": (404, 2000, "Payment not found"),
    "WINDOW": (404, 2024, "Payment too old to be refunded"),
    "REFUND": (404, 2032, "Refund not found"),
}

_BAD_REQUEST = {"message": "Pix is delayed", "error": "bad_request", "status": 400, "cause": []}


def number(amount: int, currency: str) -> Decimal:
    """An amount in major units, exactly."""
    return Decimal(amount).scaleb(-EXPONENTS.get(currency, 2))


def document(content: object, status: int = 200) -> Response:
    """JSON whose amounts are written digit by digit: a float would not have them."""
    text = json.dumps(content, default=lambda amount: f"<number {amount:f}>")
    exact = re.sub(r'"<number ([0-9.]+)>"', r"\1", text)
    headers = {"x-request-id": secrets.token_hex(16)}
    return Response(exact, status, media_type="application/json", headers=headers)


def problem(name: str) -> Response:
    status, code, description = _ERRORS[name]
    error = "not_found" if status == 404 else "bad_request"
    cause = [{"code": code, "description": description, "data": None}]
    return document({"message": description, "error": error, "status": status, "cause": cause}, status)


def moment(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat(timespec="milliseconds")


def refund_json(payment: Payment, refund: Refund) -> dict[str, Any]:
    amount = number(refund.amount, payment.currency)
    return {
        "id": int(refund.id),
        "payment_id": int(payment.reference),
        "amount": amount,
        "metadata": {"status_detail": None},
        "source": {"id": str(USER_ID), "name": OPERATOR, "type": "collector"},
        "date_created": moment(refund.requested_at),
        "expiration_date": None,
        "unique_sequence_number": None,
        "refund_mode": "standard",
        "adjustment_amount": 0,
        "status": _STATUSES[refund.status],
        "reason": None,
        "labels": [],
        "amount_refunded_to_payer": amount,
        "additional_data": None,
        "partition_details": [],
    }


class MercadoPagoServer(PseServer):
    """One account, in one currency as far as its reports go."""

    name = "mercadopago"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self.reports = Reports(books)
        self._keys: set[str] = set()
        self._ids = itertools.count(1_091_618_291)
        self._payments = itertools.count(90_000_000_001)

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        return Payment(
            reference=str(wanted.get("reference") or next(self._payments)),
            amount=wanted["amount"],
            currency=wanted.get("currency") or "BRL",
            method=wanted.get("method") or "PIX",
            captured_at=captured_at,
            key=wanted.get("key", "mercadopago"),
            order=wanted.get("order"),
        )

    def admin(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """panel-refund {"payment", "amount"}: somebody refunds at Mercado Pago itself; gives {"refund": id}.

        report-polls {"polls"}: how often the list is read before a report is there.
        report-config {"refuses"?, "closed"?, "missing"?}: the configuration cannot be changed; nor read; there is none.
        report-rows {"rows": [{"description", "net", "gross"?, "source"?}]}: what else touches the balance now.
        """
        return {
            "panel-refund": self.panel_refund,
            "report-polls": self.reports.set_polls,
            "report-config": self.reports.set_configuration,
            "report-rows": self.reports.add_rows,
        }

    def held(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        return self.reports.held()

    async def panel_refund(self, request: Request) -> Response:
        body = await request.json()
        payment = self.books.payments[body["payment"]]
        refund = self._open(payment, f"panel-{secrets.token_hex(8)}", body["amount"])
        self.play({"name": "ok"}, payment, refund)
        return JSONResponse({"refund": refund.id})

    def unavailable(self) -> Response:
        return document({"message": "Service unavailable", "error": "service_unavailable", "status": 503}, 503)

    def rate_limited(self) -> Response:
        return document({"message": "Too many requests", "error": "local_rate_limited", "status": 429}, 429)

    def internal(self) -> Response:
        said = {"message": "Internal error", "error": "internal_error", "status": 500, "cause": []}
        return document(said, 500)

    def routes(self) -> list[BaseRoute]:
        payment = PREFIX + "/v1/payments/{payment}"
        made: list[BaseRoute] = [
            Route(PREFIX + "/users/me", self._guarded(self.me), methods=["GET"]),
            Route(payment, self._guarded(self.get_payment), methods=["GET"]),
            Route(payment + "/refunds", self._guarded(self.list_refunds), methods=["GET"]),
            Route(payment + "/refunds", self._guarded(self.create_refund), methods=["POST"]),
            Route(payment + "/refunds/{refund}", self._guarded(self.get_refund), methods=["GET"]),
        ]
        for path, what, methods in self.reports.endpoints():
            made.append(Route(PREFIX + path, self._guarded(what), methods=methods))
        return made

    def _guarded(self, what: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not self.states["address"] or self._may_not_refund(request):
                policy = {
                    "message": "At least one policy returned UNAUTHORIZED.",
                    "code": "PA_UNAUTHORIZED_RESULT_FROM_POLICIES",
                }
                return document({**policy, "blocked_by": "PolicyAgent", "status": 403}, 403)
            if request.headers.get("authorization") != f"Bearer {TOKEN}" or self.states["key"] == "refused":
                said = {"message": "invalid access token", "error": "unauthorized", "status": 401, "cause": []}
                return document(said, 401)
            return await what(request)

        return endpoint

    def _may_not_refund(self, request: Request) -> bool:
        refunding = request.method == "POST" and request.url.path.endswith("/refunds")
        return refunding and self.states["key"] == "no_refunds"

    async def me(self, request: Request) -> Response:
        active = self.states["active"]
        status = {
            "site_status": "active" if active else "deactive",
            "required_action": None if active else "validate_identity",
        }
        return document(
            {
                "id": USER_ID,
                "nickname": "LOJA",
                "email": "dona@loja.example",
                "country_id": "BR",
                "site_id": "MLB",
                "status": status,
            }
        )

    # Refunds

    async def create_refund(self, request: Request) -> Response:
        raw = await request.body()
        reference, key = request.path_params["payment"], request.headers.get("x-idempotency-key")
        self.requests.append({"method": "POST", "payment": reference, "refund": key, "key": key, "body": raw.decode()})
        payment = self.books.payments.get(reference)
        mood = self.mood_of(payment)
        in_process = request.headers.get("x-render-in-process-refunds") == "true"
        return await self.by_mood(mood, lambda: self._apply(mood, payment, key, raw, in_process))

    def _apply(self, mood: Mood, payment: Payment | None, key: str | None, raw: bytes, in_process: bool) -> Response:
        if not key:
            return problem("KEY")
        if payment is None:
            return problem("PAYMENT")
        if key in self._keys:
            return Response(status_code=200)
        if mood["name"] == "inner_400" or (mood["name"] == "pending" and not in_process):
            return document(_BAD_REQUEST, 201 if mood["name"] == "inner_400" else 400)
        try:
            refund = self._open(payment, key, _asked(payment, raw))
        except Refused as refused:
            return problem(refused.rule)
        self._keys.add(key)
        if mood["name"] == "in_process_400":
            self.play({**mood, "name": "pending"}, payment, refund)
            return document(_BAD_REQUEST, 400)
        self.play(mood, payment, refund)
        return document(refund_json(payment, refund), 201)

    def _open(self, payment: Payment, key: str, amount: int) -> Refund:
        if payment.spoken_for >= payment.amount:
            raise Refused("REFUNDED", "Nothing is left of the payment.")
        if amount > self.books.balance:
            raise Refused("BALANCE", "The balance of the account is too low.")
        return self.books.open_refund(payment, key, amount, lambda _: str(next(self._ids)))

    # Reading

    def _visible(self, payment: Payment) -> list[Refund]:
        return [refund for refund in payment.refunds.values() if not self.hidden(refund)]

    async def list_refunds(self, request: Request) -> Response:
        self.note("GET", request.path_params["payment"], None)
        payment = self.books.payments.get(request.path_params["payment"])
        if payment is None:
            return problem("PAYMENT")
        return document([refund_json(payment, refund) for refund in self._visible(payment)])

    async def get_refund(self, request: Request) -> Response:
        self.note("GET", request.path_params["payment"], request.path_params["refund"])
        payment = self.books.payments.get(request.path_params["payment"])
        if payment is None:
            return problem("PAYMENT")
        found = [refund for refund in self._visible(payment) if refund.id == request.path_params["refund"]]
        return document(refund_json(payment, found[0])) if found else problem("REFUND")

    async def get_payment(self, request: Request) -> Response:
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self.books.payments.get(request.path_params["payment"])
        if payment is None:
            return problem("PAYMENT")
        shown = self._payment_json(payment)
        if payment.facts.get("uncaptured"):
            shown |= {"status": "pending", "status_detail": "pending_waiting_transfer", "date_approved": None}
        if payment.facts.get("elsewhere"):  # who has paid it sees it, too
            shown["collector_id"] = USER_ID + 1
        return document(shown)

    def _payment_json(self, payment: Payment) -> dict[str, Any]:
        refunds = self._visible(payment)
        refunded = sum(refund.amount for refund in refunds if refund.status == "DONE")
        method, kind = _METHODS.get(payment.method, ("master", "credit_card"))
        return {
            "id": int(payment.reference),
            "date_created": moment(payment.captured_at),
            "date_approved": moment(payment.captured_at),
            "date_last_updated": moment(datetime.now(UTC)),
            "payment_method_id": method,
            "payment_type_id": kind,
            "status": "refunded" if refunded == payment.amount else "approved",
            "status_detail": "partially_refunded" if 0 < refunded < payment.amount else "accredited",
            "currency_id": payment.currency,
            "live_mode": False,
            "collector_id": USER_ID,
            "payer": {
                "id": "128185910",
                "email": "payer@example.com",
                "identification": {"type": "CPF", "number": PAYER_TAX_ID},
                "first_name": "Pagadora",
                "last_name": "Canaria",
            },
            "external_reference": payment.order,
            "transaction_amount": number(payment.amount, payment.currency),
            "transaction_amount_refunded": number(refunded, payment.currency),
            "refunds": [refund_json(payment, refund) for refund in refunds],
        }

    # Webhook

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        """Each delivery has an id and a signature of its own, and names the payment only."""
        body = {
            "action": "payment.updated",
            "api_version": "v1",
            "data": {"id": payment.reference},
            "date_created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "id": int.from_bytes(secrets.token_bytes(6), "big"),
            "live_mode": False,
            "type": "payment",
            "user_id": str(USER_ID),
        }
        headers = {"content-type": "application/json", **signature(payment.reference)}
        return [Hook(f"{url}?data.id={payment.reference}&type=payment", json.dumps(body).encode(), headers)]


def signature(data_id: str, at: int | None = None) -> dict[str, str]:
    """The headers of a signed webhook; `at` in seconds, as one of the documents has it."""
    request_id, ts = secrets.token_hex(16), int(time.time()) if at is None else at
    signed = f"id:{data_id};request-id:{request_id};ts:{ts};"
    mac = hmac.new(WEBHOOK_SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return {"x-signature": f"ts={ts},v1={mac}", "x-request-id": request_id}


def _asked(payment: Payment, raw: bytes) -> int:
    """The amount in minor units; an empty body asks for all that is left. Raises Refused."""
    if not raw.strip():
        return payment.amount - payment.spoken_for
    try:
        body = json.loads(raw, parse_float=Decimal)
        amount = body.get("amount", number(payment.amount - payment.spoken_for, payment.currency))
    except (ValueError, AttributeError) as error:
        raise Refused("NOT_NUMERIC", "The body is no object.") from error
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise Refused("NOT_NUMERIC", "The amount is not a number.")
    units = Decimal(amount).scaleb(EXPONENTS.get(payment.currency, 2))
    if units <= 0:
        raise Refused("NOT_POSITIVE", "The amount is not positive.")
    if units != int(units):
        raise Refused("AMOUNT", "The amount has too many decimals.")
    return int(units)
