"""Refunds and charges as Stripe writes them."""

from datetime import datetime
from typing import Any

from tests.sandbox.books import Payment, Refund


def unix(moment: datetime) -> int:
    return int(moment.timestamp())


def list_of(listed: list[dict[str, Any]], url: str, *, has_more: bool) -> dict[str, Any]:
    return {"object": "list", "url": url, "has_more": has_more, "data": listed}


def status_of(payment: Payment, refund: Refund) -> str:
    if refund.facts.get("canceled"):
        return "canceled"
    waiting = "requires_action" if payment.facts["type"] == "customer_balance" else "pending"
    return {"PENDING": waiting, "DONE": "succeeded", "REFUSED": "failed", "RETURNED": "failed"}[refund.status]


def _why(refund: Refund, status: str) -> dict[str, Any]:
    """What comes with a status."""
    if status == "pending":
        return {"pending_reason": refund.facts.get("pending_reason", "processing")}
    if status == "requires_action":
        sent = {"email_sent_at": unix(refund.requested_at), "email_sent_to": refund.facts["email"]}
        expires = unix(refund.requested_at) + 45 * 86400
        details = {"email_sent": sent, "expires_at": expires}
        return {"next_action": {"type": "display_details", "display_details": details}}
    if status != "failed":
        return {}
    if refund.status == "RETURNED":
        return {
            "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction": f"txn_f{refund.id}",
        }
    low = "balance" in (refund.reason or "")
    return {"failure_reason": "insufficient_funds" if low else "declined"}


def refund_of(payment: Payment, refund: Refund) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": f"txn_{refund.id}" if refund.settled_at else None,
        "charge": payment.facts["charge"],
        "created": unix(refund.requested_at),
        "currency": payment.currency.lower(),
        "customer": None,
        "customer_account": None,
        "destination_details": {"type": payment.facts["type"], payment.facts["type"]: {}},
        "metadata": refund.facts["metadata"],
        "payment_intent": payment.facts["payment_intent"],
        "payment_method": None,
        "reason": refund.facts["reason"],
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status_of(payment, refund),
        "transfer_reversal": None,
    }
    if refund.facts["email"]:
        body["instructions_email"] = refund.facts["email"]
    return body | _why(refund, body["status"])


def charge_of(payment: Payment, expand: list[str]) -> dict[str, Any]:
    released = payment.facts["authorised"] - payment.amount
    back = released + sum(one.amount for one in payment.refunds.values() if one.status in ("DONE", "PENDING"))
    body = {
        "id": payment.facts["charge"],
        "object": "charge",
        "amount": payment.facts["authorised"],
        "amount_captured": payment.amount,
        "amount_refunded": back,
        "captured": True,
        "created": unix(payment.captured_at),
        "currency": payment.currency.lower(),
        "metadata": {},
        "paid": True,
        "payment_intent": payment.facts["payment_intent"],
        "payment_method_details": {"type": payment.facts["type"], payment.facts["type"]: {}},
        "refunded": back == payment.facts["authorised"],
        "status": "succeeded",
    }
    if payment.facts.get("uncaptured"):
        body |= {"amount_captured": 0, "captured": False}
    if "refunds" in expand:
        newest = sorted(payment.refunds.values(), key=lambda one: one.requested_at, reverse=True)
        shown = [refund_of(payment, one) for one in newest[:10]]
        shown += [_release_of(payment, released)] if released else []
        body["refunds"] = list_of(shown, f"/v1/charges/{body['id']}/refunds", has_more=len(newest) > 10)
    return body


def _release_of(payment: Payment, amount: int) -> dict[str, Any]:
    """What was authorised and not captured is told as a refund, which moved nothing on the balance."""
    facts: dict[str, Any] = {"metadata": {}, "reason": None, "email": None}
    at = payment.captured_at
    made = Refund(f"re_release{payment.facts['charge'][3:]}", "", amount, "RELEASE", at, "DONE", facts=facts)
    return refund_of(payment, made)
