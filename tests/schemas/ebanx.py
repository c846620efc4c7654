"""EBANX's shapes (`ws/refund`, `ws/query`), draft 2020-12, for all that we send and all that the sandbox answers."""

from typing import Any, Final

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

_AMOUNT: Final[Schema] = {"type": "string", "pattern": r"^\d+(\.\d{1,2})?$"}
_DATE: Final[Schema] = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"}
_HASH: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{48}$"}

REFUND_FORM: Final[Schema] = {
    "type": "object",
    "required": ["operation", "hash", "amount", "description"],
    "additionalProperties": False,  # what EBANX does not name, we do not send
    "properties": {
        "operation": {"const": "request"},
        "hash": _HASH,
        "amount": _AMOUNT,
        "description": {"type": "string", "minLength": 1},
        "merchant_refund_code": {"type": "string", "maxLength": 20},
    },
}
REFUND: Final[Schema] = {
    "type": "object",
    "required": ["id", "merchant_refund_code", "status", "request_date", "amount_ext", "description"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "merchant_refund_code": {"type": ["string", "null"], "maxLength": 20},
        "status": {"enum": ["RE", "PE", "CO", "CA"]},
        "request_date": _DATE,
        "pending_date": _DATE,
        "confirm_date": _DATE,
        "cancel_date": _DATE,
        "amount_ext": _AMOUNT,
        "description": {"type": ["string", "null"]},
    },
}
PAYMENT: Final[Schema] = {
    "type": "object",
    "required": ["hash", "status", "open_date", "confirm_date", "amount_ext", "currency_ext", "payment_type_code"],
    "properties": {
        "hash": _HASH,
        "merchant_payment_code": {"type": ["string", "null"]},
        "status": {"enum": ["OP", "PE", "CO", "CA"]},
        "open_date": _DATE,
        "confirm_date": _DATE,
        "amount_ext": _AMOUNT,
        "currency_ext": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "payment_type_code": {"type": "string"},
        "refunds": {"type": "array", "items": REFUND},
    },
}
REFUNDED: Final[Schema] = {
    "type": "object",
    "required": ["payment", "refund", "operation", "status"],
    "properties": {
        "payment": PAYMENT,
        "refund": REFUND,
        "operation": {"const": "refund"},
        "status": {"const": "SUCCESS"},
    },
}
QUERY: Final[Schema] = {
    "type": "object",
    "required": ["payment", "status"],
    "properties": {"payment": PAYMENT, "status": {"const": "SUCCESS"}},
}
ERROR: Final[Schema] = {
    "type": "object",
    "required": ["status", "status_code", "status_message"],
    "properties": {
        "status": {"const": "ERROR"},
        "status_code": {"type": "string", "pattern": "^BP-"},
        "status_message": {"type": "string"},
    },
}


def check(schema: Schema, document: object) -> None:
    """Raises jsonschema.ValidationError with the path of what is wrong."""
    Draft202012Validator(schema).validate(document)
