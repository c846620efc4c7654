"""Conekta's shapes (conekta/openapi 2.3.0), draft 2020-12, for all that we send and all that the sandbox answers."""

from typing import Any, Final

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_UNIX: Final[Schema] = {"type": "integer", "minimum": 0}
_CURRENCY: Final[Schema] = {"type": "string", "pattern": "^[A-Z]{3}$"}


def _list_of(item: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["object", "has_more", "data"],
        "properties": {
            "object": {"const": "list"},
            "has_more": {"type": "boolean"},
            "next_page_url": _TEXT,
            "data": {"type": "array", "items": item, "maxItems": 250},
        },
    }


REFUND_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["amount", "reason"],
    "additionalProperties": False,  # what the spec does not name, we do not send
    "properties": {
        "amount": {"type": "integer", "minimum": 1},
        "reason": {
            "enum": [
                "requested_by_client",
                "cannot_be_fulfilled",
                "duplicated_transaction",
                "suspected_fraud",
                "other",
            ]
        },
        "expires_at": _UNIX,
    },
}
REFUND: Final[Schema] = {
    "type": "object",
    "required": ["amount", "created_at", "id", "object"],
    "properties": {
        "id": _TEXT,
        "object": {"const": "refund"},
        "amount": {"type": "integer", "maximum": -1},
        "created_at": _UNIX,
        "auth_code": _TEXT,
        "expires_at": _UNIX,
        "status": _TEXT,
    },
}
CHARGE: Final[Schema] = {
    "type": "object",
    "required": ["created_at", "currency", "id", "livemode", "object", "order_id", "status"],
    "properties": {
        "id": _TEXT,
        "object": {"const": "charge"},
        "amount": {"type": "integer", "minimum": 1},
        "currency": _CURRENCY,
        "created_at": _UNIX,
        "paid_at": _UNIX,
        "order_id": _TEXT,
        "payment_method": {"type": "object", "required": ["object"]},
        "refunds": _list_of(REFUND),
        "status": _TEXT,
    },
}
ORDER: Final[Schema] = {
    "type": "object",
    "required": ["amount", "created_at", "currency", "id", "livemode", "object"],
    "properties": {
        "id": {"type": "string", "pattern": "^ord_"},
        "object": {"const": "order"},
        "amount": {"type": "integer", "minimum": 1},
        "amount_refunded": {"type": "integer", "minimum": 0},
        "charges": _list_of(CHARGE),
        "created_at": _UNIX,
        "currency": _CURRENCY,
        "is_refundable": {"type": "boolean"},
        "livemode": {"type": "boolean"},
        "metadata": {"type": "object"},
        "payment_status": _TEXT,
        "updated_at": _UNIX,
    },
}
ORDERS: Final = _list_of(ORDER)
TRANSACTION: Final[Schema] = {
    "type": "object",
    "required": [
        "amount",
        "charge",
        "created_at",
        "currency",
        "fee",
        "id",
        "livemode",
        "net",
        "object",
        "status",
        "type",
    ],
    "properties": {
        "id": _TEXT,
        "object": {"const": "transaction"},
        "amount": {"type": "integer"},
        "fee": {"type": "integer"},
        "net": {"type": "integer"},
        "charge": _TEXT,
        "created_at": _UNIX,
        "currency": _CURRENCY,
        "livemode": {"type": "boolean"},
        "status": _TEXT,
        "type": _TEXT,
    },
}
TRANSACTIONS: Final = _list_of(TRANSACTION)
ERROR: Final[Schema] = {
    "type": "object",
    "required": ["details", "type", "log_id", "object"],
    "properties": {
        "details": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string", "pattern": r"^conekta\.errors\."}, "message": _TEXT},
            },
        },
        "type": {"type": "string", "pattern": "_error$"},
        "log_id": _TEXT,
        "object": {"const": "error"},
    },
}
EVENT: Final[Schema] = {
    "type": "object",
    "required": ["id", "type", "created_at", "data", "livemode", "object"],
    "properties": {
        "id": _TEXT,
        "object": {"const": "event"},
        "type": {"type": "string", "pattern": r"^\w+\.\w+$"},
        "data": {"type": "object", "required": ["object", "previous_attributes"], "properties": {"object": ORDER}},
    },
}


def check(schema: Schema, document: object) -> None:
    """Raises jsonschema.ValidationError with the path of what is wrong."""
    Draft202012Validator(schema).validate(document)
