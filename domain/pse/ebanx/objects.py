"""EBANX's payments, refunds and errors: what their fields mean, and what of them may be shown."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from domain.pse.kit import exact, outcomes, scrubbing
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import (
    Accepted,
    CapturedPayment,
    Declined,
    InDoubt,
    KnownRefund,
    Method,
    Outcome,
    RefundOrder,
    Returned,
    Succeeded,
)

_CODE: Final = re.compile(r"BP-[A-Z0-9]+(?:-[A-Z0-9]+)*")
_WITHOUT_A_CODE: Final = {401: "ACCESS_REFUSED", 403: "ACCESS_REFUSED", 429: "TOO_MANY_REQUESTS"}
_METHODS: Final = {"boleto": Method.BOLETO, "oxxo": Method.OXXO, "pix": Method.PIX, "spei": Method.SPEI}
_PERSONAL: Final = (
    "integration_key|document|email|name|birth_date|phone_number|address|street_number|street_complement|zipcode|"
    "city|state|bank|bank_code|bank_agency|bank_account|account|pix_key"
)
SCRUBBED: Final = (
    (re.compile(scrubbing.in_json(_PERSONAL)), scrubbing.JSON),
    (re.compile(scrubbing.in_form(_PERSONAL)), scrubbing.FORM),
)


def status_of(answer: Any) -> str | None:
    """SUCCESS or ERROR; None where the answer has no status."""
    return exact.text(answer, "status")


def error_of(response: httpx.Response) -> tuple[str, str]:
    """EBANX's code, or a word of ours where it gave none, and its words."""
    answer = exact.document(response.content)
    code = exact.text(answer, "status_code") or ""
    said = answer.get("status_message") if isinstance(answer, dict) else None
    words = str(said)[:500] if said else f"EBANX answered {response.status_code} without a reason."
    if _CODE.fullmatch(code):
        return code, words
    fallback = "ERROR" if status_of(answer) == "ERROR" else "UNREADABLE"
    return _WITHOUT_A_CODE.get(response.status_code, fallback), words


def refunds_within(payment: Any) -> list[dict[str, Any]] | None:
    """The payment's refunds; None where there is no list. A payment without refunds may leave the list out."""
    if not isinstance(payment, dict):
        return None
    listed = payment.get("refunds") or []
    whole = isinstance(listed, list) and all(isinstance(refund, dict) for refund in listed)
    return listed if whole else None


def echoed(order: RefundOrder, payment: Any, refund: Any) -> Outcome:
    """What a refund of a payment means for the order that both must echo."""
    reference = exact.text(refund, "id")
    if reference is None or not isinstance(payment, dict):
        return InDoubt("UNREADABLE", "EBANX answered with something that is not a refund.")
    amount = exact.money(refund.get("amount_ext"), payment.get("currency_ext"))
    held = (payment.get("hash"), refund.get("merchant_refund_code"), amount)
    if held != (order.payment_reference, order.reference, order.amount):
        return outcomes.another("EBANX", order, f"{amount} of {held[0]!s:.60} as {held[1]!s:.40}")
    outcome = outcome_of(refund, reference, succeeded=order.succeeded)
    return outcome or InDoubt("UNREADABLE", f"EBANX answered with the status {refund.get('status')!s:.40}.")


def outcome_of(
    refund: Mapping[str, Any], reference: str, *, succeeded: bool
) -> Accepted | Succeeded | Declined | Returned | None:
    """What a refund's status means; None for one that EBANX does not publish."""
    match refund.get("status"):
        case "RE" | "PE" as status:
            return Accepted(reference, status)
        case "CO":
            return Succeeded(reference, code="CO")
        case "CA":
            return outcomes.not_paid("CA", "The refund was cancelled at EBANX.", reference, succeeded=succeeded)
    return None


def payment_of(raw: Any) -> CapturedPayment:
    """A payment with all its refunds; its time is read as UTC, and decides nothing. Raises Unreadable."""
    reference, listed = exact.text(raw, "hash"), refunds_within(raw)
    if reference is None or listed is None:
        raise Unreadable("it has no hash or no list of refunds")
    amount = exact.money(raw.get("amount_ext"), raw.get("currency_ext"))
    if amount is None:
        raise Unreadable(f"amount_ext or currency_ext of payment {reference} cannot be read")
    codes = [refund.get("merchant_refund_code") for refund in listed if refund.get("status") != "CA"]
    return CapturedPayment(
        reference=reference,
        method=_METHODS.get(str(raw.get("payment_type_code")), Method.CARD),
        amount=amount,
        captured_at=_moment(reference, raw),
        payee_key=None,
        order_reference=exact.text(raw, "merchant_payment_code"),
        refunds=[refund_of(refund, raw.get("currency_ext"), codes) for refund in listed],
    )


def _moment(reference: str, raw: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(raw.get("confirm_date") or raw.get("open_date"))).replace(tzinfo=UTC)
    except ValueError as error:
        raise Unreadable(f"confirm_date of payment {reference} cannot be read") from error


def refund_of(refund: Mapping[str, Any], currency: object, codes: Sequence[object]) -> KnownRefund:
    """A refund as it is listed. Where several of the `codes` are its own, only EBANX's id tells it apart.

    Raises Unreadable.
    """
    own_id, code = exact.text(refund, "id"), exact.text(refund, "merchant_refund_code")
    amount = exact.money(refund.get("amount_ext"), currency)
    outcome = outcome_of(refund, own_id, succeeded=False) if own_id else None
    if own_id is None or amount is None or outcome is None or isinstance(outcome, Returned):
        raise Unreadable(f"refund {own_id} has an id, amount_ext or status that cannot be read")
    alone = code is not None and codes.count(code) <= 1
    return KnownRefund(
        reference=code if code is not None and alone else f"ebanx-{own_id}",
        pse_refund_reference=own_id,
        amount=amount,
        outcome=outcome,
        by_bank=False,
        kind="refund",
        requested_at=None,
        settled_at=None,
    )
