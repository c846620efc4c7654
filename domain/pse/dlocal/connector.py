"""dLocal payins: `POST /refunds`, `GET /refunds/{id}` and the refund's notification (docs.dlocal.com).

Our reference is order_refund_id and X-Idempotency-Key. Nothing finds a refund by it, so a doubt without dLocal's id is
ended by the same bytes with the same key: dLocal answers with the refund that it has.
"""

import json
from typing import Final

import httpx

from domain.pse.dlocal import auth, lines, objects, setup, webhooks
from domain.pse.kit import requests
from domain.pse.kit.base import Base
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.parts import Parts
from domain.pse.vocabulary import Credentials, Outcome, PaymentAsked, RefundOrder

_DESCRIPTION_MAX: Final = 200
_REFUSALS: Final = ("4", "5")  # 4xxx: not found; 5xxx: the request or the business refused
_DUPLICATE: Final = "5011"
# A replay that comes while dLocal still works on the first send may be called a duplicate; the fourth is not that.
_DUPLICATES_MAX: Final = 4


class DLocal(Base):
    """The connector. Stateless. `client_id` is X-Login; secrets: `x_trans_key`, `secret_key`."""

    name = "dlocal"
    # Reports come by SFTP, by e-mail or from the dashboard: no way to fetch them over HTTP is published.
    parts = Parts(objects, webhooks, shows=objects, lines=lines, setup=setup)
    headers = requests.NAMED
    accepted = range(200, 300)
    refusing = range(400, 500)

    def auth(self, credentials: Credentials) -> httpx.Auth:
        secrets = credentials.secrets
        return auth.V2Hmac(credentials.client_id, secrets["x_trans_key"], secrets["secret_key"])

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /refunds`, with the beneficiary where the order has a destination."""
        told = {
            "payment_id": order.payment_reference,
            "currency": order.amount.currency,
            "order_refund_id": order.reference,
            "notification_url": order.webhook_url,
            "description": (order.description or "")[:_DESCRIPTION_MAX],
            **self.words.recipient(order.destination),
        }
        fields = {name: text for name, text in told.items() if text}
        # The amount is written as the number it is: a float could not hold every amount of two decimals.
        content = f'{{"amount": {order.amount.decimal()}, {json.dumps(fields, ensure_ascii=False)[1:]}'
        headers = {**self.headers, "Content-Type": "application/json", "X-Idempotency-Key": order.reference}
        return httpx.Request("POST", f"{order.base_url}/refunds", content=content.encode(), headers=headers)

    def read_refusal(self, order: RefundOrder, response: httpx.Response, error: ErrorAnswer) -> Outcome:
        """What dLocal's codes say, whatever the status they come with."""
        if error.code == _DUPLICATE:
            # dLocal has a refund under our reference and does not say its id.
            return error.in_doubt(needs_person=order.attempt > _DUPLICATES_MAX)
        if not error.code.startswith(_REFUSALS):
            return error.in_doubt()
        return super().read_refusal(order, response, error)

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """`GET /refunds/{id}` by dLocal's id; None before dLocal has told it.

        That dLocal does not know an id which it gave us (4001) proves nothing.
        """
        if order.pse_refund_reference is None:
            return None
        return self.get(order.base_url, "refunds", order.pse_refund_reference)

    def ask_payment(self, asked: PaymentAsked) -> httpx.Request:
        """`GET /payments/{id}`. Its list of refunds is not relied on: their references are not published there."""
        return self.get(asked.base_url, "payments", asked.reference)
