"""Conekta's refunds (Mexico; conekta/openapi 2.3.0). JSON in minor units; a payment is an order.

There is no idempotency key and no reference of ours: before any send, and in any doubt, the order's refunds are listed
and compared. A refund is answered with the whole order.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.conekta import objects, reports, webhooks
from domain.pse.conekta.lines import lines
from domain.pse.conekta.objects import HEADERS
from domain.pse.kit import answers, exact, outcomes
from domain.pse.kit.base import Base
from domain.pse.kit.bearer import Bearer
from domain.pse.kit.unreadable import Unreadable
from domain.pse.reporting import Built, Download, Report, ReportFile
from domain.pse.vocabulary import (
    BadAnswer,
    CapturedPayment,
    Credentials,
    InDoubt,
    Method,
    Outcome,
    Period,
    RefundOrder,
    Told,
    Unsent,
    Wait,
    WebhookRequest,
)

_REASON: Final = "requested_by_client"
_REFUSED: Final = (400, 402, 404, 422)


class Conekta(Base):
    """The connector. Stateless.

    Secrets: `api_key` (private); `webhook_public_key` (PEM, of `POST /webhook_keys`), and `old_webhook_public_key`
    while it is changed. A payment is named by its order.
    """

    name = "conekta"
    capabilities: Mapping[Method, Capability] = capabilities.load("conekta")
    report_lag_days: int | None = 1  # when a refund's transaction is written is not published
    scrubbed = objects.SCRUBBED

    def auth(self, credentials: Credentials) -> httpx.Auth:
        return Bearer(credentials.secrets["api_key"])

    def snapshot(self, order: RefundOrder) -> httpx.Request:
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        try:
            if response.status_code != 200:
                raise Unreadable(f"status {response.status_code}")
            listed = objects.refunds_of(_expected(order, exact.document(response.content)))
            return frozenset(objects.id_of(refund) for refund in listed)
        except Unreadable as error:
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
        code, said = objects.error_of(response)
        if response.status_code in outcomes.UNHEARD:
            return Unsent(code, said)
        if response.status_code not in _REFUSED or not _explained(response):
            return InDoubt(code, said)
        return outcomes.refused(order, code, said)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        return self.look_up_payment(order.base_url, order.payment_reference)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Unsent only when the order lists no refund of this amount but those that are not ours."""
        if response.status_code == 200:
            return _read(order, response, made_now=False)
        return InDoubt(*objects.error_of(response))

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """`GET /orders/{id}`: the order with its charges and their refunds."""
        return httpx.Request("GET", f"{base_url}/orders/{quote(reference, safe='')}", headers=HEADERS)

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        return answers.payment_in(response, objects.payment_of)

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        webhooks.verify(credentials, request)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return webhooks.told(request.body)

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        """The orders that were paid in the period."""
        found = []
        for order in (yield from reports.orders(period)):
            try:
                payment = objects.payment_of(order)
            except Unreadable as error:
                raise BadAnswer(f"Order {order.get('id')}: {error}") from error
            if payment is not None and period.start <= payment.captured_at < period.end:
                found.append(payment)
        return found

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        """No report file is published: the transactions of the business date are the report."""
        return [(yield from reports.report(period))]

    def read_report(self, file: ReportFile, period: Period) -> Report:
        return lines(file, period)

    def request_id(self, response: httpx.Response) -> str | None:
        answer = exact.document(response.content) if response.status_code >= 400 else None
        found = answer.get("log_id") if isinstance(answer, dict) else None
        return found if isinstance(found, str) else None


def _explained(response: httpx.Response) -> bool:
    answer: Any = exact.document(response.content)
    return isinstance(answer, dict) and ("type" in answer or "details" in answer)


def _expected(order: RefundOrder, answer: Any) -> dict[str, Any]:
    """The order that was asked about. Raises Unreadable."""
    if not isinstance(answer, dict) or answer.get("object") != "order":
        raise Unreadable("it is not an order")
    if answer.get("id") != order.payment_reference or answer.get("currency") != order.amount.currency:
        raise Unreadable(f"it is order {answer.get('id')} in {answer.get('currency')}")
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
    except Unreadable as error:
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
