"""Adyen's shapes (Checkout API v72, Webhooks v1), draft 2020-12, for what we send and what the sandbox says."""

from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]

PSP_REFERENCE: Final[Schema] = {"type": "string", "pattern": "^[A-Z0-9]{16}$"}
AMOUNT: Final[Schema] = {
    "type": "object",
    "required": ["value", "currency"],
    "additionalProperties": False,
    "properties": {"value": {"type": "integer"}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
}
REASON: Final[Schema] = {"enum": ["FRAUD", "CUSTOMER REQUEST", "RETURN", "DUPLICATE", "OTHER"]}
REFUND_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["amount", "merchantAccount", "reference"],  # reference: ours to require, it is how a webhook finds us
    "additionalProperties": False,  # what the spec does not name, we do not send
    "properties": {
        "amount": AMOUNT,
        "merchantAccount": {"type": "string", "minLength": 1},
        "reference": {"type": "string", "minLength": 1, "maxLength": 80},
        "merchantRefundReason": REASON,
    },
}
REFUND_RESPONSE: Final[Schema] = {
    "type": "object",
    "required": ["amount", "merchantAccount", "paymentPspReference", "pspReference", "status"],
    "additionalProperties": False,
    "properties": {
        "amount": AMOUNT,
        "merchantAccount": {"type": "string"},
        "paymentPspReference": PSP_REFERENCE,
        "pspReference": PSP_REFERENCE,
        "reference": {"type": "string", "maxLength": 80},
        "merchantRefundReason": REASON,
        "status": {"const": "received"},
    },
}
SERVICE_ERROR: Final[Schema] = {
    "type": "object",
    "required": ["status", "errorCode", "message", "errorType"],
    "additionalProperties": False,
    "properties": {
        "status": {"type": "integer"},
        "errorCode": {"type": "string"},
        "message": {"type": "string"},
        "errorType": {"enum": ["validation", "security", "configuration", "internal"]},
        "pspReference": PSP_REFERENCE,
    },
}
_ITEM: Final[Schema] = {
    "type": "object",
    "required": [
        "additionalData",
        "amount",
        "eventCode",
        "eventDate",
        "merchantAccountCode",
        "merchantReference",
        "pspReference",
        "reason",
        "success",
    ],
    "additionalProperties": False,
    "properties": {
        "additionalData": {
            "type": "object",
            "required": ["hmacSignature"],
            "additionalProperties": {"type": "string"},
        },
        "amount": AMOUNT,
        "eventCode": {"type": "string", "pattern": "^[A-Z_]+$"},
        "eventDate": {"type": "string", "format": "date-time"},
        "merchantAccountCode": {"type": "string"},
        "merchantReference": {"type": "string"},
        "originalReference": PSP_REFERENCE,
        "paymentMethod": {"type": "string"},
        "pspReference": {"type": "string"},
        "reason": {"type": "string"},
        "success": {"enum": ["true", "false"]},
    },
}
WEBHOOK: Final[Schema] = {
    "type": "object",
    "required": ["live", "notificationItems"],
    "additionalProperties": False,
    "properties": {
        "live": {"enum": ["true", "false"]},
        "notificationItems": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["NotificationRequestItem"],
                "additionalProperties": False,
                "properties": {"NotificationRequestItem": _ITEM},
            },
        },
    },
}


def check(schema: Schema, document: object) -> None:
    """Raises jsonschema.ValidationError with the path of what is wrong."""
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)
