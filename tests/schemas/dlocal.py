"""dLocal's refund shapes (docs.dlocal.com), draft 2020-12, for all that we send and all that the sandbox answers."""

from typing import Any, Final

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

_CURRENCY: Final[Schema] = {"type": "string", "pattern": "^[A-Z]{3}$"}
_AMOUNT: Final[Schema] = {"type": "number", "exclusiveMinimum": 0}


def _text(longest: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": longest}


REFUND_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["payment_id"],
    "dependentRequired": {"amount": ["currency"], "currency": ["amount"]},
    "additionalProperties": False,  # what dLocal does not name, we do not send
    "properties": {
        "payment_id": _text(50),
        "amount": _AMOUNT,
        "currency": _CURRENCY,
        "notification_url": _text(500),
        "description": _text(200),
        "order_refund_id": _text(125),
        "beneficiary_name": _text(50),
        "beneficiary_lastname": _text(50),
        "document": _text(50),
        "bank": _text(40),
        "bank_code": _text(45),
        "bank_account": _text(45),
        "bank_account_type": {"enum": ["C", "S", "I"]},
        "bank_branch": _text(45),
        "bank_branch_name": _text(40),
    },
}
REFUND: Final[Schema] = {
    "type": "object",
    "required": ["id", "payment_id", "amount", "currency", "status", "status_code", "status_detail", "created_date"],
    "properties": {
        "id": {"type": "string", "pattern": "^REF"},
        "payment_id": _text(50),
        "amount": _AMOUNT,
        "amount_refunded": _AMOUNT,
        "currency": _CURRENCY,
        "status": {"enum": ["PENDING", "SUCCESS", "REJECTED", "CANCELLED"]},
        "status_code": {"enum": [100, 200, 300, 400, "100", "200", "300", "400"]},
        "status_detail": {"type": "string"},
        "created_date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
        "order_id": {"type": "string"},
        "notification_url": _text(500),
    },
}
ERROR: Final[Schema] = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "integer", "minimum": 3000, "maximum": 7999},
        "message": {"type": "string"},
        "param": {"type": "string"},
    },
}


def check(schema: Schema, document: object) -> None:
    """Raises jsonschema.ValidationError with the path of what is wrong."""
    Draft202012Validator(schema).validate(document)
