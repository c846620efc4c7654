"""What a PSE calls the things that have numbers, and what we call them: the same names in books, files and labels."""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl


def _padded(number: pl.Expr, width: int) -> pl.Expr:
    return number.cast(pl.String).str.zfill(width)


def _e2eid(number: pl.Expr, at: pl.Expr) -> pl.Expr:
    return pl.format("E12345678{}{}", at.dt.strftime("%Y%m%d%H%M"), _padded(number % 10**11, 11))


def _plain(prefix: str, width: int) -> Callable[[pl.Expr, pl.Expr], pl.Expr]:
    return lambda number, _: pl.format(prefix + "{}", _padded(number, width))


_PAYMENTS: Final[Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    "adyen": _plain("S", 15),
    "conekta": _plain("ord_", 14),
    "dlocal": _plain("T-648-", 14),
    "ebanx": _plain("h", 40),
    "mercadopago": _plain("", 12),
    "pix": _e2eid,
    "stripe": _plain("pi_", 20),
}
_REFUNDS: Final[Mapping[str, tuple[str, int]]] = {
    "adyen": ("M", 15),
    "conekta": ("ref_", 15),
    "dlocal": ("REF", 15),
    "ebanx": ("", 15),
    "mercadopago": ("", 15),
    "pix": ("D12345678202601010000", 11),
    "stripe": ("re_", 20),
}


def payment(pse: str, number: pl.Expr, sold_at: pl.Expr) -> pl.Expr:
    """The PSE's reference of a payment."""
    return _PAYMENTS[pse](number, sold_at)


def alias(pse: str, number: pl.Expr) -> pl.Expr:
    """Its other id at the PSE, where it has one (Stripe's and Conekta's charge)."""
    return pl.format("{}{}", pl.lit({"stripe": "ch_", "conekta": "charge_"}.get(pse, "")), _padded(number, 20))


def order(number: pl.Expr) -> pl.Expr:
    """The merchant's own reference of a payment."""
    return pl.format("order-{}", number)


def refund(pse: str, number: pl.Expr) -> pl.Expr:
    """The PSE's reference of a refund, as its API gives it."""
    prefix, width = _REFUNDS[pse]
    return pl.format(prefix + "{}", _padded(number % 10**width if pse == "pix" else number, width))


def reference(number: pl.Expr) -> pl.Expr:
    """Our reference of a refund: twenty characters."""
    return pl.format("synth{}", _padded(number, 15))


def payment_id(number: pl.Expr) -> pl.Expr:
    """The UUID of a payment."""
    return pl.format("00000000-0000-4000-8000-{}", _padded(number, 12))


def refund_id(number: pl.Expr) -> pl.Expr:
    """The UUID of a refund."""
    return pl.format("00000000-0000-4000-9000-{}", _padded(number, 12))
