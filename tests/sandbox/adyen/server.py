"""Adyen: Checkout API v72 refunds, standard webhooks v1, settlement details reports, for one merchant account.

201 only says "received"; the outcome is told by webhook. An amount above what is left is received too, and refused by
webhook. The books count ISO 4217's minor units, the wire Adyen's: `value` of CLP is a hundred times more.
"""

import base64
import hashlib
import hmac
import json
import secrets
import string
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.adyen.management import Management
from tests.sandbox.adyen.report import Batches, Style
from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.server import Hook, Mood, PseServer

PREFIX = "/adyen/v72"
REPORTS = "/adyen/reports/download/MerchantAccount"
ACCOUNT = "EstornoTestBR"
API_KEY = "AQEsandbox-api-key-of-adyen"
HMAC_KEY = "D3C0DE5EC2E7000000000000000000000000000000000000000000000000AD7E"
REPORT_USER, REPORT_PASSWORD = "report@Company.EstornoTest", "sandbox-report-password"
_PIX_WINDOW = timedelta(days=90)
_DECIMALS_MORE = {"CLP": 2}  # decimals that Adyen has and ISO 4217 has not
_BRANDS = {"PIX": "pix", "CARD": "visa", "BOLETO": "boletobancario_santander", "OXXO": "oxxo"}
_REASONS = ("FRAUD", "CUSTOMER REQUEST", "RETURN", "DUPLICATE", "OTHER")


