"""Adyen: refunds by Checkout API v72, webhooks v1, settlement details reports.

There is no GET of a refund: 201 says "received" and the outcome comes by webhook (webhooks.py), else by the
settlement details report (lines.py). What got no answer is sent again with the same Idempotency-Key.
"""

import httpx

from domain.pse.adyen import amounts, lines, objects, reports, setup, webhooks
from domain.pse.adyen.auth import Keys
from domain.pse.kit import exact, requests
from domain.pse.kit.base import Base
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.parts import Parts
from domain.pse.vocabulary import Credentials, InDoubt, Outcome, RefundOrder


class Adyen(Base):
    """The connector. Stateless: all it needs is in its arguments.

    A connection's `client_id` is the merchant account, its `base_url` ends in `/v72`, its `report_url` is
    `https://ca-live.adyen.com/reports/download/MerchantAccount/<merchant account>`. Its secrets: `api_key`; `hmac_key`
    (hexadecimal) and, while it is being changed, `hmac_key_old`; `webhook_user` and `webhook_password` where webhooks
    come with basic authentication; `report_user` and `report_password` where reports are not fetched with the API key.
    """

    name = "adyen"
    parts = Parts(objects, webhooks, reports=reports, lines=lines, setup=setup)
    # How long a refund may wait for its batch is not published: a week of a weekly payout, and the days until booked.
    report_lag_days: int | None = 10
    accepted = (200, 201)
    refusing = (400, 422)
    request_id_headers = ("pspreference",)

    def auth(self, credentials: Credentials) -> httpx.Auth:
        """X-API-Key; basic authentication for reports, if the connection has a report user."""
        return Keys(credentials)

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /payments/{paymentPspReference}/refunds`, our reference as reference and as Idempotency-Key."""
        place = ("payments", order.payment_reference, "refunds")
        body = {
            "merchantAccount": order.client_id,
            "amount": amounts.wire(order.amount),
            "reference": order.reference,
        }
        return requests.post(order.base_url, *place, body=body, headers={"Idempotency-Key": order.reference})

    def read_refusal(self, order: RefundOrder, response: httpx.Response, error: ErrorAnswer) -> Outcome:
        """Adyen marks what is worth another try with the same key."""
        transient: str = response.headers.get("transient-error", "")
        if transient.lower() == "true":
            return error.in_doubt()
        return super().read_refusal(order, response, error)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        return InDoubt("UNREADABLE", "Adyen cannot be asked about a refund.")

    def request_id(self, response: httpx.Response) -> str | None:
        return super().request_id(response) or exact.text(exact.document(response.content), "pspReference")
