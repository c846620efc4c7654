"""Stripe's refund and charge objects: what their fields mean."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from domain.money import EXPONENTS, Money
from domain.pse.kit import exact, moments, outcomes
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.unreadable import Unreadable, or_none
from domain.pse.kit.words import words_of
from domain.pse.vocabulary import CapturedPayment, InDoubt, KnownRefund, Outcome, RefundOrder, Shown, Unsent

WORDS: Final = words_of("stripe")
REFERENCE: Final = "estorno_reference"  # the metadata key of our reference
HEADERS: Final = {"Accept": "application/json", "Stripe-Version": "2026-06-24.dahlia"}


def error_of(response: httpx.Response) -> ErrorAnswer:
    """The error's code (else its type, else a name of the status) and its words."""
    status, error = response.status_code, exact.inner(exact.document(response.content), "error")
    fallback = WORDS.error_name(status)
    if not isinstance(error, dict):
        return WORDS.unexplained("Stripe", status, "an error object")
    known = [error.get("code"), None if str(status) in WORDS.errors else error.get("type"), fallback]
    code = next(one for one in known if isinstance(one, str) and one)
    return ErrorAnswer(code[:100], str(error.get("message") or f"Stripe answered {status}.")[:500], explained=True)


def text_of(raw: Mapping[str, Any], name: str) -> str | None:
    """A field that is a text, or an expanded object's id; None where there is neither."""
    value = raw.get(name)
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def reference_of(raw: Mapping[str, Any]) -> str | None:
    """Our reference of a refund, if its metadata has one."""
    metadata = raw.get("metadata")
    return text_of(metadata, REFERENCE) if isinstance(metadata, Mapping) else None


def money_of(raw: Mapping[str, Any], name: str = "amount") -> Money:
    """An amount in minor units of the object's (lower-case) currency. Raises Unreadable."""
    return exact.minor_units(raw.get(name), str(raw.get("currency")).upper(), name)


def currency_of(raw: Mapping[str, Any]) -> str | None:
    """The code of the object's currency where it is none that we know; None for one that `money_of` reads."""
    currency = (text_of(raw, "currency") or "").upper()
    return currency if exact.is_paid_in(currency) and currency not in EXPONENTS else None


def outcome_of(raw: Mapping[str, Any], *, succeeded: bool) -> Outcome | None:
    """What a refund's status means; None for one that Stripe does not publish.

    `failed` is a return where the money had left: Stripe said `succeeded` before, or the balance that it left was
    credited again (`failure_balance_transaction`).
    """
    status = raw.get("status")
    finer = {"pending": "pending_reason", "failed": "failure_reason"}.get(str(status), "")
    code = (text_of(raw, finer) or str(status))[:100]
    left = succeeded or (status == "failed" and text_of(raw, "failure_balance_transaction") is not None)
    said = f"Stripe says that the refund failed: {code}."
    if status == "canceled":
        said = "The refund was canceled before it was paid."
    return WORDS.statuses.outcome(status, text_of(raw, "id"), said, succeeded=left, code=code)


def echoed(order: RefundOrder, raw: Any) -> Outcome:
    """What a refund object means for the order that it must echo."""
    if not isinstance(raw, dict) or raw.get("object") != "refund" or text_of(raw, "id") is None:
        return InDoubt("UNREADABLE", "Stripe answered with something that is not a refund.")
    payments = (text_of(raw, "charge"), text_of(raw, "payment_intent"))
    held = f"{raw.get('amount')} {raw.get('currency')} of {payments} as {reference_of(raw)}"
    if (
        or_none(lambda: money_of(raw)) != order.amount
        or order.payment_reference not in payments
        or reference_of(raw) != order.reference
    ):
        return outcomes.another("Stripe", order, held)
    return outcomes.published(outcome_of(raw, succeeded=order.succeeded), "Stripe", raw.get("status"))


def among(order: RefundOrder, listed: Any) -> Outcome:
    """The order's refund in a list of its payment's, by our reference."""
    found = exact.inner(listed, "data")
    if not isinstance(found, list) or not isinstance(listed.get("has_more"), bool):
        return InDoubt("UNREADABLE", "Stripe answered with something that is not a list of refunds.")
    ours = [raw for raw in found if isinstance(raw, dict) and reference_of(raw) == order.reference]
    if len(ours) > 1:
        said = f"Stripe holds {len(ours)} refunds with our reference {order.reference}."
        return InDoubt("ECHO_MISMATCH", said, needs_person=True)
    if ours:
        return echoed(order, ours[0])
    if listed["has_more"]:
        return InDoubt("MORE_REFUNDS", f"Ours is not among the payment's newest {len(found)} refunds; there are more.")
    return Unsent("resource_missing", "None of the payment's refunds has our reference.")


