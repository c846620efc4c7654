"""dLocal's refund and error objects: what their fields mean, and what of them may be shown."""

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx

from domain.pse.kit import exact, outcomes, scrubbing
from domain.pse.vocabulary import Accepted, InDoubt, Outcome, RefundOrder, Succeeded

_STATUS_CODES: Final = {"PENDING": "100", "SUCCESS": "200", "REJECTED": "300", "CANCELLED": "400"}
_CODE: Final = re.compile(r"[0-9]{4}")
_WITHOUT_A_CODE: Final = {401: "ACCESS_REFUSED", 403: "ACCESS_REFUSED", 429: "TOO_MANY_REQUESTS"}
_NO_REASON: Final = "dLocal gave no reason."
_PERSONAL: Final = (
    "beneficiary_name|beneficiary_lastname|document|document_type|user_document|bank|bank_code|bank_account|"
    "bank_account_type|bank_branch|bank_branch_name|email|user_email|name|phone|birth_date|secret_key|"
    "x_trans_key"
)
SCRUBBED: Final = (
    (re.compile(scrubbing.in_json(_PERSONAL)), scrubbing.JSON),
    (re.compile(r"(Signature:\s*)[0-9a-fA-F]+"), r"\1[redacted]"),
    (re.compile(r"(X-(?:Trans-Key|Login):\s*)[^\s,;]+", re.IGNORECASE), r"\1[redacted]"),
)


def error_of(response: httpx.Response) -> tuple[str, str]:
    """dLocal's code, or a word of ours where it gave none, and its words."""
    problem = exact.document(response.content)
    code = str(problem.get("code")) if isinstance(problem, dict) else ""
    if not _CODE.fullmatch(code):
        name = _WITHOUT_A_CODE.get(response.status_code, "UNREADABLE")
        return name, f"dLocal answered {response.status_code} without a code of its own."
    said, about = str(problem.get("message") or _NO_REASON), problem.get("param")
    return code, (f"{said} ({about})" if about else said)[:500]


def echoed(order: RefundOrder, response: httpx.Response) -> Outcome:
    """What a refund object means for the order that it must echo."""
    answer = exact.document(response.content)
    reference = exact.text(answer, "id")
    if reference is None:
        return InDoubt("UNREADABLE", "dLocal answered with something that is not a refund.")
    amount = exact.money(answer.get("amount"), answer.get("currency"))
    if exact.text(answer, "payment_id") != order.payment_reference or amount != order.amount:
        held = f"{answer.get('amount')!s:.30} {answer.get('currency')!s:.10} of {answer.get('payment_id')!s:.60}"
        return outcomes.another("dLocal", order, held)
    if order.pse_refund_reference not in (None, reference):
        return outcomes.another("dLocal", order, f"{reference} and had called it {order.pse_refund_reference}")
    outcome = outcome_of(answer, reference, succeeded=order.succeeded)
    return outcome or InDoubt("UNREADABLE", f"dLocal answered with the status {answer.get('status')!s:.40}.")


def outcome_of(told: Mapping[str, Any], reference: str, *, succeeded: bool) -> Outcome | None:
    """What a refund object says; None where its status is none of dLocal's."""
    status, said = _status(told), str(told.get("status_detail") or _NO_REASON)[:500]
    match status:
        case "PENDING":
            return Accepted(reference, status)
        case "SUCCESS":
            return Succeeded(reference, code=status)
        case "REJECTED" | "CANCELLED":
            return outcomes.not_paid(status, said, reference, succeeded=succeeded)
    return None


def _status(told: Mapping[str, Any]) -> str | None:
    """The status if its code, a number in one published example and a text in another, says the same."""
    status, code = told.get("status"), told.get("status_code")
    if not isinstance(status, str) or status not in _STATUS_CODES:
        return None
    return status if code is None or str(code) == _STATUS_CODES[status] else None
