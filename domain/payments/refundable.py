"""What of a payment can still be refunded: window, amount, parts, and the VAT that goes with them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, Final

from domain.models import Payment
from domain.money import Money, cumulative_share
from domain.problems import (
    AmountExceedsRefundable,
    CurrencyMismatch,
    InvalidInput,
    NotRefundable,
    PaymentContradicted,
    WindowExpired,
)
from domain.pse.capabilities import Capability, Route
from domain.pse.registry import capability
from domain.pse.vocabulary import Method


def checked_amount(payment: dict[str, Any], wanted: Money | None) -> Money:
    """What is to be refunded; `wanted` None: everything that is left. An amount is never lowered to fit.

    `payment` is its locked row with `pse` and `now`. Raises NotRefundable, PaymentContradicted, WindowExpired,
    CurrencyMismatch, AmountExceedsRefundable, InvalidInput.
    """
    if payment["withdrawn_at"] is not None:
        raise NotRefundable("The payment was withdrawn: it was registered in error.", path=["input", "paymentId"])
    if payment["contradicted_at"] is not None:
        raise PaymentContradicted(
            f"{payment['contradiction']} Nothing of it is refunded: withdraw the payment (paymentWithdraw) and "
            "register what the PSE has (paymentRegister), or, once that is corrected at the PSE, have it asked again "
            "(paymentAskAgain).",
            path=["input", "paymentId"],
        )
    able = capability(payment["pse"], Method(payment["method"]))
    _check_window(payment, able)
    refundable = Money(max(_left(Counted(**{name: payment[name] for name in _COUNTED})), 0), payment["currency"])
    if wanted is None and refundable.minor_units == 0:
        raise NotRefundable("Nothing is left to refund on this payment.", path=["input", "paymentId"])
    amount = wanted or refundable
    if amount.currency != payment["currency"]:
        raise CurrencyMismatch(
            f"The payment was captured in {payment['currency']}; ask for the refund in the same currency.",
            path=["input", "amount", "currency"],
            expected=payment["currency"],
            given=amount.currency,
        )
    if amount.minor_units == 0:
        raise InvalidInput("A refund is above zero.", path=["input", "amount", "minorUnits"])
    if amount.minor_units > refundable.minor_units:
        raise AmountExceedsRefundable(
            f"{amount} is more than the {refundable} that is still refundable.",
            path=["input", "amount"],
            requested=amount,
            refundable=refundable,
        )
    _check_parts(payment, able, amount)
    return amount


def left_of(captured: int, held: int, charged_back: int) -> int:
    """What can still be refunded (minor units), never below zero. `held`: reserved, refunded and taken by the bank."""
    # A reversal may be told before its chargeback: what came back early is not more than was captured.
    return max(captured - held - max(charged_back, 0), 0)


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts for how much is left of a payment (minor units), by the names of its columns."""

    captured: int
    reserved: int
    refunded: int
    taken_by_bank: int
    charged_back: int
    shown_captured: int | None
    shown_gone: int | None


_COUNTED: Final = tuple(one.name for one in fields(Counted))


def _left(payment: Counted) -> int:
    gone = payment.taken_by_bank + max(payment.charged_back, 0)
    whole = bound_of(payment.captured, payment.shown_captured)
    return whole - payment.reserved - payment.refunded - max(gone, payment.shown_gone or 0)


def bound_of(captured: int, shown_captured: int | None) -> int:
    """How much may be refunded of a payment in all (minor units): what was registered, and its PSE has captured."""
    return captured if shown_captured is None else min(captured, shown_captured)


def left_over(payment: Payment) -> int:
    """What was captured less all that has left and is promised (minor units): below zero, more than there was.

    Captured as registered, and as its PSE has shown it: whichever is less.
    """
    return _left(Counted(**{name: getattr(payment, name) for name in _COUNTED}))


def _check_window(payment: dict[str, Any], able: Capability) -> None:
    if able.route is Route.UNSUPPORTED:
        raise NotRefundable(
            f"{payment['pse']} does not refund {payment['method']} payments: {able.reason} {able.instead}",
            path=["input", "paymentId"],
        )
    deadline = deadline_of(able, payment["captured_at"])
    if deadline is not None and payment["now"] > deadline:
        raise WindowExpired(
            f"{payment['pse']} refunds {payment['method']} payments for {able.window.days if able.window else 0} days "
            f"from the {able.window_from} ({able.source}): until {deadline.isoformat()}. "
            f"{able.instead or 'Pay it back another way.'}",
            path=["input", "paymentId"],
            deadline_at=deadline,
        )


def deadline_of(able: Capability, captured_at: datetime) -> datetime | None:
    """Until when (UTC) a payment captured then can be refunded; None: no limit."""
    window: timedelta | None = able.window
    return None if window is None else captured_at + window


def _check_parts(payment: dict[str, Any], able: Capability, amount: Money) -> None:
    if not able.partial and amount.minor_units != bound_of(payment["captured"], payment["shown_captured"]):
        raise NotRefundable(
            f"{payment['pse']} refunds {payment['method']} payments only in full ({able.source}). "
            f"{able.instead or 'Refund the whole, or pay the part back another way.'}",
            path=["input", "amount"],
        )
    if not able.several and payment["reserved"] + payment["refunded"] > 0:
        raise NotRefundable(
            f"{payment['pse']} refunds a {payment['method']} payment only once ({able.source}). "
            f"{able.instead or 'Pay the rest back another way.'}",
            path=["input", "paymentId"],
        )


def tax_of(payment: dict[str, Any], amount: int) -> int:
    """The VAT of a refund of `amount` (minor units): allocated cumulatively, so the parts close to the whole."""
    held = payment["reserved"] + payment["refunded"] + amount
    whole: int = payment["tax_amount"]
    allocated: int = payment["tax_allocated"]
    share = cumulative_share(whole, held, payment["captured"]) - allocated
    return min(max(share, 0), amount, whole - allocated)


def shares(whole: int, captured: int, parts: Sequence[int]) -> list[int]:
    """The share of each part of `captured` in `whole`, in their order (minor units): they close to the whole."""
    grown = [cumulative_share(whole, part, captured) for part in accumulate(parts, initial=0)]
    return [after - before for before, after in pairwise(grown)]
