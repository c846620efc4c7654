"""dLocal's payins API as docs.dlocal.com has it: refunds signed by V2-HMAC-SHA256, their query, their notification.

Its settlement file is no API: `report` of the admin side prints it as it would come by SFTP.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.dlocal import report
from tests.sandbox.server import Hook, Mood, PseServer

PREFIX = "/dlocal"
LOGIN = "sandboxlogin"
TRANS_KEY = "sandboxtranskey"
SECRET_KEY = "sandbox-secret-key"
_STATUSES = {
    "PENDING": ("PENDING", 100, "The refund is pending."),
    "DONE": ("SUCCESS", 200, "The refund was paid."),
    "REFUSED": ("REJECTED", 300, "The refund was rejected."),
    "RETURNED": ("REJECTED", 300, "The refund was rejected: the account is closed."),
}
_ERRORS = {
    "3001": (403, "Invalid Credentials."),
    "3002": (403, "Unregistered IP address."),
    "3003": (403, "Merchant has no authorization to use this API."),
    "4000": (404, "Payment not found."),
    "4001": (404, "Refund not found."),
    "5000": (400, "Invalid request."),
    "5001": (400, "Invalid parameter."),
    "5003": (400, "Country not supported."),
    "5007": (400, "Amount exceeded."),
    "5011": (400, "order_refund_id duplicated."),
    "6000": (429, "Too many requests to the API."),
    "7000": (500, "Internal error."),
}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_METHODS = {  # payment_method_id and payment_method_type
    "PIX": ("IX", "BANK_TRANSFER"),
    "BOLETO": ("BL", "TICKET"),
    "OXXO": ("OX", "TICKET"),
    "SPEI": ("SE", "BANK_TRANSFER"),
    "PSE_COLOMBIA": ("PC", "BANK_TRANSFER"),
    "BANK_TRANSFER": ("I", "BANK_TRANSFER"),
}
_COUNTRIES = ("AR", "BR", "CL", "CO", "MX", "PE", "UY")
_DECIMALS = {"CLP": 0, "PYG": 0}
_LENGTHS = {"payment_id": 50, "notification_url": 500, "description": 200, "order_refund_id": 125}


class DLocalServer(PseServer):
    """One merchant's account. An X-Idempotency-Key that was answered is answered again with the same."""

    name = "dlocal"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._replays: dict[str, tuple[int, Any]] = {}
        self._refunds: dict[str, tuple[Payment, Refund]] = {}
        self._settled = 0  # movements that earlier settlements have
        self._paid: dict[int, int] = {}  # what each came to when it was printed last, by its first movement

    def routes(self) -> list[BaseRoute]:
        return [
            Route(PREFIX + "/payments-methods", self.payment_methods, methods=["GET"]),
            Route(PREFIX + "/payments/{id}", self.get_payment, methods=["GET"]),
            Route(PREFIX + "/refunds", self.post_refund, methods=["POST"]),
            Route(PREFIX + "/refunds/{id}", self.get_refund, methods=["GET"]),
            Route(PREFIX + "/refunds/{id}/status", self.get_refund, methods=["GET"]),
        ]

    def admin(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """report {"separator"?}: the cross-border file of the settlement that is open, {"name", "content"}.

        settle-anew {}: another settlement begins.

        forget-keys {}: no X-Idempotency-Key is answered again, as after its life.
        """
        return {"report": self.report, "settle-anew": self.settle_anew, "forget-keys": self.forget_keys}

    async def report(self, request: Request) -> Response:
        mark = (await request.json()).get("separator", ",")
        now = datetime.now(UTC)
        name = f"sandbox_cross_border_report_{now:%Y%m%d_%H%M%S}.csv"
        content, paid = report.printed(self.books, now, mark, self._settled)
        self._paid[self._settled] = int(paid.scaleb(2))
        return JSONResponse({"name": name, "content": content})

    async def settle_anew(self, request: Request) -> Response:
        self._settled = len(self.books.log)
        return JSONResponse({})

    def held(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """What a settlement comes to is transferred, unless it is owed to dLocal."""
        return (
            {"USD": sum(one for one in self._paid.values() if one < 0)},
            {"USD": sum(one for one in self._paid.values() if one > 0)},
        )

    async def forget_keys(self, request: Request) -> Response:
        self._replays.clear()
        return JSONResponse({})

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        return Payment(
            reference=wanted.get("reference") or f"D-4-{secrets.token_hex(16)}",
            amount=wanted["amount"],
            currency=wanted.get("currency", "BRL"),
            method=wanted.get("method", "CARD"),
            captured_at=captured_at,
            key=wanted.get("key", "dlocal"),
            order=wanted.get("order"),
        )

    def unavailable(self) -> Response:
        return JSONResponse({"message": "Service Unavailable"}, 503)

    def rate_limited(self) -> Response:
        return _error("6000")

    def internal(self) -> Response:
        return _error("7000")

    # Access

    def _refused(self, request: Request, raw: bytes) -> Response | None:
        login, date = request.headers.get("x-login", ""), request.headers.get("x-date", "")
        if not self.states["address"]:
            return _error("3002")
        if self.states["key"] == "refused" or (login, request.headers.get("x-trans-key")) != (LOGIN, TRANS_KEY):
            return _error("3001")
        if request.headers.get("x-version") != "2.1" or not request.headers.get("user-agent"):
            return _error("5000")
        signed = f"V2-HMAC-SHA256, Signature: {signature(date, raw)}"
        fits = hmac.compare_digest(request.headers.get("authorization", ""), signed)
        if not fits or not _DATE.fullmatch(date):
            return _error("5000")
        refunding = request.method == "POST" and self.states["key"] == "no_refunds"
        return _error("3003") if refunding or not self.states["active"] else None

    async def payment_methods(self, request: Request) -> Response:
        """The methods that the merchant has in a country."""
        refused = self._refused(request, b"")
        if refused is not None:
            return refused
        country = request.query_params.get("country")
        if country is None:
            return _error("5001", "country")
        if country not in _COUNTRIES:
            return _error("5003")
        card = {
            "id": "CARD",
            "type": "CARD",
            "name": "Credit card",
            "countries": [country],
            "allowed_flows": ["DIRECT"],
        }
        return JSONResponse([card])

    async def get_payment(self, request: Request) -> Response:
        """The payment object, its amount a number; its time is written with another offset than a refund's."""
        if (refused := self._refused(request, b"")) is not None:
            return refused
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self.payment_of(request.path_params["id"])
        return _error("4000") if payment is None else _numbers(payment_json(payment))

    # Refunds

    async def post_refund(self, request: Request) -> Response:
        raw = await request.body()
        refused = self._refused(request, raw)
        if refused is not None:
            return refused
        asked = _asked(raw)
        if isinstance(asked, str):
            return _error("5001", asked)
        self.note("POST", asked["payment_id"], asked.get("order_refund_id"), raw)
        payment = self.books.payments.get(asked["payment_id"])
        mood, key = self.mood_of(payment), request.headers.get("x-idempotency-key")
        return await self.by_mood(mood, lambda: self._answer(mood, payment, asked, key))

    def _answer(self, mood: Mood, payment: Payment | None, asked: dict[str, Any], key: str | None) -> Response:
        if key is not None and key in self._replays:
            status, body = self._replays[key]
            return _numbers(body, status)
        answer = self._pay(mood, payment, asked)
        if key is not None and answer.status_code == 200:
            self._replays[key] = (200, json.loads(bytes(answer.body), parse_float=Decimal))
        return answer

    def _pay(self, mood: Mood, payment: Payment | None, asked: dict[str, Any]) -> Response:
        if payment is None:
            return _error("4000", "payment_id")
        if asked.get("currency", payment.currency) != payment.currency:
            return _error("5001", "currency")
        reference = asked.get("order_refund_id") or secrets.token_hex(8)
        facts = {"notification_url": asked.get("notification_url"), "beneficiary": asked.get("beneficiary_name")}
        try:
            refund = self.books.open_refund(
                payment,
                reference,
                _minor_units(asked.get("amount"), payment),
                lambda _: f"REF{secrets.randbelow(10**9)}",
                description=asked.get("description"),
                facts=facts,
            )
        except Refused as refused:
            return _error({"REUSED": "5011", "AMOUNT": "5007"}[refused.rule])
        self._refunds[refund.id] = (payment, refund)
        if facts["notification_url"]:
            self.webhooks.setdefault(payment.key, facts["notification_url"])
        self.play(mood, payment, refund)
        return _numbers(refund_json(payment, refund))

    async def get_refund(self, request: Request) -> Response:
        refused = self._refused(request, b"")
        if refused is not None:
            return refused
        refund_id = request.path_params["id"]
        payment, refund = self._refunds.get(refund_id, (None, None))
        self.note("GET", payment.reference if payment else "", refund_id)
        if payment is None or refund is None or self.hidden(refund):
            return _error("4001")
        return _numbers(refund_json(payment, refund))

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        """To the address that came with the order, or nowhere."""
        address = refund.facts["notification_url"]
        if address is None:
            return []
        body = bytes(_numbers(refund_json(payment, refund)).body)
        date = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        signed = f"V2-HMAC-SHA256, Signature: {signature(date, body)}"
        headers = {"content-type": "application/json", "x-login": LOGIN, "x-date": date, "authorization": signed}
        return [Hook(address, body, headers)]


def signature(date: str, body: bytes) -> str:
    return hmac.new(SECRET_KEY.encode(), (LOGIN + date).encode() + body, hashlib.sha256).hexdigest()


def payment_json(payment: Payment) -> dict[str, Any]:
    """The payment object, which has the payer's data in it."""
    kind, family = _METHODS.get(payment.method, ("CARD", "CARD"))
    status, code, detail = ("PENDING", "100", "The payment is pending.")
    if not payment.facts.get("uncaptured"):
        status, code, detail = ("PAID", "200", "The payment was paid.")
    return {
        "id": payment.reference,
        "amount": Decimal(payment.amount).scaleb(-_DECIMALS.get(payment.currency, 2)),
        "currency": payment.currency,
        "country": "BR",
        "payment_method_id": kind,
        "payment_method_type": family,
        "payment_method_flow": "DIRECT",
        "payer": {"name": "Pagadora Canaria", "email": "payer@example.com", "document": "52998224725"},
        "created_date": f"{payment.captured_at:%Y-%m-%dT%H:%M:%S-00:00}",
        "status": status,
        "status_code": code,
        "status_detail": detail,
        "order_id": payment.order or "order",
        "refunds": [],
    }


def refund_json(payment: Payment, refund: Refund) -> dict[str, Any]:
    """The refund object. A number and a text are both published as status code: here it goes by the method."""
    status, code, detail = _STATUSES[refund.status]
    amount = Decimal(refund.amount).scaleb(-_DECIMALS.get(payment.currency, 2))
    body = {
        "id": refund.id,
        "payment_id": payment.reference,
        "amount": amount,
        "amount_refunded": amount,
        "currency": payment.currency,
        "status": status,
        "status_code": code if payment.method == "CARD" else str(code),
        "status_detail": refund.reason or detail,
        "created_date": f"{refund.requested_at:%Y-%m-%dT%H:%M:%S.000+0000}",
        "order_id": payment.order,
        "notification_url": refund.facts["notification_url"],
    }
    return {name: value for name, value in body.items() if value is not None}


def _numbers(body: Mapping[str, Any], status: int = 200) -> Response:
    """JSON with decimals as numbers; the marks tell them from texts until the quotes are taken away."""
    marked = json.dumps(body, default=lambda number: f"\x00{number:f}\x00")
    return Response(marked.replace('"\\u0000', "").replace('\\u0000"', ""), status, media_type="application/json")


def _error(code: str, parameter: str | None = None) -> Response:
    status, message = _ERRORS[code]
    return JSONResponse({"code": int(code), "message": message, **({"param": parameter} if parameter else {})}, status)


def _asked(raw: bytes) -> dict[str, Any] | str:
    """The body, or the name of the parameter that is wrong."""
    try:
        body = json.loads(raw, parse_float=Decimal)
    except ValueError:
        return "body"
    if not isinstance(body, dict):
        return "body"
    for name, length in _LENGTHS.items():
        value = body.get(name, "")
        if not isinstance(value, str) or len(value) > length:
            return name
    amount = body.get("amount")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int | Decimal)):
        return "amount"
    if (amount is None) is not (body.get("currency") is None):
        return "currency"
    return body if body.get("payment_id") else "payment_id"


def _minor_units(amount: int | Decimal | None, payment: Payment) -> int:
    """Without an amount all that is left; one with too many decimals is none."""
    if amount is None:
        return payment.amount - payment.spoken_for
    units = Decimal(amount).scaleb(_DECIMALS.get(payment.currency, 2))
    return int(units) if units == units.to_integral_value() else 0
