"""Stripe's shapes (API 2026-06-24.dahlia), draft 2020-12, for all that we send and all that the sandbox answers."""

from typing import Any, Final

import httpx
from jsonschema import Draft202012Validator

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_UNIX: Final[Schema] = {"type": "integer", "minimum": 0}
_CURRENCY: Final[Schema] = {"type": "string", "pattern": "^[a-z]{3}$"}
_MINOR: Final[Schema] = {"type": "integer", "minimum": 0}

# A form, as its names and values.
REFUND_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["amount", "metadata[estorno_reference]"],
    "oneOf": [{"required": ["charge"]}, {"required": ["payment_intent"]}],
    "additionalProperties": False,  # what Stripe does not name, we do not send
    "properties": {
        "charge": {"type": "string", "pattern": "^(ch|py)_"},
        "payment_intent": {"type": "string", "pattern": "^pi_"},
        "amount": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "instructions_email": {"type": "string", "pattern": "@"},
        "metadata[estorno_reference]": {"type": "string", "pattern": "^[0-9a-z]{20}$"},
    },
}
RUN_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["report_type", "parameters[interval_start]", "parameters[interval_end]"],
    "additionalProperties": False,
    "properties": {
        "report_type": {"const": "payout_reconciliation.itemized.5"},
        "parameters[interval_start]": {"type": "string", "pattern": "^[0-9]+$"},
        "parameters[interval_end]": {"type": "string", "pattern": "^[0-9]+$"},
        "parameters[timezone]": {"const": "Etc/UTC"},
        "parameters[columns][]": {"type": "string", "pattern": "^[a-z_]+$"},
    },
}
REFUND: Final[Schema] = {
    "type": "object",
    "required": [
        "id",
        "object",
        "amount",
        "balance_transaction",
        "charge",
        "created",
        "currency",
        "destination_details",
        "metadata",
        "payment_intent",
        "reason",
        "status",
    ],
    "properties": {
        "id": {"type": "string", "pattern": "^(re|pyr)_"},
        "object": {"const": "refund"},
        "amount": _MINOR,
        "balance_transaction": _TEXT_OR_NULL,
        "charge": _TEXT_OR_NULL,
        "created": _UNIX,
        "currency": _CURRENCY,
        "destination_details": {"type": "object", "required": ["type"]},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "payment_intent": _TEXT_OR_NULL,
        "reason": {"enum": [None, "duplicate", "fraudulent", "requested_by_customer"]},
        "status": {"enum": ["pending", "requires_action", "succeeded", "failed", "canceled"]},
        "pending_reason": {"enum": ["charge_pending", "insufficient_funds", "processing"]},
        "failure_reason": {
            "enum": [
                "lost_or_stolen_card",
                "expired_or_canceled_card",
                "charge_for_pending_refund_disputed",
                "insufficient_funds",
                "declined",
                "merchant_request",
                "unknown",
            ]
        },
        "failure_balance_transaction": _TEXT,
        "instructions_email": _TEXT,
        "next_action": {"type": "object", "required": ["type", "display_details"]},
    },
}
REFUNDS: Final[Schema] = {
    "type": "object",
    "required": ["object", "url", "has_more", "data"],
    "properties": {
        "object": {"const": "list"},
        "url": _TEXT,
        "has_more": {"type": "boolean"},
        "data": {"type": "array", "items": REFUND, "maxItems": 100},
    },
}
CHARGE: Final[Schema] = {
    "type": "object",
    "required": ["id", "object", "amount", "amount_captured", "created", "currency", "payment_method_details"],
    "properties": {
        "id": {"type": "string", "pattern": "^(ch|py)_"},
        "object": {"const": "charge"},
        "amount": _MINOR,
        "amount_captured": _MINOR,
        "amount_refunded": _MINOR,
        "created": _UNIX,
        "currency": _CURRENCY,
        "payment_intent": _TEXT_OR_NULL,
        "payment_method_details": {"type": "object", "required": ["type"]},
        "refunds": REFUNDS,
    },
}
PAYMENT_INTENT: Final[Schema] = {
    "type": "object",
    "required": ["id", "object", "amount", "currency", "latest_charge"],
    "properties": {
        "id": {"type": "string", "pattern": "^pi_"},
        "object": {"const": "payment_intent"},
        "latest_charge": {"oneOf": [_TEXT, CHARGE]},
    },
}
ERROR: Final[Schema] = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": {"enum": ["api_error", "card_error", "idempotency_error", "invalid_request_error"]},
                "code": _TEXT,
                "message": _TEXT,
                "param": _TEXT,
            },
        }
    },
}
REPORT_RUN: Final[Schema] = {
    "type": "object",
    "required": ["id", "object", "created", "error", "livemode", "parameters", "report_type", "result", "status"],
    "properties": {
        "id": {"type": "string", "pattern": "^frr_"},
        "object": {"const": "reporting.report_run"},
        "status": {"enum": ["pending", "succeeded", "failed"]},
        "result": {"oneOf": [{"type": "null"}, {"type": "object", "required": ["id", "object", "url"]}]},
    },
}
EVENT: Final[Schema] = {
    "type": "object",
    "required": ["id", "object", "api_version", "created", "data", "livemode", "pending_webhooks", "request", "type"],
    "properties": {
        "id": {"type": "string", "pattern": "^evt_"},
        "object": {"const": "event"},
        "data": {
            "type": "object",
            "required": ["object"],
            "properties": {"object": {"anyOf": [REFUND, CHARGE, REPORT_RUN]}},
        },
    },
}


def form_of(request: httpx.Request) -> dict[str, str]:
    """What a request carries as a form."""
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    return dict(httpx.QueryParams(request.content.decode()))


def check(schema: Schema, document: object) -> None:
    """Raises jsonschema.ValidationError with the path of what is wrong."""
    Draft202012Validator(schema).validate(document)
