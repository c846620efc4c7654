"""Conekta's refunds (Mexico; conekta/openapi 2.3.0). JSON in minor units; a payment is an order.

There is no idempotency key and no reference of ours: before any send, and in any doubt, the order's refunds are listed
and compared. A refund is answered with the whole order.
"""

import base64
import binascii
import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.conekta import objects, reports
from domain.pse.conekta.objects import HEADERS, BadOrder
from domain.pse.kit import exact
from domain.pse.kit.base import Base
from domain.pse.kit.bearer import Bearer
from domain.pse.reporting import Built, Download, Report, ReportFile
from domain.pse.vocabulary import (
    BadAnswer,
    BadNotice,
    BadSignature,
    CapturedPayment,
    Credentials,
    Declined,
    InDoubt,
    Method,
    Notice,
    NotUnderstood,
    Outcome,
    Period,
    RefundOrder,
    Told,
    Unsent,
    Wait,
    WebhookRequest,
)

_REASON: Final = "requested_by_client"
_ACCESS: Final = (401, 403)
_REFUSED: Final = (400, 402, 404, 422)
_BY_STATUS: Final = {
    401: "authentication_error",
    403: "authentication_error",
    402: "processing_error",
    404: "resource_not_found_error",
    422: "parameter_validation_error",
    429: "TOO_MANY_REQUESTS",
}
_KEYS: Final = ("webhook_public_key", "old_webhook_public_key")


