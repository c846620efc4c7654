"""Mercado Pago's Payments API: refunds of a payment, its listing, its webhooks, its reports.

A refund is named by Mercado Pago alone: it never echoes our reference, and a request that is replayed with the same
`X-Idempotency-Key` is answered with an empty body. So every doubt is ended by listing the payment's refunds.
"""

from dataclasses import replace
from typing import Final

import httpx

from domain.pse.kit import exact, requests
from domain.pse.kit.base import Base
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.parts import Parts
from domain.pse.mercadopago import lines, objects, reports, setup, webhooks
from domain.pse.vocabulary import InDoubt, NotTold, Outcome, PaymentAsked, RefundOrder, Shown, Standing

_FLAKY_TRIES: Final = 3


class MercadoPago(Base):
    """The connector. Stateless: all it needs is in its arguments.

    Secrets: `access_token` (of the account), `webhook_secret` (of the application's notifications).
    Reports come with the columns that the account has configured; what is changed of that: configuration.py.
    """

    name = "mercadopago"
    parts = Parts(
        objects, webhooks, listing=objects, payments=objects, shows=objects, reports=reports, lines=lines, setup=setup
    )
    report_lag_days: int | None = 1  # a refund made at the end of a day may touch the balance on the next
    bearer = "access_token"
    accepted = (200, 201)

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        """Of a payment that Mercado Pago does not know there are none: the refund's own answer will say so."""
        if response.status_code == 404 and exact.explained(response.content):
            return frozenset()
        return super().read_snapshot(order, response)

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /v1/payments/{id}/refunds`, with our reference as idempotency key.

        The amount is always sent: an empty body means "all that is left", which another refund may have changed.
        X-Render-In-Process-Refunds: a refund that Pix delays is then told as `in_process`, and not as an error.
        """
        headers = {
            **requests.JSON,
            "Content-Type": "application/json",
            "X-Idempotency-Key": order.reference,
            "X-Render-In-Process-Refunds": "true",
        }
        # The number is written as text: no float has it exactly.
        body = f'{{"amount":{order.amount.decimal()}}}'
        return httpx.Request("POST", _refunds_url(order), content=body.encode(), headers=headers)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        if response.status_code in self.accepted and response.content.strip() == b"":
            return InDoubt("REPLAYED", "Mercado Pago had this request before; its refund must be looked up.")
        return super().read_refund(order, response)

    def read_refusal(self, order: RefundOrder, response: httpx.Response, error: ErrorAnswer) -> Outcome:
        """What Mercado Pago's codes say of an order, which an earlier attempt may have brought already."""
        if not error.explained or not 400 <= response.status_code < 500:
            return error.in_doubt()
        flaky = error.code == objects.FLAKY and order.attempt <= _FLAKY_TRIES
        if flaky or error.code in objects.NO_BALANCE:
            return error.unsent()
        # In words that we do not know: the listing tells.
        return error.refused(order) if error.code in objects.FINAL else error.in_doubt(refusal=True)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        """`GET /v1/payments/{id}/refunds`."""
        return httpx.Request("GET", _refunds_url(order), headers=requests.JSON)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /v1/payments/{id}`: with its currency, which the list of refunds does not tell, and its refunds."""
        return requests.get(base_url, "v1", "payments", reference)

    def read_standing(self, asked: PaymentAsked, response: httpx.Response) -> Standing:
        """As everywhere. A payer's key sees a payment, too: whose it is must be told."""
        shown = super().read_standing(asked, response)
        if not isinstance(shown, Shown):
            return shown
        if shown.account is None:
            return NotTold("NO_COLLECTOR", "Mercado Pago shows the payment and does not say whose it is.")
        return replace(shown, ours=shown.account == asked.client_id)

    def ask_account(self, base_url: str) -> httpx.Request:
        """`GET /users/me`."""
        return requests.get(base_url, "users", "me")

    def read_account(self, response: httpx.Response) -> str | None:
        """The id of the user, as `collector_id` names it."""
        me = exact.document(response.content)
        known = response.status_code == httpx.codes.OK and objects.is_named(me)
        return objects.id_of(me) if known else None


def _refunds_url(order: RefundOrder) -> str:
    return requests.url(order.base_url, "v1", "payments", order.payment_reference, "refunds")
