"""A sample of each type, as it is sent: to look at, and to try a receiver with."""

from collections.abc import Mapping
from typing import Any, Final

from domain.deliveries.catalogue import BY_NAME, NEEDS_PERSON, EventType, of_state
from domain.models.refunds import State

_MERCHANT: Final = "0b7b2d0e-5c1f-4a57-9a3e-3f1f7a0c1d11"
_CONNECTION: Final = "6c9d0c55-13e0-4f6e-9a6f-1f0f6f8d2b22"
_REFUND: Final = "9f1b7a62-7c0a-4d8e-8a55-5d2a8f0b3c33"
_PAYMENT: Final = "2d4c6e88-1a2b-4c3d-8e9f-7a6b5c4d3e44"
_STORE: Final = "4e6a8c10-3b5d-4f7a-9c1e-8b0d2f4a6c55"
_AT: Final = "2026-11-24T15:04:05Z"
_MONEY: Final = {"minorUnits": "12990", "currency": "BRL", "exponent": 2}
_BEFORE: Final[Mapping[State, State | None]] = {
    State.AWAITING_DESTINATION: None,
    State.AWAITING_APPROVAL: None,
    State.REQUESTED: None,
    State.SUBMITTED: State.REQUESTED,
    State.MANUAL: State.REQUESTED,
    State.REJECTED: State.AWAITING_APPROVAL,
    State.CANCELED: State.REQUESTED,
    State.EXPIRED: State.AWAITING_APPROVAL,
    State.PENDING: State.SUBMITTED,
    State.SUCCEEDED: State.PENDING,
    State.FAILED: State.PENDING,
    State.RETURNED: State.SUCCEEDED,
}
_STATES: Final = {of_state(state): state for state in State}
_FACTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "finding": {
        "findingKind": "MISSING_IN_REPORT",
        "severity": 3,
        "amount": _MONEY,
        "connectionId": _CONNECTION,
        "refundId": _REFUND,
        "paymentId": _PAYMENT,
        "dueAt": _AT,
    },
    "night": {"connectionId": _CONNECTION, "businessDate": "2026-11-23", "times": 1},
    "connection": {"pse": "pix", "state": "ACTIVE", "previousState": "ACTIVE", "since": _AT},
    "approval": {"of": "finding_resolution"},
    "endpoint": {"name": "orders", "kind": "WEBHOOK", "since": _AT, "reason": "your server answered 500"},
    "shop_refund": {
        "shopId": _CONNECTION,
        "shop": "Loja virtual",
        "name": "R-17",
        "state": "WAITING",
        "why": "NO_PAYMENT",
        "amount": _MONEY,
        "orderReference": "order-1001",
        "orderNumber": None,
        "paymentId": None,
        "refundId": None,
        "since": _AT,
    },
    "shop": {"name": "Loja virtual", "kind": "SHOPIFY", "state": "ACTIVE", "since": _AT},
    "deed": {
        "operation": "tokenCreate",
        "ofKind": "token",
        "ofId": _PAYMENT,
        "actor": "Ana <ana@shop.example>",
        "outcome": "DONE",
        "requestId": "req_sample",
    },
    "usage": {
        "counter": "REFUNDS",
        "percent": 80,
        "used": 8_000,
        "limit": 10_000,
        "hard": False,
        "month": "2026-11-01",
    },
    "test": {"said": "This is a test of Estorno."},
}


def sample(name: str) -> dict[str, Any]:
    """The body of a fat event of this type. Raises KeyError for none of ours."""
    one = BY_NAME[name]
    facts = _refund(name) if one.object == "refund" else dict(_FACTS[one.object])
    if "byPerson" in one.facts:
        facts |= {"reason": "EXPLAINED", "byPerson": True}
    return {"type": name, "timestamp": _AT, "data": {**_names(one), **facts}}


def _names(one: EventType) -> dict[str, Any]:
    is_refund = one.object == "refund"
    return {
        "merchantId": _MERCHANT,
        "object": one.object,
        "id": _REFUND if is_refund else _PAYMENT,
        "position": None if one.object == "test" else 42,
        "sequence": 4 if is_refund else None,
    }


def _refund(name: str) -> dict[str, Any]:
    state = State.SUBMITTED if name == NEEDS_PERSON else _STATES[name]
    before = state if name == NEEDS_PERSON else _BEFORE[state]
    return {
        "reference": "r3fund0fsample000001",
        "state": state.value,
        "previousState": before.value if before else None,
        "amount": _MONEY,
        "paymentId": _PAYMENT,
        "connectionId": _CONNECTION,
        "storeId": _STORE,
        "pse": "pix",
        "orderReference": "order-1001",
        "code": "INSUFFICIENT_BALANCE" if state is State.FAILED else None,
        "requestId": "req_sample",
    }
