"""EBANX's payments, refunds and errors: what their fields mean."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import httpx

from domain.pse.kit import exact, moments, outcomes
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.unreadable import Unreadable
from domain.pse.kit.words import words_of
from domain.pse.vocabulary import CapturedPayment, InDoubt, KnownRefund, Method, Outcome, RefundOrder, Shown, Unsent

_CODE: Final = re.compile(r"BP-[A-Z0-9]+(?:-[A-Z0-9]+)*")
WORDS: Final = words_of("ebanx")
_CANCELLED: Final = "The refund was cancelled at EBANX."


def is_success(response: httpx.Response, answer: Any) -> bool:
    """Whether it is the answer that was asked for: an error comes as HTTP 200 as well, with a status of its own."""
    return response.is_success and exact.text(answer, "status") == "SUCCESS"


def error_of(response: httpx.Response) -> ErrorAnswer:
    """EBANX's code, or a word of ours where it gave none."""
    answer = exact.document(response.content)
    code, said = exact.text(answer, "status_code") or "", exact.inner(answer, "status_message")
    explained = exact.text(answer, "status") == "ERROR"
    if not _CODE.fullmatch(code):
        code = WORDS.errors.get(str(response.status_code), "ERROR" if explained else "UNREADABLE")
    return ErrorAnswer(code, str(said or f"EBANX answered {response.status_code} without a reason.")[:500], explained)


def refunds_within(payment: Any) -> list[dict[str, Any]] | None:
    """The payment's refunds; None where there is no list. A payment without refunds may leave the list out."""
    return exact.objects(payment.get("refunds") or []) if isinstance(payment, dict) else None


def echoed(order: RefundOrder, answer: Any) -> Outcome:
    """What a refund of a payment means for the order that both must echo."""
    payment, refund = exact.inner(answer, "payment"), exact.inner(answer, "refund")
    reference = exact.text(refund, "id")
    if reference is None or not isinstance(payment, dict):
        return InDoubt("UNREADABLE", "EBANX answered with something that is not a refund.")
    amount = exact.money(refund.get("amount_ext"), payment.get("currency_ext"))
    held = (payment.get("hash"), refund.get("merchant_refund_code"), amount)
    if held != (order.payment_reference, order.reference, order.amount):
        return outcomes.another("EBANX", order, f"{amount} of {held[0]!s:.60} as {held[1]!s:.40}")
    outcome = WORDS.statuses.outcome(refund.get("status"), reference, _CANCELLED, succeeded=order.succeeded)
    return outcomes.published(outcome, "EBANX", refund.get("status"))


def among(order: RefundOrder, payment: Any) -> Outcome:
    """The order's refund among its payment's: that with our code, one that was cancelled only if it is the last."""
    listed = refunds_within(payment)
    if listed is None or payment.get("hash") != order.payment_reference:
        return InDoubt("UNREADABLE", "EBANX answered with something that is not the payment.")
    ours = _that_count(refund for refund in listed if refund.get("merchant_refund_code") == order.reference)
    none = Unsent("NOT_LISTED", "EBANX lists no refund of the payment with our reference.")
    ids = ", ".join(str(refund.get("id"))[:20] for refund in ours[:10])
    several = InDoubt("TWO_REFUNDS", f"EBANX holds refunds {ids} under one reference.", needs_person=True)
    return outcomes.the_one(
        ours, lambda refund: echoed(order, {"payment": payment, "refund": refund}), none=none, several=several
    )


def _that_count(of_one_code: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the refunds of one code, one that was cancelled counts only where all were, and then the last of them."""
    ours = list(of_one_code)
    return [refund for refund in ours if refund.get("status") != "CA"] or ours[-1:]


def _told_by_code(listed: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The refunds that their code alone tells from all others."""
    by_code: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for refund in listed:
        if (code := exact.text(refund, "merchant_refund_code")) is not None:
            by_code[code].append(refund)
    counted = [_that_count(ours) for ours in by_code.values()]
    return [ours[0] for ours in counted if len(ours) == 1]


def payment_of(raw: Any) -> CapturedPayment:
    """A payment with all its refunds; its time is read as UTC, and decides nothing. Raises Unreadable."""
    reference, listed = exact.text(raw, "hash"), refunds_within(raw)
    if reference is None or listed is None:
        raise Unreadable("it has no hash or no list of refunds")
    amount = exact.money(raw.get("amount_ext"), raw.get("currency_ext"))
    if amount is None:
        raise Unreadable(f"amount_ext or currency_ext of payment {reference} cannot be read")
    told_by_code = {id(refund) for refund in _told_by_code(listed)}
    currency = raw.get("currency_ext")
    return CapturedPayment(
        reference=reference,
        method=WORDS.methods.get(str(raw.get("payment_type_code")), Method.CARD),
        amount=amount,
        captured_at=_moment(reference, raw),
        order_reference=exact.text(raw, "merchant_payment_code"),
        refunds=[refund_of(refund, currency, by_code=id(refund) in told_by_code) for refund in listed],
    )


def shown_of(raw: Any) -> Shown:
    """What a payment is to us; a method that has no word of its own is a card's. Raises Unreadable."""
    name, kind = exact.needed(raw, "hash"), raw.get("payment_type_code")
    amount = exact.money(raw.get("amount_ext"), raw.get("currency_ext"))
    shown = WORDS.shown(name, amount, raw.get("status"), [kind])
    back = sum(_left_by(refund, raw.get("currency_ext")) for refund in refunds_within(raw) or ())
    return replace(shown, methods=shown.methods or frozenset({Method.CARD}), given_back=back)


def _left_by(refund: Mapping[str, Any], currency: object) -> int:
    """How much left, or leaves, by this refund (minor units). Raises Unreadable."""
    amount = exact.money(refund.get("amount_ext"), currency)
    if amount is None:
        raise Unreadable("amount_ext of a refund cannot be read")
    return 0 if refund.get("status") in WORDS.statuses.failed else amount.minor_units


def _moment(reference: str, raw: Mapping[str, Any]) -> datetime:
    moment = moments.or_utc(raw.get("confirm_date") or raw.get("open_date"))
    if moment is None:
        raise Unreadable(f"confirm_date of payment {reference} cannot be read")
    return moment


def refund_of(refund: Mapping[str, Any], currency: object, *, by_code: bool) -> KnownRefund:
    """A refund as it is listed. Unless it is told apart `by_code`, only EBANX's id is its own.

    Raises Unreadable.
    """
    own_id, code = exact.text(refund, "id"), exact.text(refund, "merchant_refund_code")
    amount = exact.money(refund.get("amount_ext"), currency)
    otherwise = f"refund {own_id} has an id, amount_ext or status that cannot be read"
    if own_id is None or amount is None:
        raise Unreadable(otherwise)
    outcome = WORDS.statuses.outcome(refund.get("status"), own_id, _CANCELLED, succeeded=False)
    return KnownRefund(
        reference=code if code is not None and by_code else f"ebanx-{own_id}",
        pse_refund_reference=own_id,
        amount=amount,
        outcome=outcomes.listed(outcome, otherwise),
    )
