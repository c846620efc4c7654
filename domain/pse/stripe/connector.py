"""Stripe's refunds (API 2026-06-24.dahlia; stripe/openapi, stripe-python and docs.stripe.com). Form in, JSON out.

Our reference is the Idempotency-Key, whose stored answer (a refusal too) is replayed for 24 hours, and the refund's
metadata, so that doubt is ended by asking for the payment's refunds. The API speaks minor units; its two zero-decimal
currencies that we know, CLP and PYG, are so in ISO 4217 too. Payments are not listed: the same one has two names there
(charge and payment intent), and a merchant may have registered it under either.
"""

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from domain.pse import capabilities
from domain.pse.capabilities import Capability
from domain.pse.kit import answers, exact, outcomes
from domain.pse.kit.base import Base
from domain.pse.kit.bearer import Bearer
from domain.pse.reporting import Built, Download, Report, ReportFile
from domain.pse.stripe import objects, reports, webhooks
from domain.pse.stripe.lines import lines
from domain.pse.vocabulary import (
    CapturedPayment,
    Credentials,
    DestinationKind,
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

_PAGE_SIZE: Final = 100  # the largest that a list gives
_REFUSED: Final = (400, 402, 404, 422)
# The charge is refunded already (by this very order, perhaps), or the key was used before with other parameters.
_TO_BE_LOOKED_UP: Final = ("charge_already_refunded", "idempotency_error")


class Stripe(Base):
    """The connector. Stateless.

    Secrets: `api_key`; `webhook_secret` (of the endpoint), and `old_webhook_secret` while it is rotated.
    A payment is named by its charge (`ch_`, `py_`) or its payment intent (`pi_`).
    """

    name = "stripe"
    capabilities: Mapping[Method, Capability] = capabilities.load("stripe")
    # A line comes with its payout, whose rhythm is the merchant's: monthly at the longest, and a few days to be made.
    report_lag_days: int | None = 35
    scrubbed = objects.SCRUBBED

    def auth(self, credentials: Credentials) -> httpx.Auth:
        return Bearer(credentials.secrets["api_key"])

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /v1/refunds`. A destination of kind EMAIL is where Stripe asks for the customer's bank data."""
        form = {
            _payment_name(order.payment_reference): order.payment_reference,
            "amount": str(order.amount.minor_units),
            f"metadata[{objects.REFERENCE}]": order.reference,
        }
        if order.destination is not None and order.destination.kind is DestinationKind.EMAIL:
            form["instructions_email"] = order.destination.values["email"]
        headers = {**objects.HEADERS, "Idempotency-Key": order.reference}
        return httpx.Request("POST", f"{order.base_url}/refunds", data=form, headers=headers)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Total. A refusal is final only where the key has no earlier attempt and Stripe does not ask for another."""
        if response.status_code == 200:
            return objects.echoed(order, exact.document(response.content))
        code, said = objects.error_of(response)
        if response.status_code in outcomes.UNHEARD:
            return Unsent(code, said)
        wants_another_try = response.headers.get("stripe-should-retry")
        if response.status_code == 409:
            return InDoubt(code, said, refusal=wants_another_try == "false")
        if response.status_code not in _REFUSED or wants_another_try == "true" or not _explained(response):
            return InDoubt(code, said)
        return InDoubt(code, said, refusal=True) if code in _TO_BE_LOOKED_UP else outcomes.refused(order, code, said)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        """By Stripe's id once it is known, else the payment's newest hundred refunds: our metadata names ours."""
        url = f"{order.base_url}/refunds"
        if order.pse_refund_reference is not None:
            url += f"/{quote(order.pse_refund_reference, safe='')}"
            return httpx.Request("GET", url, headers=objects.HEADERS)
        name = _payment_name(order.payment_reference)
        parameters = {name: order.payment_reference, "limit": str(_PAGE_SIZE)}
        return httpx.Request("GET", url, params=parameters, headers=objects.HEADERS)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        """Unsent only when the whole list of the payment's refunds has none with our reference."""
        if response.status_code != 200:
            return InDoubt(*objects.error_of(response))
        answer = exact.document(response.content)
        if order.pse_refund_reference is None:
            return objects.among(order, answer)
        return objects.echoed(order, answer)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """The charge with its refunds, by its own id or behind its payment intent."""
        by_intent = _payment_name(reference) == "payment_intent"
        place, expand = ("payment_intents", "latest_charge.refunds") if by_intent else ("charges", "refunds")
        url = f"{base_url}/{place}/{quote(reference, safe='')}"
        return httpx.Request("GET", url, params={"expand[]": expand}, headers=objects.HEADERS)

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        return answers.payment_in(response, objects.payment_of)

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        webhooks.verify(credentials, request, now)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        return webhooks.told(request.body)

    def reports(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | Download]]:
        """The itemized reconciliation of the payouts that were effective on the business date."""
        return [(yield from reports.report(period))]

    def read_report(self, file: ReportFile, period: Period) -> Report:
        return lines(file, period)

    def request_id(self, response: httpx.Response) -> str | None:
        found: str | None = response.headers.get("request-id")
        return found


def _payment_name(reference: str) -> str:
    return "payment_intent" if reference.startswith("pi_") else "charge"


def _explained(response: httpx.Response) -> bool:
    answer: Any = exact.document(response.content)
    return isinstance(answer, dict) and isinstance(answer.get("error"), dict)
