"""Stripe's refunds (API 2026-06-24.dahlia; stripe/openapi, stripe-python and docs.stripe.com). Form in, JSON out.

Our reference is the Idempotency-Key, whose stored answer (a refusal too) is replayed for 24 hours, and the refund's
metadata, so that doubt is ended by asking for the payment's refunds. The API speaks minor units; its two zero-decimal
currencies that we know, CLP and PYG, are so in ISO 4217 too. Payments are not listed: the same one has two names there
(charge and payment intent), and a merchant may have registered it under either.
"""

from typing import Any, Final

import httpx

from domain.pse.kit.base import Base
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.parts import Parts
from domain.pse.stripe import lines, objects, reports, setup, webhooks
from domain.pse.vocabulary import Outcome, RefundOrder

_PAGE_SIZE: Final = 100  # the largest that a list gives
# The charge is refunded already (by this very order, perhaps), or the key was used before with other parameters.
_TO_BE_LOOKED_UP: Final = ("charge_already_refunded", "idempotency_error")


class Stripe(Base):
    """The connector. Stateless.

    Secrets: `api_key`; `webhook_secret` (of the endpoint), and `old_webhook_secret` while it is rotated.
    A payment is named by its charge (`ch_`, `py_`) or its payment intent (`pi_`).
    """

    name = "stripe"
    parts = Parts(objects, webhooks, payments=objects, shows=objects, reports=reports, lines=lines, setup=setup)
    # A line comes with its payout, whose rhythm is the merchant's: monthly at the longest, and a few days to be made.
    report_lag_days: int | None = 35
    refusing = (400, 402, 404, 422)
    headers = objects.HEADERS
    request_id_headers = ("request-id",)

    def refund(self, order: RefundOrder) -> httpx.Request:
        """`POST /v1/refunds`. A destination of kind EMAIL is where Stripe asks for the customer's bank data."""
        form = {
            _payment_name(order.payment_reference): order.payment_reference,
            "amount": str(order.amount.minor_units),
            f"metadata[{objects.REFERENCE}]": order.reference,
            **self.words.recipient(order.destination),
        }
        headers = {**objects.HEADERS, "Idempotency-Key": order.reference}
        return httpx.Request("POST", f"{order.base_url}/refunds", data=form, headers=headers)

    def read_refusal(self, order: RefundOrder, response: httpx.Response, error: ErrorAnswer) -> Outcome:
        """A refusal is final only where Stripe does not ask for another try; one of a key in use never is."""
        wants_another_try = response.headers.get("stripe-should-retry")
        if response.status_code == 409:
            return error.in_doubt(refusal=wants_another_try == "false")
        if wants_another_try == "true" or response.status_code not in self.refusing or not error.explained:
            return error.in_doubt()
        return error.in_doubt(refusal=True) if error.code in _TO_BE_LOOKED_UP else error.refused(order)

    def look_up(self, order: RefundOrder) -> httpx.Request:
        """By Stripe's id once it is known, else the payment's newest hundred refunds: our metadata names ours."""
        if order.pse_refund_reference is not None:
            return self.get(order.base_url, "refunds", order.pse_refund_reference)
        name = _payment_name(order.payment_reference)
        return self.get(order.base_url, "refunds", **{name: order.payment_reference, "limit": str(_PAGE_SIZE)})

    def found(self, order: RefundOrder, answer: Any) -> Outcome:
        """Unsent only when the whole list of the payment's refunds has none with our reference."""
        return (objects.among if order.pse_refund_reference is None else objects.echoed)(order, answer)

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request:
        """The charge with its refunds, by its own id or behind its payment intent."""
        by_intent = _payment_name(reference) == "payment_intent"
        place, expand = ("payment_intents", "latest_charge.refunds") if by_intent else ("charges", "refunds")
        return self.get(base_url, place, reference, **{"expand[]": expand})


def _payment_name(reference: str) -> str:
    return "payment_intent" if reference.startswith("pi_") else "charge"
