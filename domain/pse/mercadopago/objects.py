"""Mercado Pago's documents: refunds and payments, whose amounts are decimal numbers in major units, read exactly."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import httpx

from domain.money import Money
from domain.pse.kit import exact, moments, outcomes
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.unreadable import Unreadable, or_none
from domain.pse.kit.words import words_of
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
    Shown,
    Succeeded,
    Unsent,
)

WORDS: Final = words_of("mercadopago")
_ID_MAX: Final = 40
# Refusals that Mercado Pago documents as final: the same order gets the same answer.
FINAL: Final = frozenset(
    ["2017", "2063", "2085", "4040", "4041", "4292", "2000", "2024", "15016", "3024", "2022"],
)
ALREADY_REFUNDED: Final = "4296"  # of which refund, only the listing tells
REFUND_NOT_FOUND: Final = "2032"  # no answer to a request that names no refund
NO_BALANCE: Final = frozenset(["2030", "2031"])  # nothing moved; the same request works once the account has money
FLAKY: Final = "2084"  # "cannot be refunded", seen to pass a moment later
KNOWN_CODES: Final = FINAL | NO_BALANCE | {ALREADY_REFUNDED, REFUND_NOT_FOUND, FLAKY}


@dataclass(frozen=True, slots=True)
class WrittenRefund:
    """A refund as it is written. `created_at` is UTC."""

    reference: str
    payment: str
    amount: Money
    status: str
    created_at: datetime | None

    def outcome(self, *, succeeded: bool) -> Accepted | Succeeded | Declined | Returned:
        """What its status means. One that Mercado Pago's documents do not name is not decided yet."""
        said = "Mercado Pago rejected the refund."
        known = WORDS.statuses.outcome(self.status, self.reference, said, succeeded=succeeded, at=self.created_at)
        return known or Accepted(self.reference, "UNKNOWN_STATUS")


def error_of(response: httpx.Response) -> ErrorAnswer:
    """Code and words of an error: `cause[0].code`, which comes as a number or as text, if it is one we know."""
    status, problem = response.status_code, exact.document(response.content)
    if not isinstance(problem, dict):
        return WORDS.unexplained("Mercado Pago", status, "an error document")
    fallback = WORDS.error_name(status)
    causes = problem.get("cause")
    cause = causes[0] if isinstance(causes, list) and causes else causes
    cause = cause if isinstance(cause, dict) else {}
    code = str(cause.get("code"))
    words = [code if "code" in cause else None, cause.get("description"), problem.get("message"), problem.get("error")]
    said = ": ".join(str(word) for word in words if word) or f"Mercado Pago answered {status}."
    return ErrorAnswer(code if code in KNOWN_CODES and status < 500 else fallback, said[:500], explained=True)


@outcomes.in_doubt_unless_readable("Mercado Pago answered with something that is not a refund")
def echoed(order: RefundOrder, answer: Any) -> Outcome:
    """What a refund means for the order that it must echo."""
    known = refund_of(answer, order.amount.currency)
    if (known.payment, known.amount) != (order.payment_reference, order.amount):
        return outcomes.another("Mercado Pago", order, f"{known.amount} of {known.payment} as {known.reference}")
    return known.outcome(succeeded=order.succeeded)


@outcomes.in_doubt_unless_readable("Mercado Pago did not list the payment's refunds")
def among(order: RefundOrder, answer: Any) -> Outcome:
    """Ours is the one whose id we know, else the one of our amount that is nobody else's."""
    listed = refunds_within(answer)
    ours = outcomes.candidates(order, listed, id_of, lambda raw: amount_of(raw, order.amount.currency) == order.amount)
    if order.pse_refund_reference is not None:
        gone = InDoubt("LISTED_NO_MORE", f"Refund {order.pse_refund_reference} is not in the payment's list.")
        return echoed(order, ours[0]) if ours else gone
    none = Unsent("NOT_LISTED", "The payment's list has no refund that could be this one.")
    ids = ", ".join(id_of(raw) for raw in ours)
    said = f"Refunds {ids} of the payment have our amount, and one of them was made by somebody else."
    several = InDoubt("SEVERAL_LISTED", said[:500], needs_person=True)
    return outcomes.the_one(ours, partial(echoed, order), none=none, several=several)


def ids_within(order: RefundOrder, answer: Any) -> frozenset[str]:
    """The ids of the payment's refunds. Raises Unreadable."""
    return frozenset(id_of(raw) for raw in refunds_within(answer))


