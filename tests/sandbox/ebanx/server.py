"""EBANX's `ws/` API: refund (request and cancel), query, and the notification signed by RSA-SHA1.

As published, parameters come as a form or in the address, errors are HTTP 200 with status ERROR, and a
merchant_refund_code is not unique: the same one again makes another refund, which is paid again.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.sandbox.books import Books, Payment, Refund, Refused
from tests.sandbox.server import Hook, Mood, PseServer
from tests.sandbox.signing import signing_key

PREFIX: Final = "/ebanx"
INTEGRATION_KEY: Final = "sandbox-integration-key"
# A key of the sandbox's own, which opens nothing, with its certificate.
_PEM: Final = (Path(__file__).parent / "ebanx.pem").read_bytes()
_CERTIFICATE: Final = x509.load_pem_x509_certificate(_PEM)
CERTIFICATE: Final = _CERTIFICATE.public_bytes(Encoding.PEM).decode()
_STATUSES = {"PENDING": "PE", "DONE": "CO", "REFUSED": "CA", "RETURNED": "CA"}
_DECIMALS = {"CLP": 0, "PYG": 0}
_AMOUNT = re.compile(r"\d{1,12}(?:\.\d{1,2})?")


class EbanxServer(PseServer):
    """One merchant's account."""

    name = "ebanx"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._ids = 20_000

    def routes(self) -> list[BaseRoute]:
        return [
            Route(PREFIX + "/ws/refund", self.refund, methods=["GET", "POST"]),
            Route(PREFIX + "/ws/merchantIntegrationProperties/get", self.properties, methods=["GET", "POST"]),
            Route(PREFIX + "/ws/query", self.query, methods=["GET", "POST"]),
        ]

    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        return Payment(
            reference=wanted.get("reference") or secrets.token_hex(24),
            amount=wanted["amount"],
            currency=wanted.get("currency", "BRL"),
            method=wanted.get("method", "CARD"),
            captured_at=captured_at,
            key=wanted.get("key", "ebanx"),
            order=wanted.get("order"),
        )

    def unavailable(self) -> Response:
        return Response("Service Unavailable", 503)

    def rate_limited(self) -> Response:
        return Response("Too Many Requests", 429)

    def internal(self) -> Response:
        return _error("BP-GEN-1", "Internal error", 500)

    def _refused(self, asked: Mapping[str, str]) -> Response | None:
        """An address that may not ask is refused before EBANX's API: by a page."""
        if not self.states["address"]:
            return Response("<html><body><h1>403 Forbidden</h1></body></html>", 403, media_type="text/html")
        if asked.get("integration_key") != INTEGRATION_KEY or self.states["key"] == "refused":
            return _error("BP-SA-1", "Parameter integration_key not found")
        return None

    async def properties(self, request: Request) -> Response:
        """Where the merchant wants to be told of a payment's news."""
        _, asked = await _asked(request)
        if (refused := self._refused(asked)) is not None:
            return refused
        urls = self.registered()
        body = {"url_response": "", "url_status_change_notification": urls[0] if urls else ""}
        return JSONResponse({"body": body, "status": "SUCCESS"})

    # Refunds

    async def refund(self, request: Request) -> Response:
        raw, asked = await _asked(request)
        if (refused := self._refused(asked)) is not None:
            return refused
        if asked.get("operation") == "cancel":
            return self._cancel(asked)
        payment = self.books.payments.get(asked.get("hash", ""))
        self.note("POST", asked.get("hash", ""), asked.get("merchant_refund_code"), raw)
        mood = self.mood_of(payment)
        return await self.by_mood(mood, lambda: self._request(mood, payment, asked))

    def _request(self, mood: Mood, payment: Payment | None, asked: Mapping[str, str]) -> Response:
        wrong = _wrong(payment, asked)
        if payment is None or wrong is not None:
            return _error("BP-REF-1", wrong or "")
        code = asked.get("merchant_refund_code")
        # Nothing refuses a code that was used before.
        reference = f"{code or secrets.token_hex(8)}"
        reference += "x" * sum(one.facts["code"] == code for one in payment.refunds.values())
        try:
            refund = self.books.open_refund(
                payment,
                reference,
                _minor_units(asked["amount"], payment),
                lambda _: self._next_id(),
                description=asked["description"],
                facts={"code": code},
            )
        except Refused as refused:
            return _error("BP-REF-2", str(refused))
        answer = self._told(payment, refund, status="RE")
        self.play(mood, payment, refund)
        return answer

    def _cancel(self, asked: Mapping[str, str]) -> Response:
        for payment in self.books.payments.values():
            for refund in payment.refunds.values():
                if refund.id == asked.get("refund_id") and refund.status == "PENDING":
                    self.refuse(payment, refund)
                    return self._told(payment, refund)
        return _error("BP-REF-3", "Refund cannot be cancelled")

    def _next_id(self) -> str:
        self._ids += 1
        return str(self._ids)

    def _told(self, payment: Payment, refund: Refund, status: str | None = None) -> Response:
        told = refund_json(payment, refund)
        if status is not None:
            told |= {"status": status, "pending_date": None}
        others = [one for one in payment.refunds.values() if one is not refund]
        whole = {**payment_json(payment), "refunds": [*(refund_json(payment, one) for one in others), told]}
        return JSONResponse({"payment": whole, "refund": told, "operation": "refund", "status": "SUCCESS"})

    async def query(self, request: Request) -> Response:
        _, asked = await _asked(request)
        if (refused := self._refused(asked)) is not None:
            return refused
        if (trouble := self.trouble()) is not None:
            return trouble
        payment = self.payment_of(asked.get("hash", ""))
        self.note("GET", asked.get("hash", ""), None)
        if payment is None:
            return _error("BP-QUE-1", "Payment not found")
        refunds = [refund_json(payment, one) for one in payment.refunds.values() if not self.hidden(one)]
        whole = {**payment_json(payment), **({"refunds": refunds} if refunds else {})}
        return JSONResponse({"payment": whole, "status": "SUCCESS"})

    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        return [notification(url, "refund", payment.reference)]


