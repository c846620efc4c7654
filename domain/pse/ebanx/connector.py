"""EBANX, the `ws/` API: `ws/refund`, `ws/query` and the signed notification (docs.ebanx.com).

merchant_refund_code is our reference, but EBANX does not refuse the same code again, so a doubt is ended by asking: the
query of the payment lists its refunds with their codes. Errors come as HTTP 200 with status ERROR.

The API's times have no zone, so they decide nothing: what succeeded is dated by us.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import httpx

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.ebanx import objects, webhooks
from domain.pse.ebanx.auth import IntegrationKey
from domain.pse.kit import exact, outcomes
from domain.pse.kit.base import Base
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import (
    BadAnswer,
    CapturedPayment,
    Credentials,
    InDoubt,
    Method,
    Outcome,
    RefundOrder,
    Told,
    Unsent,
    WebhookRequest,
)

_REFERENCE_MAX: Final = 20
_ACCESS: Final = "BP-SA-1"
_HEADERS: Final = {"Accept": "application/json", "User-Agent": "Estorno"}


class Ebanx(Base):
    """The connector. Stateless. Secrets: `integration_key`, and `webhook_certificate` (EBANX's, in PEM)."""

    name = "ebanx"
    capabilities: Mapping[Method, Capability] = capabilities.load("ebanx")
    # Of its reports a few columns are published, and no whole sample.
    scrubbed = objects.SCRUBBED

    def auth(self, credentials: Credentials) -> httpx.Auth:
        return IntegrationKey(credentials.secrets["integration_key"])

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`ws/refund`, operation request. EBANX wants a description."""
        assert len(order.reference) <= _REFERENCE_MAX, "Our reference has 20 characters, as EBANX allows."
        form = {
            "operation": "request",
            "hash": order.payment_reference,
            "amount": order.amount.decimal(),
            "description": order.description or f"Refund {order.reference}",
            "merchant_refund_code": order.reference,
        }
        return httpx.Request("POST", f"{order.base_url}/ws/refund", data=form, headers=_HEADERS)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. Few of EBANX's error codes are published, so a refusal is believed once the query does not list it."""
        answer = exact.document(response.content)
        if response.is_success and objects.status_of(answer) == "SUCCESS":
            return objects.echoed(order, answer.get("payment"), answer.get("refund"))
        code, said = objects.error_of(response)
        if response.status_code in outcomes.UNHEARD or (code == _ACCESS and response.status_code < 500):
            return Unsent(code, said)
        refused = response.status_code < 500 and objects.status_of(answer) == "ERROR"
        return InDoubt(code, said, refusal=refused)

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """`ws/query` of the payment by its hash."""
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """As `read_refund`; Unsent where the payment is found and lists no refund with our code."""
        answer = exact.document(response.content)
        if not response.is_success or objects.status_of(answer) != "SUCCESS":
            return InDoubt(*objects.error_of(response))
        payment = answer.get("payment")
        listed = objects.refunds_within(payment)
        if listed is None or payment.get("hash") != order.payment_reference:
            return InDoubt("UNREADABLE", "EBANX answered with something that is not the payment.")
        ours = [refund for refund in listed if refund.get("merchant_refund_code") == order.reference]
        ours = [refund for refund in ours if refund.get("status") != "CA"] or ours[-1:]
        if not ours:
            return Unsent("NOT_LISTED", "EBANX lists no refund of the payment with our reference.")
        if len(ours) > 1:
            ids = ", ".join(str(refund.get("id"))[:20] for refund in ours[:10])
            return InDoubt("TWO_REFUNDS", f"EBANX holds refunds {ids} under one reference.", needs_person=True)
        return objects.echoed(order, payment, ours[0])

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        """`ws/query`: the payment with all its refunds, also those that were asked for in EBANX's dashboard."""
        return httpx.Request("POST", f"{base_url}/ws/query", data={"hash": reference}, headers=_HEADERS)

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        """The payment; its time is read as UTC, and decides nothing."""
        answer = exact.document(response.content)
        if not response.is_success or objects.status_of(answer) != "SUCCESS":
            code, said = objects.error_of(response)
            raise BadAnswer(f"The query of the payment was answered with {code}: {said}")
        try:
            return objects.payment_of(answer.get("payment"))
        except Unreadable as error:
            raise BadAnswer(f"The query of the payment cannot be read: {error}") from error

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        webhooks.verify(credentials.secrets["webhook_certificate"], request)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return webhooks.told(request.body)