def payment_of(raw: Any) -> CapturedPayment:
    """A charge, or a payment intent with its charge, with all its refunds expanded. Raises Unreadable."""
    charge = exact.of_kind(_charge_within(raw), "charge")
    refunds = exact.whole_list(charge.get("refunds"), "refunds")
    kind = exact.inner(charge, "payment_method_details", "type")
    if not isinstance(kind, str) or kind not in WORDS.methods:
        raise Unreadable(f"payment_method_details.type {kind!r} is none of {', '.join(WORDS.methods)}")
    return CapturedPayment(
        reference=_needed(raw, "id"),
        method=WORDS.methods[kind],
        amount=money_of(charge, "amount_captured"),
        captured_at=moments.unix(charge, "created"),
        refunds=[refund_of(one) for one in refunds if not _is_release(charge, one)],
    )


def shown_of(raw: Any) -> Shown:
    """What a charge, or a payment intent with its charge, is to us. Raises Unreadable."""
    found = _charge_within(raw)
    if found is None and isinstance(raw, dict):  # nobody has paid yet, or every try has failed
        unpaid = f"{str(raw.get('status'))[:50]}, without a charge"
        return Shown(frozenset({_needed(raw, "id")}), money_of(raw), unpaid, False)
    charge = exact.of_kind(found, "charge")
    kind, status = str(exact.inner(charge, "payment_method_details", "type"))[:50], charge.get("status")
    captured = WORDS.payments.is_captured(status) and charge.get("captured") is True
    intent = text_of(charge, "payment_intent")
    return Shown(
        names=frozenset({_needed(charge, "id"), _needed(raw, "id"), *filter(None, [intent])}),
        amount=money_of(charge, "amount_captured" if captured else "amount"),
        status=str(status) if captured else f"{status}, not captured",
        captured=captured,
        methods=frozenset(filter(None, [WORDS.methods.get(kind)])),
        method_said=kind,
        given_back=_given_back(charge) if captured else 0,
    )


def _charge_within(raw: Any) -> Any:
    """A payment intent's charge, None where it has none; anything else as it is."""
    return exact.inner(raw, "latest_charge") if exact.inner(raw, "object") == "payment_intent" else raw


def _given_back(charge: Mapping[str, Any]) -> int:
    """What was refunded of it (minor units), without what was authorised, never captured and released."""
    back, whole, captured = (charge.get(name, 0) for name in ("amount_refunded", "amount", "amount_captured"))
    if not (isinstance(back, int) and isinstance(whole, int) and isinstance(captured, int)):
        raise Unreadable("amount_refunded is no whole number")
    return max(back - max(whole - captured, 0), 0)


def _is_release(charge: Mapping[str, Any], refund: Any) -> bool:
    """Whether this tells that what was authorised and never captured is released, which Stripe lists as a refund.

    It gives back no money of the merchant's, so the balance does not know it.
    """
    authorised, captured = charge.get("amount"), charge.get("amount_captured")
    if not isinstance(refund, dict) or not isinstance(authorised, int) or not isinstance(captured, int):
        return False
    never_captured = authorised - captured
    moved_nothing = refund.get("status") == "succeeded" and refund.get("balance_transaction") is None
    return moved_nothing and reference_of(refund) is None and refund.get("amount") == never_captured > 0


def refund_of(raw: Any) -> KnownRefund:
    """A refund as it is listed. Raises Unreadable."""
    if not isinstance(raw, dict):
        raise Unreadable("refunds has an entry that is not a refund")
    name = _needed(raw, "id")
    otherwise = f"status {raw.get('status')!r} is not published"
    return KnownRefund(
        reference=reference_of(raw) or name,
        pse_refund_reference=name,
        amount=money_of(raw),
        outcome=outcomes.listed(outcome_of(raw, succeeded=False), otherwise),
        kind=text_of(raw, "reason") or "refund",
        requested_at=moments.unix(raw, "created"),
    )


def _needed(raw: Mapping[str, Any], name: str) -> str:
    found = text_of(raw, name)
    if found is None:
        raise Unreadable(f"{name} is missing or no text")
    return found