def notification(url: str, kind: str, *hashes_: str) -> Hook:
    """The signed form of a notification about these payments."""
    body = f"operation=payment_status_change&notification_type={kind}&hash_codes={','.join(hashes_)}".encode()
    sha1 = hashes.SHA1()  # noqa: S303 - as EBANX signs
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-signaturetype": "rsa,sha1",
        "x-signaturefingerprint": _CERTIFICATE.fingerprint(sha1).hex().upper(),
        "x-signaturecontent": base64.b64encode(signing_key(_PEM).sign(body, PKCS1v15(), sha1)).decode(),
    }
    return Hook(url, body, headers)


async def _asked(request: Request) -> tuple[bytes, Mapping[str, str]]:
    raw = await request.body()
    return raw, {**request.query_params, **QueryParams(raw)}


def _wrong(payment: Payment | None, asked: Mapping[str, str]) -> str | None:
    if payment is None:
        return "Payment not found"
    if asked.get("operation") != "request":
        return "Parameter operation is invalid"
    if not asked.get("description"):
        return "Parameter description is required"
    if not _AMOUNT.fullmatch(asked.get("amount", "")):
        return "Parameter amount is invalid"
    too_long = len(asked.get("merchant_refund_code", "")) > 20
    return "Parameter merchant_refund_code can have 20 characters maximum" if too_long else None


def _minor_units(amount: str, payment: Payment) -> int:
    places = _DECIMALS.get(payment.currency, 2)
    whole, _, decimals = amount.partition(".")
    return int(whole + decimals.ljust(places, "0")) if len(decimals) <= places else 0


def _money(amount: int, currency: str) -> str:
    places = _DECIMALS.get(currency, 2)
    return str(amount) if places == 0 else f"{amount // 100}.{amount % 100:02}"


def _date(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else None


def refund_json(payment: Payment, refund: Refund) -> dict[str, Any]:
    cancelled = refund.status in ("REFUSED", "RETURNED")
    return {
        "id": refund.id,
        "merchant_refund_code": refund.facts["code"],
        "status": _STATUSES[refund.status],
        "request_date": _date(refund.requested_at),
        "pending_date": _date(refund.requested_at),
        "confirm_date": _date(refund.settled_at),
        "cancel_date": _date(datetime.now(UTC)) if cancelled else None,
        "amount_ext": _money(refund.amount, payment.currency),
        "description": refund.description,
    }


def payment_json(payment: Payment) -> dict[str, Any]:
    at = _date(payment.captured_at)
    return {
        "hash": payment.reference,
        "pin": "484913390",
        "merchant_payment_code": payment.order,
        "order_number": None,
        "status": "PE" if payment.facts.get("uncaptured") else "CO",
        "status_date": at,
        "open_date": at,
        "confirm_date": at,
        "transfer_date": None,
        "amount_ext": _money(payment.amount, payment.currency),
        "currency_ext": payment.currency,
        "instalments": "1",
        "payment_type_code": {"BOLETO": "boleto", "OXXO": "oxxo", "PIX": "pix"}.get(payment.method, "visa"),
        "customer": {"document": "00000000191", "email": "payer@example.org", "name": "PAYER", "birth_date": None},
    }


def _error(code: str, message: str, status: int = 200) -> Response:
    return JSONResponse({"status": "ERROR", "status_code": code, "status_message": message}, status)
