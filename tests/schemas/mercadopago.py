"""Mercado Pago's shapes (its developer pages and SDKs), for all that we send and all that the sandbox answers."""

from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]

_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_AMOUNT: Final[Schema] = {"type": "number", "minimum": 0}

REFUND_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["amount"],  # by the API it may be left out for all that is left; we never leave it out
    "additionalProperties": False,
    "properties": {"amount": {"type": "number", "exclusiveMinimum": 0}},
}
REFUND: Final[Schema] = {
    "type": "object",
    "required": ["id", "payment_id", "amount", "date_created", "source", "refund_mode", "status"],
    "properties": {
        "id": {"type": "integer"},
        "payment_id": {"type": "integer"},
        "amount": _AMOUNT,
        "date_created": _MOMENT,
        "source": {
            "type": "object",
            "required": ["id", "name", "type"],
            "properties": {name: {"type": "string"} for name in ("id", "name", "type")},
        },
        "refund_mode": {"type": "string"},
        "status": {"enum": ["approved", "in_process", "rejected"]},
        "unique_sequence_number": {"type": ["string", "null"]},
        "amount_refunded_to_payer": _AMOUNT,
        "adjustment_amount": _AMOUNT,
        "reason": {"type": ["string", "null"]},
        "labels": {"type": "array"},
        "metadata": {"type": "object"},
    },
}
REFUNDS: Final[Schema] = {"type": "array", "items": REFUND}
PAYMENT: Final[Schema] = {
    "type": "object",
    "required": ["id", "status", "currency_id", "transaction_amount", "transaction_amount_refunded", "refunds"],
    "properties": {
        "id": {"type": "integer"},
        "status": {"type": "string"},
        "currency_id": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "date_approved": _MOMENT,
        "transaction_amount": _AMOUNT,
        "transaction_amount_refunded": _AMOUNT,
        "external_reference": {"type": ["string", "null"]},
        "refunds": REFUNDS,
    },
}
PROBLEM: Final[Schema] = {
    "type": "object",
    "required": ["message", "error", "status"],
    "properties": {
        "message": {"type": "string"},
        "error": {"type": "string"},
        "status": {"type": "integer"},
        "cause": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "description"],
                "properties": {"code": {"type": ["integer", "string"]}, "description": {"type": "string"}},
            },
        },
    },
}
WEBHOOK: Final[Schema] = {
    "type": "object",
    "required": ["action", "api_version", "data", "date_created", "id", "live_mode", "type", "user_id"],
    "properties": {
        "data": {"type": "object", "required": ["id"]},
        "type": {"type": "string"},
        "action": {"type": "string"},
    },
}
REPORT_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["begin_date", "end_date"],
    "additionalProperties": False,
    # Milliseconds are refused, with words that say something else.
    "properties": {name: {**_MOMENT, "pattern": r"^[0-9T:-]{19}Z$"} for name in ("begin_date", "end_date")},
}
REPORT_CONFIG: Final[Schema] = {
    "type": "object",
    "required": ["columns", "file_name_prefix", "frequency"],
    "properties": {
        "columns": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}},
        },
        "file_name_prefix": {"type": "string"},
        "frequency": {
            "type": "object",
            "required": ["hour", "type", "value"],
            "properties": {"type": {"enum": ["daily", "weekly", "monthly"]}},
        },
        **{name: {"type": "boolean"} for name in ("refund_detailed", "include_withdrawal_at_end", "scheduled")},
        "report_translation": {"enum": ["en", "es", "pt"]},
        "separator": {"enum": [",", ";"]},
    },
}
REPORT_LIST: Final[Schema] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "begin_date", "end_date", "file_name", "created_from", "date_created"],
        "properties": {
            "id": {"type": "integer"},
            "begin_date": _MOMENT,
            "end_date": _MOMENT,
            "file_name": {"type": "string"},
            "date_created": _MOMENT,
            "status": {"enum": ["enabled", "pending"]},
        },
    },
}


def check(schema: Schema, document: object) -> None:
    """Raises jsonschema.ValidationError with the path of what is wrong."""
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)
