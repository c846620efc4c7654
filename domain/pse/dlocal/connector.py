"""dLocal payins: `POST /refunds`, `GET /refunds/{id}` and the refund's notification (docs.dlocal.com).

Our reference is order_refund_id and X-Idempotency-Key. Nothing finds a refund by it, so a doubt without dLocal's id is
ended by the same bytes with the same key: dLocal answers with the refund that it has.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

import httpx

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.dlocal import auth, objects, webhooks
from domain.pse.dlocal.beneficiary import beneficiary
from domain.pse.dlocal.lines import lines
from domain.pse.kit import outcomes
from domain.pse.kit.base import Base
from domain.pse.reporting import Report, ReportFile
from domain.pse.vocabulary import (
    Credentials,
    InDoubt,
    Method,
    Outcome,
    Period,
    RefundOrder,
    Told,
    Unsent,
    WebhookRequest,
)

_DESCRIPTION_MAX: Final = 200
_HEADERS: Final = {"Accept": "application/json", "User-Agent": "Estorno"}
_UNHEARD: Final = ("3001", "3002", "3003", "6000")  # our access, and too many requests
_REFUSALS: Final = ("4", "5")  # 4xxx: not found; 5xxx: the request or the business refused
_TIMEOUT: Final = "5010"
_DUPLICATE: Final = "5011"
# A replay that comes while dLocal still works on the first send may be called a duplicate; the fourth is not that.
_DUPLICATES_MAX: Final = 4


class DLocal(Base):
    """The connector. Stateless. `client_id` is X-Login; secrets: `x_trans_key`, `secret_key`."""

    name = "dlocal"
    capabilities: Mapping[Method, Capability] = capabilities.load("dlocal")
    # Reports come by SFTP, by e-mail or from the dashboard: no way to fetch them over HTTP is published.
    scrubbed = objects.SCRUBBED

    def auth(self, credentials: Credentials) -> httpx.Auth:
        secrets = credentials.secrets
        return auth.V2Hmac(credentials.client_id, secrets["x_trans_key"], secrets["secret_key"])

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /refunds`, with the beneficiary where the order has a destination."""
        fields = {
            "payment_id": order.payment_reference,
            "currency": order.amount.currency,
            "order_refund_id": order.reference,
        }
        if order.webhook_url:
            fields["notification_url"] = order.webhook_url
        if order.description:
            fields["description"] = order.description[:_DESCRIPTION_MAX]
        if order.destination is not None:
            fields |= beneficiary(order.destination)
        # The amount is written as the number it is: a float could not hold every amount of two decimals.
        content = f'{{"amount": {order.amount.decimal()}, {json.dumps(fields, ensure_ascii=False)[1:]}'
        headers = {**_HEADERS, "Content-Type": "application/json", "X-Idempotency-Key": order.reference}
        return httpx.Request("POST", f"{order.base_url}/refunds", content=content.encode(), headers=headers)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. A refusal is believed only on the first send; after it an earlier send may be at dLocal."""
        if response.is_success:
            return objects.echoed(order, response)
        code, said = objects.error_of(response)
        if response.status_code in outcomes.UNHEARD or (response.status_code < 500 and code in _UNHEARD):
            return Unsent(code, said)
        if code == _DUPLICATE:
            # dLocal has a refund under our reference and does not say its id.
            return InDoubt(code, said, needs_person=order.attempt > _DUPLICATES_MAX)
        if code == _TIMEOUT or not (400 <= response.status_code < 500 and code.startswith(_REFUSALS)):
            return InDoubt(code, said)
        return outcomes.refused(order, code, said)

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        """`GET /refunds/{id}` by dLocal's id; None before dLocal has told it."""
        if order.pse_refund_reference is None:
            return None
        place = quote(order.pse_refund_reference, safe="")
        return httpx.Request("GET", f"{order.base_url}/refunds/{place}", headers=_HEADERS)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """As `read_refund`; that dLocal does not know an id which it gave us (4001) proves nothing."""
        if response.status_code == 200:
            return objects.echoed(order, response)
        return InDoubt(*objects.error_of(response))

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        webhooks.verify(credentials, request, now)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return webhooks.told(request.body)

    def read_report(self, file: ReportFile, period: Period) -> Report:
        """The "Cross-border Payins" file."""
        return lines(file, period)