class Conekta(Base):
    """The connector. Stateless.

    Secrets: `api_key` (private); `webhook_public_key` (PEM, of `POST /webhook_keys`), and `old_webhook_public_key`
    while it is changed. A payment is named by its order.
    """

    name = "conekta"
    capabilities: Mapping[Method, Capability] = capabilities.load("conekta")
    report_lag_days: int | None = 1  # when a refund's transaction is written is not published

    def auth(self, credentials: Credentials) -> httpx.Auth:
        return Bearer(credentials.secrets["api_key"])

    def snapshot(self, order: RefundOrder) -> httpx.Request:
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        try:
            if response.status_code != 200:
                raise BadOrder(f"status {response.status_code}")
            listed = objects.refunds_of(_expected(order, exact.document(response.content)))
            return frozenset(objects.id_of(refund) for refund in listed)
        except BadOrder as error:
            raise BadAnswer(f"The order's refunds cannot be read: {error}") from error

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /orders/{id}/refunds`."""
        url = f"{order.base_url}/orders/{quote(order.payment_reference, safe='')}/refunds"
        body = {"amount": order.amount.minor_units, "reason": _REASON}
        return httpx.Request("POST", url, json=body, headers=HEADERS)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. Ours is the refund of this amount that was not there before; of several, the newest."""
        if response.status_code == 200:
            return _read(order, response, made_now=True)
        code, said = _error(response)
        if response.status_code in _ACCESS or response.status_code == 429:
            # It is about our access, not about the refund, and Conekta refused before it looked at the order.
            return Unsent(code, said)
        if response.status_code not in _REFUSED or not _explained(response):
            return InDoubt(code, said)
        return InDoubt(code, said, refusal=True) if order.attempt > 1 else Declined(code, said)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Unsent only when the order lists no refund of this amount but those that are not ours."""
        if response.status_code == 200:
            return _read(order, response, made_now=False)
        return InDoubt(*_error(response))

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /orders/{id}`: the order with its charges and their refunds."""
        return httpx.Request("GET", f"{base_url}/orders/{quote(reference, safe='')}", headers=HEADERS)

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise BadAnswer(f"The look-up of the order was answered with {response.status_code}.")
        try:
            payment = objects.payment_of(exact.document(response.content))
        except BadOrder as error:
            raise BadAnswer(f"The look-up of the order cannot be read: {error}") from error
        if payment is None:
            raise BadAnswer("The order was not paid by card, cash or bank transfer.")
        return payment

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        """The header DIGEST is the RSA-SHA256 signature (PKCS #1 v1.5) of the body, in base64. It has no time: the
        same event again only makes us ask again.
        """
        try:
            given = base64.b64decode(request.headers.get("digest", ""), validate=True)
        except (binascii.Error, ValueError):
            raise BadSignature("The header DIGEST is not base64.") from None
        pems = [found for name in _KEYS if (found := credentials.secrets.get(name))]
        if not any(_signed(given, request.body, pem) for pem in pems):
            raise BadSignature("The header DIGEST does not fit the body and the connection's webhook_public_key.")

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        """An event shows the order as it was when it was written, so it only makes us ask."""
        try:
            event = json.loads(request.body)
            kind, about = str(event["type"])[:100], event["data"]["object"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            said = 'The body is not an event {"type", "data": {"object"}} as Conekta publishes it.'
            raise BadNotice(said) from error
        if not isinstance(about, dict):
            raise BadNotice(f"The {kind} event has no object.")
        try:
            return _told(about) or [NotUnderstood(kind)]
        except BadOrder as error:
            raise BadNotice(f"The {kind} event: {error}.") from error

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        """The orders that were paid in the period."""
        found = []
        for order in (yield from reports.orders(period)):
            try:
                payment = objects.payment_of(order)
            except BadOrder as error:
                raise BadAnswer(f"Order {order.get('id')}: {error}") from error
            if payment is not None and period.start <= payment.captured_at < period.end:
                found.append(payment)
        return found

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        """No report file is published: the transactions of the business date are the report."""
        return [(yield from reports.report(period))]

    def read_report(self, file: ReportFile, period: Period) -> Report:
        """Nothing in the listings counts them, so completeness is unproven."""
        return Report(reports.lines(file, period), None)

    def request_id(self, response: httpx.Response) -> str | None:
        answer = exact.document(response.content) if response.status_code >= 400 else None
        found = answer.get("log_id") if isinstance(answer, dict) else None
        return found if isinstance(found, str) else None

    def scrub(self, text: str) -> str:
        return objects.scrub(text)


def _explained(response: httpx.Response) -> bool:
    answer: Any = exact.document(response.content)
    return isinstance(answer, dict) and ("type" in answer or "details" in answer)


def _error(response: httpx.Response) -> tuple[str, str]:
    """The error's type (else a name of the status), and the words and fine codes of its details."""
    status = response.status_code
    answer: Any = exact.document(response.content)
    fallback = _BY_STATUS.get(status, "api_error" if status >= 500 else "UNREADABLE")
    kind = answer.get("type") if isinstance(answer, dict) else None
    code = kind[:100] if isinstance(kind, str) and kind and status != 429 else fallback
    details = answer.get("details") if isinstance(answer, dict) else None
    listed = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    said = "; ".join(f"{one.get('message')} ({one.get('code')})" for one in listed)
    return code, (said or f"Conekta answered {status} without an error object.")[:500]


def _expected(order: RefundOrder, answer: Any) -> dict[str, Any]:
    """The order that was asked about. Raises BadOrder."""
    if not isinstance(answer, dict) or answer.get("object") != "order":
        raise BadOrder("it is not an order")
    if answer.get("id") != order.payment_reference or answer.get("currency") != order.amount.currency:
        raise BadOrder(f"it is order {answer.get('id')} in {answer.get('currency')}")
    return answer


def _read(order: RefundOrder, response: httpx.Response, *, made_now: bool) -> Outcome:
    try:
        listed = objects.refunds_of(_expected(order, exact.document(response.content)))
        known = order.pse_refund_reference
        if known is not None:
            return _known(order, [one for one in listed if objects.id_of(one) == known])
        new = [one for one in listed if objects.id_of(one) not in order.not_ours]
        ours = [one for one in new if objects.amount_of(one) == order.amount.minor_units]
        if made_now:
            ours = _newest(ours)
    except BadOrder as error:
        return InDoubt("UNREADABLE", f"Conekta answered with something else than the order with its refunds: {error}.")
    if len(ours) > 1:
        said = f"The order has {len(ours)} new refunds of {order.amount}: which of them is ours cannot be told."
        return InDoubt("ECHO_MISMATCH", said, needs_person=True)
    if ours:
        return objects.outcome_of(ours[0], succeeded=order.succeeded)
    if made_now:
        return InDoubt("UNREADABLE", "Conekta accepted the refund and does not list it.")
    return Unsent("NOT_LISTED", "The order has no new refund of this amount.")


def _newest(refunds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    latest = max((objects.time_of(one, "created_at") for one in refunds), default=None)
    return [one for one in refunds if objects.time_of(one, "created_at") == latest]


def _known(order: RefundOrder, found: list[dict[str, Any]]) -> Outcome:
    if not found:
        said = f"Conekta does not list refund {order.pse_refund_reference} any more; it was canceled, perhaps."
        return InDoubt("REFUND_GONE", said, needs_person=True)
    if objects.amount_of(found[0]) != order.amount.minor_units:
        said = f"Refund {order.pse_refund_reference} is of {found[0]['amount']} cents, ours is of {order.amount}."
        return InDoubt("ECHO_MISMATCH", said, needs_person=True)
    return objects.outcome_of(found[0], succeeded=order.succeeded)


def _signed(given: bytes, body: bytes, pem: str) -> bool:
    try:
        # Conekta shows its keys with the line breaks written as \\n.
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except ValueError as error:
        raise BadSignature("The connection's webhook_public_key is not a PEM public key.") from error
    if not isinstance(key, RSAPublicKey):
        raise BadSignature("The connection's webhook_public_key is not an RSA key.")
    try:
        key.verify(given, body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _told(about: dict[str, Any]) -> list[Told]:
    """One notice for each refund of an order, or of a charge. Raises BadOrder."""
    kind = about.get("object")
    if kind not in ("order", "charge"):
        return []
    name = about.get("id") if kind == "order" else about.get("order_id")
    listed = objects.refunds_of(about) if kind == "order" else objects.refunds_of_charge(about)
    if not isinstance(name, str):
        raise BadOrder("it does not name its order")
    return [Notice(name, None, objects.id_of(refund), None) for refund in listed]
