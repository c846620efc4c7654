"""Conekta's refunds (Mexico; conekta/openapi 2.3.0). JSON in minor units; a payment is an order.

There is no idempotency key and no reference of ours: before any send, and in any doubt, the order's refunds are listed
and compared. A refund is answered with the whole order.
"""

from collections.abc import Iterable

import httpx

from domain.pse.conekta import lines, objects, reports, setup, webhooks
from domain.pse.kit import answers
from domain.pse.kit.base import Base
from domain.pse.kit.parts import Parts
from domain.pse.reporting import Steps
from domain.pse.vocabulary import CapturedPayment, Period, RefundOrder


class Conekta(Base):
    """The connector. Stateless.

    Secrets: `api_key` (private); `webhook_public_key` (PEM, of `POST /webhook_keys`), and `old_webhook_public_key`
    while it is changed. A payment is named by its order.
    """

    name = "conekta"
    parts = Parts(
        objects, webhooks, listing=objects, payments=objects, shows=objects, reports=reports, lines=lines, setup=setup
    )
    headers = objects.HEADERS
    report_lag_days: int | None = 1  # when a refund's transaction is written is not published
    refusing = (400, 402, 404, 422)
    request_id_headers = ()
    request_id_field = "log_id"

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /orders/{id}/refunds`."""
        body = {"amount": order.amount.minor_units, "reason": "requested_by_client"}
        return self.post(order.base_url, "orders", order.payment_reference, "refunds", body=body)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /orders/{id}`: the order with its charges and their refunds."""
        return self.get(base_url, "orders", reference)

    def payments(self, period: Period) -> Steps[Iterable[CapturedPayment]]:
        """The orders that were paid in the period."""
        orders = yield from reports.orders(period)
        return answers.payments_in(orders, objects.payment_of, "Order", "id", period)
