"""Conekta's orders with their charges and refunds: what their fields mean."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import httpx

from domain.money import EXPONENTS
from domain.pse.kit import exact, moments, outcomes
from domain.pse.kit.listings import Entry
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.unreadable import Unreadable, or_none
from domain.pse.kit.words import words_of
from domain.pse.vocabulary import CapturedPayment, Declined, InDoubt, KnownRefund, Outcome, RefundOrder, Shown, Unsent

HEADERS: Final = {"Accept": "application/vnd.conekta-v2.3.0+json", "Accept-Language": "en"}
WORDS: Final = words_of("conekta")
_ID_OF: Final = partial(exact.needed, name="id")
_Choice = Callable[[Sequence[Entry]], Sequence[Entry]]
_DONE: Final = "refunded"  # what a refund without a status is


def error_of(response: httpx.Response) -> ErrorAnswer:
    """The error's type (else a name of the status), and the words and fine codes of its details."""
    status, answer = response.status_code, exact.document(response.content)
    kind, details = exact.text(answer, "type"), exact.objects(exact.inner(answer, "details")) or []
    code = (kind if status != 429 else None) or WORDS.error_name(status)
    said = "; ".join(f"{one.get('message')} ({one.get('code')})" for one in details)
    explained = isinstance(answer, dict) and ("type" in answer or "details" in answer)
    return ErrorAnswer(code, (said or f"Conekta answered {status} without an error object.")[:500], explained)


def shown(raw: Mapping[str, Any], name: str) -> list[Entry]:
    """The `charges` of an order, or the `refunds` of a charge. Raises Unreadable, also where not all are shown."""
    return exact.whole_list(raw.get(name), name, may_lack=True)


def refunds_of(order: Mapping[str, Any]) -> list[Entry]:
    """The refunds of all charges of an order. Raises Unreadable."""
    return [refund for charge in shown(order, "charges") for refund in shown(charge, "refunds")]


def _paid(charges: Sequence[Entry]) -> list[Entry]:
    return [charge for charge in charges if charge.get("paid_at") is not None]


def ids_within(order: RefundOrder, answer: Any) -> frozenset[str]:
    """The ids of the order's refunds. Raises Unreadable."""
    return frozenset(map(_ID_OF, _asked_about(order, answer)))


def _asked_about(order: RefundOrder, answer: Any) -> list[Entry]:
    """The refunds of the order that was asked about. Raises Unreadable."""
    found = exact.of_kind(answer, "order")
    if found.get("id") != order.payment_reference or found.get("currency") != order.amount.currency:
        raise Unreadable(f"it is order {found.get('id')} in {found.get('currency')}")
    return refunds_of(found)


def echoed(order: RefundOrder, answer: Any) -> Outcome:
    """Ours is the refund of this amount that was not there before; of several, the newest."""
    none = InDoubt("UNREADABLE", "Conekta accepted the refund and does not list it.")
    return _ours(order, answer, _newest, none)


def among(order: RefundOrder, answer: Any) -> Outcome:
    """Unsent only when the order lists no refund of this amount but those that are not ours."""
    return _ours(order, answer, list, Unsent("NOT_LISTED", "The order has no new refund of this amount."))


@outcomes.in_doubt_unless_readable("Conekta answered with something else than the order with its refunds")
def _ours(order: RefundOrder, answer: Any, chosen: _Choice, none: Outcome) -> Outcome:
    listed = _asked_about(order, answer)
    ours = outcomes.candidates(order, listed, _ID_OF, lambda one: amount_of(one) == order.amount.minor_units)
    if order.pse_refund_reference is not None:
        said = f"Conekta does not list refund {order.pse_refund_reference} any more; it was canceled, perhaps."
        return _echoed(order, ours[0]) if ours else InDoubt("REFUND_GONE", said, needs_person=True)
    found = chosen(ours)
    said = f"The order has {len(found)} new refunds of {order.amount}: which of them is ours cannot be told."
    several = InDoubt("ECHO_MISMATCH", said, needs_person=True)
    return outcomes.the_one(found, partial(_echoed, order), none=none, several=several)


def _newest(refunds: Sequence[Entry]) -> list[Entry]:
    latest = max((moments.unix(one, "created_at") for one in refunds), default=None)
    return [one for one in refunds if moments.unix(one, "created_at") == latest]


def _echoed(order: RefundOrder, refund: Entry) -> Outcome:
    if amount_of(refund) != order.amount.minor_units:
        return outcomes.another("Conekta", order, f"{refund['amount']} cents as {refund['id']}")
    return _outcome(refund, succeeded=order.succeeded)


def amount_of(refund: Mapping[str, Any]) -> int:
    """A refund's amount in minor units without its (negative) sign. Raises Unreadable."""
    return abs(exact.whole_number(refund, "amount"))


def _outcome(refund: Mapping[str, Any], *, succeeded: bool) -> Outcome:
    """What a refund's status means. Raises Unreadable where it has no id."""
    name, status = exact.needed(refund, "id"), refund.get("status")
    at = or_none(lambda: moments.unix(refund, "created_at"))
    told, said = _DONE if status is None else status, f"Conekta says that the refund is {status}."
    outcome = WORDS.statuses.outcome(told, name, said, succeeded=succeeded, at=at)
    return outcomes.published(outcome, "Conekta", status)


def payment_of(order: Any) -> CapturedPayment | None:
    """An order that was paid, with all its refunds; None where it was not, or by a method or in a currency that we do
    not know.

    Raises Unreadable.
    """
    order = exact.of_kind(order, "order")
    paid = _paid(shown(order, "charges"))
    methods = {WORDS.methods.get(str(exact.inner(charge, "payment_method", "object"))) for charge in paid}
    currency = str(order.get("currency"))
    if not paid or len(methods) != 1 or None in methods or (exact.is_code(currency) and currency not in EXPONENTS):
        return None
    return CapturedPayment(
        reference=exact.needed(order, "id"),
        method=next(method for method in methods if method is not None),
        amount=exact.minor_units(sum(amount_of(charge) for charge in paid), currency),
        captured_at=max(moments.unix(charge, "paid_at") for charge in paid),
        order_reference=next((named for charge in paid if (named := exact.text(charge, "reference_id"))), None),
        refunds=[refund_of(refund, currency) for charge in paid for refund in shown(charge, "refunds")],
    )


def shown_of(order: Any) -> Shown:
    """What an order is to us: what its charges that were paid come to. Raises Unreadable."""
    order = exact.of_kind(order, "order")
    charges = shown(order, "charges")
    paid = _paid(charges)
    # Paid in several ways it is no method's that we know, as in `payment_of`.
    kinds = {str(exact.inner(charge, "payment_method", "object")) for charge in paid or charges}
    whole = sum(amount_of(charge) for charge in paid) if paid else order.get("amount")
    amount = exact.minor_units(whole, str(order.get("currency")))
    back = sum(amount_of(one) for one in refunds_of(order) if not isinstance(_outcome(one, succeeded=False), Declined))
    said, status = [" ".join(sorted(kinds))], order.get("payment_status")
    return WORDS.shown(exact.needed(order, "id"), amount, status, said, bool(paid), back)


def refund_of(refund: Mapping[str, Any], currency: str) -> KnownRefund:
    """A refund as it is listed. Raises Unreadable."""
    name, made_at = exact.needed(refund, "id"), moments.unix(refund, "created_at")
    otherwise = f"refund {name} has the status {refund.get('status')!r}, which is not published"
    outcome = _outcome(refund, succeeded=False)
    return outcomes.nameless(name, exact.minor_units(amount_of(refund), currency), outcome, made_at, otherwise)
