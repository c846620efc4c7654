"""EBANX, the `ws/` API: `ws/refund`, `ws/query` and the signed notification (docs.ebanx.com).

merchant_refund_code is our reference, but EBANX does not refuse the same code again, so a doubt is ended by asking: the
query of the payment lists its refunds with their codes. Errors come as HTTP 200 with status ERROR.

The API's times have no zone, so they decide nothing: what succeeded is dated by us.
"""

from typing import Final

import httpx

from domain.pse.ebanx import objects, setup, webhooks
from domain.pse.ebanx.auth import IntegrationKey
from domain.pse.kit import answers, exact, outcomes
from domain.pse.kit.base import Base
from domain.pse.kit.parts import Parts
from domain.pse.kit.requests import NAMED
from domain.pse.kit.unreadable import told_as
from domain.pse.vocabulary import (
    BadAnswer,
    CapturedPayment,
    Credentials,
    Outcome,
    PaymentAsked,
    RefundOrder,
    Standing,
)

_REFERENCE_MAX: Final = 20
_ACCESS: Final = "BP-SA-1"


class Ebanx(Base):
    """The connector. Stateless. Secrets: `integration_key`, and `webhook_certificate` (EBANX's, in PEM)."""

    name = "ebanx"
    headers = NAMED
    hides_refusals = True
    # Of its reports a few columns are published, and no whole sample.
    parts = Parts(objects, webhooks, payments=objects, shows=objects, setup=setup)

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
        return httpx.Request("POST", f"{order.base_url}/ws/refund", data=form, headers=self.headers)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. Few of EBANX's error codes are published, so a refusal is believed once the query does not list it."""
        answer = exact.document(response.content)
        if objects.is_success(response, answer):
            return objects.echoed(order, answer)
        error = objects.error_of(response)
        if response.status_code in outcomes.UNHEARD or (error.code == _ACCESS and response.status_code < 500):
            return error.unsent()
        return error.in_doubt(refusal=response.status_code < 500 and error.explained)

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """`ws/query` of the payment by its hash."""
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """As `read_refund`; Unsent where the payment is found and lists no refund with our code."""
        answer = exact.document(response.content)
        if not objects.is_success(response, answer):
            return objects.error_of(response).in_doubt()
        return objects.among(order, answer.get("payment"))

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        """`ws/query`: the payment with all its refunds, also those that were asked for in EBANX's dashboard."""
        return httpx.Request("POST", f"{base_url}/ws/query", data={"hash": reference}, headers=self.headers)

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        """The payment; its time is read as UTC, and decides nothing."""
        answer = exact.document(response.content)
        if not objects.is_success(response, answer):
            error = objects.error_of(response)
            raise BadAnswer(f"The query of the payment was answered with {error.code}: {error.said}")
        with told_as(BadAnswer, "The query of the payment cannot be read"):
            return objects.payment_of(answer.get("payment"))

    def read_standing(self, asked: PaymentAsked, response: httpx.Response) -> Standing:
        """As everywhere; an error comes with 200, too."""
        answer = exact.document(response.content)
        if objects.is_success(response, answer):
            return answers.shown_in(asked, exact.inner(answer, "payment"), objects.shown_of)
        return answers.not_shown(self.words, response, objects.error_of(response))
