"""The pages of payments: found by order or PSE reference, one with what is left of it, and refunding it."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from babel.numbers import format_currency

from api.console import names, typed
from api.console.formats import decimal_of, way
from api.console.page import Asked, Data, Done, Nav, Page, Post, Unsendable
from api.console.words import N_, _

_LIST: Final = "/payments"
# Why a cost is not known (domain/quotes/costs).
UNKNOWN: Final = (
    N_("No report has told yet in which currency the payment was settled."),
    N_("The PSE's fee for refunds of this connection, method and currency is not entered."),
    N_("No report has told the payment's own fee, and none was entered for its day."),
)
_COSTS: Final = {
    "REFUND_FEE": N_("Fee for refunding"),
    "ORIGINAL_FEE": N_("Fee of the payment that is not given back"),
    "FX_DIFFERENCE": N_("Exchange difference"),
}
_WAYS: Final = {
    "ORIGINAL": N_("Back the way it came."),
    "TO_DESTINATION": N_("The PSE pays an account that must be named."),
    "PSE_COLLECTS": N_("The PSE asks the customer for an account."),
    "BY_HAND": N_("Somebody here pays an account that must be named."),
}
# What of an account is asked for, by the currency: the kinds, and the fields of all of them.
_ACCOUNTS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "BRL": (("PIX_KEY", "BR_BANK_ACCOUNT"), ("pixKey", "bankCode", "branch", "account", "accountType")),
    "MXN": (("MX_CLABE",), ("clabe",)),
    "COP": (("CO_BANK_ACCOUNT",), ("bankCode", "account", "accountType")),
}
_HOLDER: Final = ("holderName", "holderTaxId")
_KINDS: Final = {
    "PIX_KEY": N_("Pix key"),
    "BR_BANK_ACCOUNT": N_("Bank account in Brazil"),
    "MX_CLABE": N_("CLABE"),
    "CO_BANK_ACCOUNT": N_("Bank account in Colombia"),
}
_FIELDS: Final = {
    "pixKey": N_("Pix key"),
    "bankCode": N_("Bank code"),
    "branch": N_("Branch"),
    "account": N_("Account number"),
    "accountType": N_("Kind of account"),
    "clabe": N_("CLABE"),
    "holderName": N_("Name of the holder"),
    "holderTaxId": N_("Tax ID of the holder"),
}
_ACCOUNT_TYPES: Final = {"CHECKING": N_("Checking"), "SAVINGS": N_("Savings"), "PAYMENT": N_("Payment account")}


def _listed(asked: Asked) -> Mapping[str, Any]:
    return {
        "orderReference": asked.text("order"),
        "pseReference": asked.text("reference"),
        "after": asked.text("after"),
    }


def _one(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["payment"]}


def _why_not(asked: Asked, data: Data) -> Mapping[str, Any]:
    """Why nothing of it can be refunded; empty: something can."""
    payment = data["payment"]
    why = ""
    if payment["withdrawnAt"]:
        why = _("It was registered in error and taken back.")
    elif payment["contradictedAt"]:
        why = _("Its PSE says that there is no such payment, or another one.")
    elif int(payment["refundable"]["minorUnits"]) <= 0:
        why = _("All of it was refunded, is being refunded, or was taken by the bank.")
    return {"why_not": why}


def _wanted(asked: Asked) -> dict[str, Any]:
    """The amount and reason in the address. Raises Unsendable."""
    found: dict[str, Any] = {"paymentId": asked.path["payment"]}
    reason = asked.text("reason")
    if reason in names.REASONS:
        found["reason"] = reason
    if text := asked.text("amount"):
        found["amount"] = typed.amount("amount", text, asked.text("currency") or "BRL")
    return found


def _quoted(asked: Asked) -> Mapping[str, Any]:
    try:
        wanted = _wanted(asked)
    except Unsendable:  # said at the field, by the view
        wanted = {"paymentId": asked.path["payment"]}
    return {"id": asked.path["payment"], "quote": wanted}


def _to_confirm(asked: Asked, data: Data) -> Mapping[str, Any]:
    wrong = ""
    try:
        _wanted(asked)
    except Unsendable as refused:
        wrong = _(refused.message)
    asked_quote = data.get("refundQuote") or {"quote": None, "approval": None, "errors": []}
    quote = asked_quote["quote"] if not wrong else None
    currency = data["payment"]["captured"]["currency"]
    kinds, fields = _ACCOUNTS.get(currency, ((), ()))
    return {
        "wrong": wrong,
        "quote": quote,
        "approval": asked_quote["approval"],
        "errors": asked_quote["errors"],
        "confirming": bool(asked.text("reason")) and quote is not None,
        "written": _written(quote["amount"]) if quote else "",
        "changed": urlencode([(name, asked.text(name) or "") for name in ("amount", "note")]),
        "way_words": _WAYS,
        "cost_words": _COSTS,
        "kinds": [(one, _(_KINDS[one])) for one in kinds],
        "account_fields": [(one, _(_FIELDS[one])) for one in (*fields, *_HOLDER)] if kinds else [],
        "account_types": [(one, _(word)) for one, word in _ACCOUNT_TYPES.items()],
        "reasons": [(one, _(word)) for one, word in names.REASONS.items()],
    }


def _written(amount: Mapping[str, Any]) -> str:
    """The amount with the currency's whole name: nobody takes one for another."""
    locale = way.get().locale
    return str(format_currency(decimal_of(amount), amount["currency"], locale=locale, format_type="name"))


def _created_input(asked: Asked) -> Mapping[str, Any]:
    units, currency = asked.given("units") or "", asked.given("currency") or ""
    if not (units.isascii() and units.isdigit() and len(units) < 16):
        raise Unsendable("amount", N_("The amount must be above zero, with no more decimals than the currency has."))
    given: dict[str, Any] = {
        "paymentId": asked.path["payment"],
        "amount": {"minorUnits": units, "currency": currency},
        "reason": asked.given("reason"),
        "idempotencyKey": asked.given("key"),
    }
    if note := asked.given("note"):
        given["note"] = note
    account = {name: asked.given(name) for name in _FIELDS if asked.given(name)}
    if account:
        given["destination"] = {"kind": asked.given("kind"), **account}
    return given


def _created(asked: Asked, payload: Data) -> Done:
    return Done(f"/console/refunds/{payload['refund']['id']}", _("The refund was asked for."))


_ERRORS_AT: Final = {f"destination.{name}": name for name in _FIELDS} | {"destination": "kind"}
PAGES: Final = (
    Page(_LIST, "payments/list", N_("Payments"), _listed, nav=Nav(30, N_("Payments"))),
    Page(f"{_LIST}/{{payment}}", "payments/one", N_("Payment"), _one, _why_not, found="payment", section=_LIST),
    Page(
        f"{_LIST}/{{payment}}/refund",
        "payments/refund",
        N_("Refund a payment"),
        _quoted,
        _to_confirm,
        found="payment",
        section=_LIST,
        posts={"create": Post("payments/create", _created_input, _created, fields=_ERRORS_AT)},
        statements=30,
    ),
)
