"""Conekta's orders with their charges and refunds: what their fields mean, and what of them may be shown."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from domain.money import EXPONENTS, Money, MoneyError
from domain.pse.kit import exact, moments, outcomes, scrubbing
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import (
    Accepted,
    CapturedPayment,
    Declined,
    InDoubt,
    KnownRefund,
    Method,
    Outcome,
    Succeeded,
)

HEADERS: Final = {"Accept": "application/vnd.conekta-v2.3.0+json", "Accept-Language": "en"}
# Of a refund's status one value is published, pending; a refund without one is published as done. The other words are
# those of Conekta's charges and transactions. Whatever else may come is in doubt.
_DONE: Final = (None, "refunded", "paid", "available", "paid_out")
_WAITING: Final = ("pending", "unprocessed")
_FAILED: Final = ("declined", "voided", "canceled", "expired", "reversed")
_METHODS: Final = {
    "card_payment": Method.CARD,
    "cash_payment": Method.OXXO,
    "bank_transfer_payment": Method.SPEI,
}
_BY_STATUS: Final = {
    401: "authentication_error",
    403: "authentication_error",
    402: "processing_error",
    404: "resource_not_found_error",
    422: "parameter_validation_error",
    429: "TOO_MANY_REQUESTS",
}
_PERSONAL: Final = (
    "name|email|phone|receiver|between_streets|street1|street2|city|state|postal_code|last4|clabe|auth_code|"
    "reference|barcode_url|device_fingerprint|customer_ip_address|ip_address|issuing_account_number|"
    "issuing_account_holder_name|issuing_account_tax_id|receiving_account_number|receiving_account_holder_name|"
    "receiving_account_tax_id|tax_id|tracking_code|reference_number|customer_custom_reference"
)
SCRUBBED: Final = (
    (re.compile(scrubbing.in_json(_PERSONAL)), scrubbing.JSON),
    (re.compile(r"\bkey_\w+"), "key_[redacted]"),
    scrubbing.ACCESS,
)


def error_of(response: httpx.Response) -> tuple[str, str]:
    """The error's type (else a name of the status), and the words and fine codes of its details."""
    status = response.status_code
    answer: Any = exact.document(response.content)
    fallback = _BY_STATUS.get(status, "api_error" if status >= 500 else "UNREADABLE")
    kind = answer.get("type") if isinstance(answer, dict) else None
    code = kind[:100] if isinstance(kind, str) and kind and status != 429 else fallback
    details = answer.get("details") if isinstance(answer, dict) else None
    listed = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    said = "; ".join(f"{one.get('message')} ({one.get('code')})" for one in listed)
    return code, (said or f"Conekta answered {status} without an error object.")[:500]


def charges_of(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Raises Unreadable, also where the order does not show all of its charges."""
    return _whole(order.get("charges"), "charges")


def refunds_of_charge(charge: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Raises Unreadable, also where the charge does not show all of its refunds."""
    return _whole(charge.get("refunds"), "refunds")


def refunds_of(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The refunds of all charges of an order. Raises Unreadable."""
    return [refund for charge in charges_of(order) for refund in refunds_of_charge(charge)]


def _whole(listed: Any, name: str) -> list[dict[str, Any]]:
    if listed is None:
        return []
    found = listed.get("data", []) if isinstance(listed, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable(f"{name} is not a list")
    if listed.get("has_more") is not False:
        raise Unreadable(f"{name}.has_more: there are more than Conekta shows")
    return found


def id_of(raw: Mapping[str, Any]) -> str:
    """Raises Unreadable."""
    value = raw.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise Unreadable("id is missing or no text")
    return value


def amount_of(refund: Mapping[str, Any]) -> int:
    """A refund's amount in minor units without its (negative) sign. Raises Unreadable."""
    value = refund.get("amount")
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable("amount is no whole number")
    return abs(value)


def time_of(raw: Mapping[str, Any], name: str) -> datetime:
    """A Unix time in UTC. Raises Unreadable."""
    return moments.unix(raw.get(name), name)


def outcome_of(refund: Mapping[str, Any], *, succeeded: bool) -> Outcome:
    """What a refund's status means. Raises Unreadable where it has no id."""
    name, status = id_of(refund), refund.get("status")
    if status in _DONE:
        return Succeeded(name, _done_at(refund), status or "refunded")
    if status in _WAITING:
        return Accepted(name, status)
    if status in _FAILED:
        return outcomes.not_paid(str(status), f"Conekta says that the refund is {status}.", name, succeeded=succeeded)
    return InDoubt("UNREADABLE", f"Conekta answered with the status {str(status)[:50]!r}, which it does not publish.")


def _done_at(refund: Mapping[str, Any]) -> datetime | None:
    try:
        return time_of(refund, "created_at")
    except Unreadable:
        return None


def payment_of(order: Any) -> CapturedPayment | None:
    """An order that was paid, with all its refunds; None where it was not, or by a method or in a currency that we do
    not know.

    Raises Unreadable.
    """
    if not isinstance(order, dict) or order.get("object") != "order":
        raise Unreadable("it is not an order")
    paid = [charge for charge in charges_of(order) if charge.get("paid_at") is not None]
    methods = {_method(charge) for charge in paid}
    currency = str(order.get("currency"))
    if not paid or len(methods) != 1 or None in methods or (exact.is_code(currency) and currency not in EXPONENTS):
        return None
    references = [one["reference_id"] for one in paid if isinstance(one.get("reference_id"), str)]
    try:
        return CapturedPayment(
            reference=id_of(order),
            method=next(method for method in methods if method is not None),
            amount=Money(sum(amount_of(charge) for charge in paid), currency),
            captured_at=max(time_of(charge, "paid_at") for charge in paid),
            payee_key=None,
            order_reference=references[0] if references else None,
            refunds=[refund_of(refund, currency) for charge in paid for refund in refunds_of_charge(charge)],
        )
    except MoneyError as error:
        raise Unreadable(f"amount and currency: {error}") from error


def _method(charge: Mapping[str, Any]) -> Method | None:
    by = charge.get("payment_method")
    return _METHODS.get(str(by.get("object"))) if isinstance(by, Mapping) else None


def refund_of(refund: Mapping[str, Any], currency: str) -> KnownRefund:
    """A refund as it is listed. Raises Unreadable, MoneyError."""
    name = id_of(refund)
    outcome = outcome_of(refund, succeeded=False)
    if not isinstance(outcome, Accepted | Succeeded | Declined):
        raise Unreadable(f"refund {name} has the status {refund.get('status')!r}, which is not published")
    return KnownRefund(
        reference=name,
        pse_refund_reference=name,
        amount=Money(amount_of(refund), currency),
        outcome=outcome,
        by_bank=False,
        kind="refund",
        requested_at=time_of(refund, "created_at"),
        settled_at=time_of(refund, "created_at") if isinstance(outcome, Succeeded) else None,
    )