def refunds_within(answer: Any) -> list[dict[str, Any]]:
    """A payment's refunds, each with its id. Raises Unreadable."""
    listed = exact.objects(answer)
    if listed is None or not all(is_named(raw) for raw in listed):
        raise Unreadable("it is not a list of refunds with their ids")
    return listed


def is_named(raw: object) -> bool:
    """Whether this is an object with an id."""
    return isinstance(raw, dict) and _id(raw.get("id")) is not None


def id_of(raw: Mapping[str, Any]) -> str:
    """The id of an object that has one: a number there, text here."""
    found = _id(raw.get("id"))
    assert found is not None, "Only documents with an id get here."
    return found


def _id(value: object) -> str | None:
    """An id, which comes as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value) if isinstance(value, str) or abs(value) < 10**_ID_MAX else ""
    return text if 0 < len(text) <= _ID_MAX and text.isprintable() else None


def money_of(value: object, currency: str) -> Money:
    """A JSON number in major units, exactly. Raises Unreadable."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable(f"amount {str(value)[:40]!r} is not a number")
    found = exact.money(value, currency)
    if found is None:
        raise Unreadable(f"amount {str(value)[:40]} is not an amount of {currency}")
    return found


def amount_of(raw: Mapping[str, Any], currency: str) -> Money | None:
    """The amount of a refund, None where it cannot be read."""
    return or_none(lambda: money_of(raw.get("amount"), currency))


def refund_of(raw: object, currency: str) -> WrittenRefund:
    """A refund; its currency is the payment's, because it names none. Raises Unreadable."""
    if not isinstance(raw, dict):
        raise Unreadable("it is no object")
    reference, payment, status = _id(raw.get("id")), _id(raw.get("payment_id")), raw.get("status")
    if reference is None or payment is None or not isinstance(status, str):
        raise Unreadable("id, payment_id or status is missing")
    return WrittenRefund(
        reference, payment, money_of(raw.get("amount"), currency), status, moments.zoned(raw.get("date_created"))
    )


def payment_of(raw: Any) -> CapturedPayment:
    """A payment with its refunds. Raises Unreadable.

    Its `transaction_amount_refunded` is compared with its refunds: a listing that lags is asked for again.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("refunds"), list) or not is_named(raw):
        raise Unreadable("id or refunds is missing")
    currency = str(raw.get("currency_id"))
    refunds = [_known(refund_of(one, currency), id_of(raw)) for one in raw["refunds"]]
    gone = money_of(raw.get("transaction_amount_refunded", 0), currency)
    listed = sum(one.amount.minor_units for one in refunds if not isinstance(one.outcome, Declined))
    if listed < gone.minor_units:
        raise Unreadable(f"refunds sum up to {listed} minor units, transaction_amount_refunded is {gone}")
    return _payment(raw, money_of(raw.get("transaction_amount"), currency), refunds)


def _payment(raw: Mapping[str, Any], amount: Money, refunds: list[KnownRefund]) -> CapturedPayment:
    captured_at = moments.zoned(raw.get("date_approved")) or moments.zoned(raw.get("date_created"))
    if captured_at is None:
        raise Unreadable("date_approved is missing")
    order = raw.get("external_reference")
    return CapturedPayment(
        reference=id_of(raw),
        method=_method(raw),
        amount=amount,
        captured_at=captured_at,
        order_reference=order if isinstance(order, str) and order else None,
        refunds=refunds,
    )


def shown_of(raw: Any) -> Shown:
    """What a payment is to us; a payer's token sees it too, so whose it is is told. Raises Unreadable."""
    if not is_named(raw):
        raise Unreadable("id is missing")
    amount = money_of(raw.get("transaction_amount"), str(raw.get("currency_id")))
    kinds = (raw.get("payment_method_id"), raw.get("payment_type_id"))
    back = money_of(raw.get("transaction_amount_refunded") or 0, amount.currency).minor_units
    made, collector = WORDS.shown(id_of(raw), amount, raw.get("status"), kinds, None, back), raw.get("collector_id")
    captured = made.captured and raw.get("captured") is not False
    return replace(made, captured=captured, account=None if collector is None else str(collector)[:40])


def _method(raw: Mapping[str, Any]) -> Method:
    names = (str(raw.get("payment_method_id")), str(raw.get("payment_type_id")))
    return next((WORDS.methods[name] for name in names if name in WORDS.methods), Method.BANK_TRANSFER)


def _known(written: WrittenRefund, payment: str) -> KnownRefund:
    if written.payment != payment:
        raise Unreadable(f"refund {written.reference} is of payment {written.payment}")
    outcome = written.outcome(succeeded=False)
    return outcomes.nameless(written.reference, written.amount, outcome, written.created_at, "")