def psp_reference() -> str:
    """16 characters, as Adyen's are."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))


def service_error(status: int, code: str, message: str, kind: str) -> JSONResponse:
    reference = psp_reference()
    body = {"status": status, "errorCode": code, "message": message, "errorType": kind, "pspReference": reference}
    return JSONResponse(body, status, headers={"pspReference": reference})


def signed(item: dict[str, Any], key: str = HMAC_KEY) -> dict[str, Any]:
    """The item with its hmacSignature: eight fields joined by colons, an absent one empty, nothing escaped."""
    amount = item["amount"]
    fields = [item.get(name, "") for name in ("pspReference", "originalReference", "merchantAccountCode")]
    fields += [item.get("merchantReference", ""), amount["value"], amount["currency"]]
    text = ":".join(str(part) for part in (*fields, item["eventCode"], item["success"]))
    mac = hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).digest()
    extra = {**item.get("additionalData", {}), "hmacSignature": base64.b64encode(mac).decode()}
    return {"additionalData": extra, **{name: value for name, value in item.items() if name != "additionalData"}}


def posted(url: str, items: list[dict[str, Any]]) -> Hook:
    """One POST with all the items, each signed."""
    wrapped = [{"NotificationRequestItem": signed(item)} for item in items]
    body = json.dumps({"live": "false", "notificationItems": wrapped}).encode()
    return Hook(url, body, {"content-type": "application/json"})


def wire_amount(amount: int, currency: str) -> dict[str, Any]:
    return {"currency": currency, "value": amount * 10 ** _DECIMALS_MORE.get(currency, 0)}


class AdyenServer(PseServer):
    """One merchant account of one company."""

    name = "adyen"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self.batches = Batches(books, ACCOUNT)
        self._replays: dict[str, tuple[int, dict[str, Any]]] = {}

    def routes(self) -> list[BaseRoute]:
        report = REPORTS + "/{account}/{name}"
        return [
            *Management(self, ACCOUNT, self._refused).routes(),
            Route(PREFIX + "/payments/{payment}/refunds", self.refund, methods=["POST"]),
            Route(report, self.report, methods=["GET"]),  # and HEAD with it
        ]

    def admin(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """close-batch {"announce"?: false}: what moved since the last one is paid out, which gives {"report": name}.

        announce {"reports": [names]}: one POST with an item for each.
        lose-row {"report", "lost"}: the file loses a refund, or is whole again.
        report-style {Style's}: how the next batches are written.
        report-rows {"rows": [{"type", "net", "gross"?, "currency"?, "payment"?, "modification"?}]}: in the next batch.
        """
        return {
            "close-batch": self.close_batch,
            "announce": self.announce,
            "lose-row": self.lose_row,
            "report-style": self.report_style,
            "report-rows": self.report_rows,
        }

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        """`return_event`: which event tells that a refund came back. `parts`: in how many it was captured."""
        return Payment(
            reference=wanted.get("reference") or psp_reference(),
            amount=wanted["amount"],
            currency=wanted.get("currency", "BRL"),
            method=wanted.get("method", "PIX"),
            captured_at=captured_at,
            key=wanted.get("key", ACCOUNT),
            order=wanted.get("order"),
            facts={"return_event": wanted.get("return_event", "REFUNDED_REVERSED"), "parts": wanted.get("parts", 1)},
        )

    def unavailable(self) -> Response:
        return Response(status_code=503)

    def rate_limited(self) -> Response:
        return JSONResponse({"status": 429, "message": "Too Many Requests"}, 429)

    def internal(self) -> Response:
        return service_error(500, "905", "Internal error", "internal")

    def _refused(self, request: Request) -> Response | None:
        """A credential with allowed addresses is not told apart from one that is unknown."""
        known = self.states["address"] and self.states["key"] != "refused"
        if known and request.headers.get("x-api-key") == API_KEY:
            return None
        return service_error(401, "000", "HTTP Status Response - Unauthorized", "security")

    # Refunds

    async def refund(self, request: Request) -> Response:
        raw = await request.body()
        wanted = request.path_params["payment"]
        self.note("POST", wanted, _reference_in(raw), raw)
        if (refused := self._refused(request)) is not None:
            return refused
        if self.states["key"] == "no_refunds" or not self.states["active"]:
            return service_error(403, "010", "Not allowed", "security")
        payment, key = self.books.payments.get(wanted), request.headers.get("idempotency-key")
        mood = self.mood_of(payment)
        return await self.by_mood(mood, lambda: self._replayed(mood, payment, key, raw))

    def _replayed(self, mood: Mood, payment: Payment | None, key: str | None, raw: bytes) -> Response:
        """The same key gets the first answer again, and nothing else happens."""
        if key is None:
            return self._receive(mood, payment, raw)
        if key not in self._replays:
            answer = self._receive(mood, payment, raw)
            self._replays[key] = answer.status_code, json.loads(bytes(answer.body))
        status, body = self._replays[key]
        return JSONResponse(body, status, headers={"Idempotency-Key": key, "pspReference": body["pspReference"]})

    def _receive(self, mood: Mood, payment: Payment | None, raw: bytes) -> Response:
        try:
            asked = json.loads(raw)
            account, amount = asked["merchantAccount"], asked["amount"]
            value, currency = amount["value"], amount["currency"]
        except (ValueError, KeyError, TypeError):
            return service_error(400, "702", "Structure of the request is not valid", "validation")
        if account != ACCOUNT:
            return service_error(403, "901", "Invalid Merchant Account", "security")
        if payment is None:
            return service_error(422, "167", "Original pspReference required for this operation", "validation")
        units, rest = divmod(value, 10 ** _DECIMALS_MORE.get(currency, 0)) if isinstance(value, int) else (0, 0)
        if units <= 0 or rest or currency != payment.currency or _too_much_text(asked):
            return service_error(422, "137", "Invalid amount specified", "validation")
        refund = self._open(payment, asked.get("reference"), units)
        if refund.status == "PENDING":
            self.play(mood, payment, refund)
        else:
            self.notify(payment, refund)
        return JSONResponse(_received(payment, refund, asked), 201)

    def _open(self, payment: Payment, reference: str | None, amount: int) -> Refund:
        """The refund as Adyen has it; a rule that it breaks is told by webhook."""
        now, made = datetime.now(UTC), psp_reference()
        name = reference or made
        while name in payment.refunds:  # a reference is the merchant's to repeat: only the key is looked at
            name += "+"
        if payment.method == "PIX" and now - payment.captured_at > _PIX_WINDOW:
            reason = "Refund period expired"
        else:
            try:
                return self.books.open_refund(payment, name, amount, lambda _: made, facts={"reference": reference})
            except Refused:
                reason = "Insufficient balance on payment"
        refund = Refund(made, name, amount, "ORIGINAL", now, "REFUSED", reason=reason, facts={"reference": reference})
        payment.refunds[name] = refund
        return refund

    # Webhooks

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        events = {"DONE": ("REFUND", "true"), "REFUSED": ("REFUND", "false")}
        event, success = events.get(refund.status, (payment.facts["return_event"], "true"))
        item = {
            "additionalData": {"bookingDate": _moment()},
            "amount": wire_amount(refund.amount, payment.currency),
            "eventCode": event,
            "eventDate": _moment(),
            "merchantAccountCode": ACCOUNT,
            "merchantReference": refund.facts["reference"] or payment.order or "",
            "originalReference": payment.reference,
            "paymentMethod": _BRANDS.get(payment.method, "visa"),
            "pspReference": refund.id,
            "reason": refund.reason or "",
            "success": success,
        }
        return [posted(url, [item])]

    def announcement(self, name: str) -> dict[str, Any]:
        return {
            "amount": {"currency": "EUR", "value": 0},
            "eventCode": "REPORT_AVAILABLE",
            "eventDate": _moment(),
            "merchantAccountCode": ACCOUNT,
            "merchantReference": "",
            "pspReference": name,
            "reason": f"https://ca-test.adyen.com/reports/download/MerchantAccount/{ACCOUNT}/{name}",
            "success": "true",
        }

    # Reports

    def held(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """What closed batches have left here."""
        return self.batches.held, self.batches.paid_out

    async def close_batch(self, request: Request) -> Response:
        name = self.batches.close(datetime.now(UTC))
        if (await request.json()).get("announce", True):
            self._announce([name])
        return JSONResponse({"report": name})

    async def announce(self, request: Request) -> Response:
        self._announce((await request.json())["reports"])
        return JSONResponse({})

    async def lose_row(self, request: Request) -> Response:
        body = await request.json()
        self.batches.lose_row(body["report"], lost=body["lost"])
        return JSONResponse({})

    async def report_style(self, request: Request) -> Response:
        self.batches.style = Style(**await request.json())
        return JSONResponse({})

    async def report_rows(self, request: Request) -> Response:
        self.batches.extra += (await request.json())["rows"]
        return JSONResponse({})

    def _announce(self, names: list[str]) -> None:
        for url in set(self.webhooks.values()):
            self.spawn(self.deliver(posted(url, [self.announcement(name) for name in names])))

    async def report(self, request: Request) -> Response:
        self.note(request.method, "", request.path_params["name"])
        if request.headers.get("authorization") != _basic(REPORT_USER, REPORT_PASSWORD):
            return Response(status_code=401)
        found = self.batches.files.get(request.path_params["name"])
        if request.path_params["account"] != ACCOUNT or found is None:
            return Response(status_code=404)
        return Response(found, media_type="text/csv")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _reference_in(raw: bytes) -> str | None:
    try:
        reference: str | None = json.loads(raw).get("reference")
    except (ValueError, AttributeError):
        return None
    return reference


def _too_much_text(asked: dict[str, Any]) -> bool:
    return len(str(asked.get("reference", ""))) > 80 or asked.get("merchantRefundReason", "OTHER") not in _REASONS


def _received(payment: Payment, refund: Refund, asked: dict[str, Any]) -> dict[str, Any]:
    echoed: dict[str, Any] = {name: asked[name] for name in ("reference", "merchantRefundReason") if name in asked}
    return {
        "merchantAccount": ACCOUNT,
        "paymentPspReference": payment.reference,
        "pspReference": refund.id,
        "status": "received",
        "amount": wire_amount(refund.amount, payment.currency),
        **echoed,
    }


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
