"""dLocal's refund and error objects: what their fields mean."""

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx

from domain.pse.kit import exact, outcomes
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.words import words_of
from domain.pse.vocabulary import InDoubt, Outcome, RefundOrder, Shown

WORDS: Final = words_of("dlocal")
_STATUS_CODES: Final = {"PENDING": "100", "SUCCESS": "200", "REJECTED": "300", "CANCELLED": "400"}
_CODE: Final = re.compile(r"[0-9]{4}")
_NO_REASON: Final = "dLocal gave no reason."


def error_of(response: httpx.Response) -> ErrorAnswer:
    """dLocal's code, or a word of ours where it gave none, and its words."""
    problem, status = exact.document(response.content), response.status_code
    code, said = str(exact.inner(problem, "code")), str(exact.inner(problem, "message") or _NO_REASON)
    if not _CODE.fullmatch(code):
        return WORDS.unexplained("dLocal", status, "a code of its own")
    about = problem.get("param")
    return ErrorAnswer(code, (f"{said} ({about})" if about else said)[:500], explained=True)


def echoed(order: RefundOrder, answer: Any) -> Outcome:
    """What a refund object means for the order that it must echo."""
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
    return outcomes.published(outcome, "dLocal", answer.get("status"))


def outcome_of(told: Mapping[str, Any], reference: str, *, succeeded: bool) -> Outcome | None:
    """What a refund object says; None where its status is none of dLocal's, or its code says something else."""
    status, code = told.get("status"), told.get("status_code")
    # The code is a number in one published example and a text in another.
    if not isinstance(status, str) or (code is not None and str(code) != _STATUS_CODES.get(status)):
        return None
    said = str(told.get("status_detail") or _NO_REASON)[:500]
    return WORDS.statuses.outcome(status, reference, said, succeeded=succeeded)


def shown_of(raw: Any) -> Shown:
    """What a payment is to us. Its method's code and its type are both words for it. Raises Unreadable."""
    name, amount = exact.needed(raw, "id"), exact.money(raw.get("amount"), raw.get("currency"))
    kinds = (raw.get("payment_method_id"), raw.get("payment_method_type"))
    return WORDS.shown(name, amount, raw.get("status"), kinds)
