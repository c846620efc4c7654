"""Mercado Pago's documents: refunds and payments, whose amounts are decimal numbers in major units, read exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from domain.money import Money
from domain.pse.kit import exact
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import Accepted, BadAnswer, CapturedPayment, Declined, KnownRefund, Method, Succeeded

_ID_MAX: Final = 40
# `payment_method_id` where it names the rail, else `payment_type_id`.
_METHODS: Final[Mapping[str, Method]] = {
    "pix": Method.PIX,
    "bolbradesco": Method.BOLETO,
    "boleto": Method.BOLETO,
    "oxxo": Method.OXXO,
    "clabe": Method.SPEI,
    "pse": Method.PSE_COLOMBIA,
    "credit_card": Method.CARD,
    "debit_card": Method.CARD,
    "prepaid_card": Method.CARD,
}


@dataclass(frozen=True, slots=True)
class WrittenRefund:
    """A refund as it is written. `created_at` is UTC."""

    reference: str
    payment: str
    amount: Money
    status: str
    created_at: datetime | None


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
    try:
        return money_of(raw.get("amount"), currency)
    except Unreadable:
        return None


def refund_of(raw: object, currency: str) -> WrittenRefund:
    """A refund; its currency is the payment's, because it names none. Raises Unreadable."""
    if not isinstance(raw, dict):
        raise Unreadable("it is no object")
    reference, payment, status = _id(raw.get("id")), _id(raw.get("payment_id")), raw.get("status")
    if reference is None or payment is None or not isinstance(status, str):
        raise Unreadable("id, payment_id or status is missing")
    return WrittenRefund(reference, payment, money_of(raw.get("amount"), currency), status, _moment(raw))


def _moment(raw: Mapping[str, Any], name: str = "date_created") -> datetime | None:
    try:
        moment = datetime.fromisoformat(raw[name])
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def payment_of(raw: object) -> CapturedPayment:
    """A payment with its refunds. Raises BadAnswer.

    Its `transaction_amount_refunded` is compared with its refunds: a listing that lags is asked for again.
    """
    try:
        if not isinstance(raw, dict) or not isinstance(raw.get("refunds"), list) or not is_named(raw):
            raise Unreadable("id or refunds is missing")
        currency = str(raw.get("currency_id"))
        refunds = [_known(refund_of(one, currency), id_of(raw)) for one in raw["refunds"]]
        gone = money_of(raw.get("transaction_amount_refunded", 0), currency)
        listed = sum(one.amount.minor_units for one in refunds if not isinstance(one.outcome, Declined))
        if listed < gone.minor_units:
            raise Unreadable(f"refunds sum up to {listed} minor units, transaction_amount_refunded is {gone}")
        return _payment(raw, money_of(raw.get("transaction_amount"), currency), refunds)
    except Unreadable as error:
        raise BadAnswer(f"The payment cannot be read: {error}.") from error


def _payment(raw: Mapping[str, Any], amount: Money, refunds: list[KnownRefund]) -> CapturedPayment:
    captured_at = _moment(raw, "date_approved") or _moment(raw)
    if captured_at is None:
        raise Unreadable("date_approved is missing")
    order = raw.get("external_reference")
    return CapturedPayment(
        reference=id_of(raw),
        method=_method(raw),
        amount=amount,
        captured_at=captured_at,
        payee_key=None,
        order_reference=order if isinstance(order, str) and order else None,
        refunds=refunds,
    )


def _method(raw: Mapping[str, Any]) -> Method:
    names = (str(raw.get("payment_method_id")), str(raw.get("payment_type_id")))
    # What is neither a rail of its own nor a card (account money, a wallet, an ATM) is a transfer.
    return next((_METHODS[name] for name in names if name in _METHODS), Method.BANK_TRANSFER)


def _known(written: WrittenRefund, payment: str) -> KnownRefund:
    if written.payment != payment:
        raise Unreadable(f"refund {written.reference} is of payment {written.payment}")
    outcome: Accepted | Succeeded | Declined
    match written.status:
        case "approved":
            outcome = Succeeded(written.reference, written.created_at, "approved")
        case "rejected":
            outcome = Declined("rejected", "Mercado Pago rejected the refund.", written.reference)
        case "in_process":
            outcome = Accepted(written.reference, "in_process")
        case _:
            outcome = Accepted(written.reference, "UNKNOWN_STATUS")
    return KnownRefund(
        reference=written.reference,
        pse_refund_reference=written.reference,
        amount=written.amount,
        outcome=outcome,
        by_bank=False,
        kind="refund",
        requested_at=written.created_at,
        settled_at=written.created_at if isinstance(outcome, Succeeded) else None,
    )
