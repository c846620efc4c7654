"""What Stripe answers, and the order that it is asked for, as the tests of its connector tell them."""

from typing import Any

from domain.money import Money
from domain.pse.stripe.connector import Stripe
from domain.pse.vocabulary import Credentials, Method, RefundOrder

STRIPE = Stripe()
ORDER = RefundOrder(
    base_url="https://api.stripe.com/v1",
    reference="abcdefghij0123456789",
    payment_reference="pi_3Ab",
    pse_refund_reference=None,
    method=Method.CARD,
    amount=Money(789, "MXN"),
    captured=Money(10_000, "MXN"),
    attempt=1,
    succeeded=False,
)


def a_refund(status: str = "succeeded", **more: Any) -> dict[str, Any]:
    return {
        "id": "re_1Ab",
        "object": "refund",
        "amount": 789,
        "balance_transaction": None,
        "charge": "ch_3Ab",
        "created": 1_780_000_000,
        "currency": "mxn",
        "destination_details": {"type": "card", "card": {"type": "refund"}},
        "metadata": {"estorno_reference": ORDER.reference},
        "payment_intent": "pi_3Ab",
        "reason": None,
        "status": status,
        **more,
    }


CREDENTIALS = Credentials(
    "https://api.stripe.com/v1",
    "acct_1",
    {"api_key": "sk_test_k", "webhook_secret": "whsec_new", "old_webhook_secret": "whsec_old"},
)
