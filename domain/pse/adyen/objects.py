"""Adyen's answers to a modification: what they mean."""

from typing import Any, Final

import httpx

from domain.money import MoneyError
from domain.pse.adyen import amounts
from domain.pse.kit import exact, outcomes
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.words import words_of
from domain.pse.vocabulary import Accepted, InDoubt, Outcome, RefundOrder

WORDS: Final = words_of("adyen")
_WITH_ERRORS: Final = (400, 401, 403, 422)  # and 5xx: the statuses that Adyen publishes error documents for


def error_of(response: httpx.Response) -> ErrorAnswer:
    """The errorCode (else a name of the status) and its words; explained by Adyen's own ServiceError alone."""
    answer, status = exact.document(response.content), response.status_code
    code = exact.inner(answer, "errorCode")
    bare = WORDS.error_name(status)
    if not isinstance(code, str) or not code:
        return ErrorAnswer(bare, f"Adyen answered {status} without an errorCode.", explained=False)
    if status not in _WITH_ERRORS and status < 500:
        # Something between us and Adyen says so: a code that nobody publishes would explain nothing to anybody.
        return ErrorAnswer(bare, f"Adyen answered {status} with errorCode {code[:40]!r}.", explained=False)
    said = f"{answer.get('message') or 'Adyen gives no message.'} ({answer.get('errorType')})"
    return ErrorAnswer(code[:100], said[:500], explained=True)


def echoed(order: RefundOrder, answer: Any) -> Outcome:
    """What the answer to a modification says: received, or why not. It must echo what was asked for."""
    reference = exact.inner(answer, "pspReference")
    if not isinstance(reference, str) or not reference:
        return InDoubt("UNREADABLE", "Adyen answered with something that is not a refund.")
    if answer.get("status") != "received":
        return InDoubt("UNREADABLE", f"Adyen answered with status {str(answer.get('status'))[:50]!r}.")
    try:
        amount = amounts.read(answer.get("amount"))
    except MoneyError:
        amount = None
    payment, ours = answer.get("paymentPspReference"), answer.get("reference", order.reference)
    wanted = (order.amount, order.payment_reference, order.reference, order.client_id)
    if (amount, payment, ours, answer.get("merchantAccount")) != wanted:
        return outcomes.another("Adyen", order, f"{answer.get('amount')!s:.60} of {payment!s:.60} as {ours!s:.60}")
    return Accepted(reference[:100], "received")
