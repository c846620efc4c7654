"""What Stripe refuses, and in which words."""

import re
import secrets

import httpx
from starlette.responses import JSONResponse, Response

from tests.sandbox.books import Payment

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NOT_REFUNDABLE = ("boleto", "oxxo")
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_CREATE_FIELDS = re.compile(
    r"(charge|payment_intent|amount|reason|instructions_email|metadata\[\w{1,40}\]|expand\[.*\])"
)


def new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(24))


def error(status: int, kind: str, message: str, code: str | None = None, param: str | None = None) -> JSONResponse:
    """`{error: {type, code, message, param}}`."""
    facts = {"type": kind, "code": code, "message": message, "param": param}
    shown = {name: value for name, value in facts.items() if value is not None}
    return JSONResponse({"error": shown}, status, headers={"request-id": new_id("req")})


def invalid(message: str, code: str | None = None, param: str | None = None, status: int = 400) -> JSONResponse:
    return error(status, "invalid_request_error", message, code, param)


def refusal_of(payment: Payment | None, form: httpx.QueryParams) -> Response | None:
    unknown = [name for name in form if not _CREATE_FIELDS.fullmatch(name)]
    if unknown:
        return invalid(f"Received unknown parameter: {unknown[0]}", "parameter_unknown", unknown[0])
    if payment is None:
        name = "payment_intent" if "payment_intent" in form else "charge"
        return missing(name, form.get(name, ""), param=name)
    if form.get("reason", _REASONS[0]) not in _REASONS:
        return invalid("Invalid reason.", param="reason")
    if "amount" in form and not form["amount"].isdigit():
        return invalid(f"Invalid integer: {form['amount']}", "parameter_invalid_integer", "amount")
    if payment.facts["type"] in _NOT_REFUNDABLE:
        return invalid(f"{payment.facts['type']} payments cannot be refunded.")
    if payment.facts["type"] == "customer_balance" and "instructions_email" not in form:
        return invalid("instructions_email is required for this payment method.", param="instructions_email")
    return None


def missing(noun: str, name: str, param: str = "id") -> JSONResponse:
    return invalid(f"No such {noun}: '{name}'", "resource_missing", param, 404)
