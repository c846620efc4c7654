"""What can be told: every type of event, what it says, and its JSON Schema. The same type has one schema, always.

A thin body has the names of things alone, a fat one their facts as well; one schema holds for both.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.access.permissions import Permission
from domain.models.refunds import State

Schema = Mapping[str, Any]
TEST: Final = "estorno.test"
NEEDS_PERSON: Final = "refund.needs_person"
DEED: Final = "deed"
_OUTSIDE: Final[Mapping[State, str]] = {State.SUCCEEDED: "success"}  # else the state in small letters
_WANTED: Final = re.compile(r"[a-z]{1,20}\.(?:[a-z_]{1,43}|\*)|\*")
_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_MAYBE_ID: Final[Schema] = {"type": ["string", "null"], "format": "uuid"}
_TEXT: Final[Schema] = {"type": "string"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_MONEY: Final[Schema] = {
    "type": "object",
    "properties": {
        "minorUnits": {"type": "string", "pattern": "^-?[0-9]{1,19}$"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "exponent": {"type": ["integer", "null"], "minimum": 0, "maximum": 4},
    },
    "required": ["minorUnits", "currency", "exponent"],
    "additionalProperties": False,
}
_STATES: Final[Schema] = {"type": "string", "enum": [state.value for state in State]}
# What each kind of object tells of itself in a fat body.
_REFUND: Final[Mapping[str, Schema]] = {
    "reference": _TEXT,
    "state": _STATES,
    "previousState": {"type": ["string", "null"], "enum": [*(state.value for state in State), None]},
    "amount": _MONEY,
    "paymentId": _ID,
    "connectionId": _ID,
    "storeId": _ID,
    "pse": _TEXT,
    "orderReference": _MAYBE_TEXT,
    "code": _MAYBE_TEXT,
    "requestId": _TEXT,
}
_FINDING: Final[Mapping[str, Schema]] = {
    "findingKind": _TEXT,
    "severity": {"type": "integer", "minimum": 1, "maximum": 4},
    "amount": _MONEY,
    "connectionId": _ID,
    "refundId": _MAYBE_ID,
    "paymentId": _MAYBE_ID,
    "dueAt": _MAYBE_MOMENT,
}
_RESOLVED: Final[Mapping[str, Schema]] = {**_FINDING, "reason": _MAYBE_TEXT, "byPerson": {"type": "boolean"}}
_NIGHT: Final[Mapping[str, Schema]] = {
    "connectionId": _ID,
    "businessDate": {"type": "string", "format": "date"},
    "times": _COUNT,
}
_CONNECTION: Final[Mapping[str, Schema]] = {
    "pse": _TEXT,
    "state": _TEXT,
    "previousState": _TEXT,
    "since": _MAYBE_MOMENT,
}
_ENDPOINT: Final[Mapping[str, Schema]] = {"name": _TEXT, "kind": _TEXT, "since": _MAYBE_MOMENT, "reason": _TEXT}
_USAGE: Final[Mapping[str, Schema]] = {
    "counter": _TEXT,
    "percent": _COUNT,
    "used": _COUNT,
    "limit": _COUNT,
    "hard": {"type": "boolean"},
    "month": {"type": "string", "format": "date"},
}
# The shop's own name of it, and as much as it said: without an amount it is all that is left, or unclear.
_SHOP_REFUND: Final[Mapping[str, Schema]] = {
    "shopId": _ID,
    "shop": _TEXT,
    "name": _MAYBE_TEXT,
    "state": _TEXT,
    "why": _MAYBE_TEXT,
    "amount": {**_MONEY, "type": ["object", "null"]},
    "orderReference": _MAYBE_TEXT,
    "orderNumber": _MAYBE_TEXT,
    "paymentId": _MAYBE_ID,
    "refundId": _MAYBE_ID,
    "since": _MAYBE_MOMENT,
}
_SHOP: Final[Mapping[str, Schema]] = {"name": _TEXT, "kind": _TEXT, "state": _TEXT, "since": _MAYBE_MOMENT}
_DEED: Final[Mapping[str, Schema]] = {
    "operation": _TEXT,
    "ofKind": _TEXT,
    "ofId": _TEXT,
    "actor": _TEXT,
    "outcome": _TEXT,
    "requestId": _TEXT,
}


# What of the merchant's is read with a permission is told to nobody without it; the rest to whoever manages news.
NEEDS: Final[Mapping[str, Permission]] = {
    "refund": Permission.READ,
    "finding": Permission.READ_LEDGER,
    "night": Permission.READ_LEDGER,
    "shop": Permission.READ,
    "shop_refund": Permission.READ,
    DEED: Permission.READ_AUDIT,
    "alert": Permission.READ,  # of all stores, and the digest, which has their sums; no type that a webhook wants
}


@dataclass(frozen=True, slots=True)
class EventType:
    """A type. `object`: what it is about, as `data.object` says; `facts`: what a fat body has besides the names."""

    name: str
    object: str
    said: str
    facts: Mapping[str, Schema]


def of_state(state: State) -> str:
    """What a refund's arrival in a state is called."""
    return f"refund.{_OUTSIDE.get(state, state.value.lower())}"


_SAID: Final[Mapping[State, str]] = {
    State.AWAITING_DESTINATION: "A refund waits for the customer's account.",
    State.AWAITING_APPROVAL: "A refund waits for another person's yes.",
    State.REQUESTED: "A refund is cleared to go to the PSE, or has to be sent again.",
    State.SUBMITTED: "A refund is being sent: the PSE may or may not have it.",
    State.PENDING: "The PSE has the refund and has not decided.",
    State.MANUAL: "A person pays the refund at the PSE or the bank.",
    State.SUCCEEDED: "The money has left for the customer. It can still come back (refund.returned).",
    State.RETURNED: "The money came back; the customer does not have it.",
    State.FAILED: "The PSE refused the refund.",
    State.REJECTED: "Another person said no.",
    State.CANCELED: "The refund was withdrawn before it was sent.",
    State.EXPIRED: "Nobody decided in time.",
}
TYPES: Final[Sequence[EventType]] = (
    *(EventType(of_state(state), "refund", _SAID[state], _REFUND) for state in State),
    EventType(NEEDS_PERSON, "refund", "What became of a refund can be said by a person alone.", _REFUND),
    EventType("finding.opened", "finding", "The books found something that a person must look at.", _FINDING),
    EventType("finding.resolved", "finding", "A finding is done with.", _RESOLVED),
    EventType("finding.reopened", "finding", "A finding that was done with is open again.", _FINDING),
    EventType("night.completed", "night", "A business date of a connection was reconciled.", _NIGHT),
    EventType("night.contradicted", "night", "It was reconciled, and a report contradicts itself.", _NIGHT),
    EventType("night.no_report", "night", "It was looked at, and there is no report of it.", _NIGHT),
    EventType("night.late", "night", "Its report is late by the PSE's own calendar.", _NIGHT),
    EventType("night.failed", "night", "It could not be reconciled; it is tried again by itself.", _NIGHT),
    EventType("connection.state_changed", "connection", "A connection has another state.", _CONNECTION),
    EventType("connection.failing", "connection", "The PSE refuses our access: nothing is sent.", _CONNECTION),
    EventType("connection.recovered", "connection", "The PSE takes our access again.", _CONNECTION),
    EventType("connection.down", "connection", "The PSE answers nobody: it is left alone for a while.", _CONNECTION),
    EventType("connection.up", "connection", "The PSE answers again.", _CONNECTION),
    EventType(
        "approval.waiting", "approval", "Something other than a refund waits for a second person.", {"of": _TEXT}
    ),
    EventType("endpoint.failing", "endpoint", "An endpoint has been failing for 1, 24 or 72 hours.", _ENDPOINT),
    EventType("endpoint.recovered", "endpoint", "An endpoint that had been failing takes news again.", _ENDPOINT),
    EventType("endpoint.paused", "endpoint", "Nothing is sent to an endpoint until a person resumes it.", _ENDPOINT),
    EventType("shop.refund_waiting", "shop_refund", "A refund of a shop waits for a person.", _SHOP_REFUND),
    EventType("shop.refund_settled", "shop_refund", "It waits for nobody any more.", _SHOP_REFUND),
    EventType("shop.failing", "shop", "A shop does not answer as it should.", _SHOP),
    EventType("shop.recovered", "shop", "A shop answers again.", _SHOP),
    EventType("usage.reached", "usage", "A quota of the plan is used to 80 or 100 %, once in a month.", _USAGE),
    EventType("deed.change", DEED, "Somebody did something (docs/audit.md).", _DEED),
    EventType("deed.read", DEED, "Somebody read what is sensitive.", _DEED),
    EventType("deed.refused", DEED, "Somebody was refused.", _DEED),
    EventType(TEST, "test", "A test of the endpoint.", {"said": _TEXT}),
)
BY_NAME: Final[Mapping[str, EventType]] = {one.name: one for one in TYPES}


def wants(wanted: Sequence[str], name: str) -> bool:
    """Whether a list of names, `refund.*` or `*` has this one. A test goes wherever it is sent."""
    return name in wanted or "*" in wanted or f"{name.partition('.')[0]}.*" in wanted


def needed(wanted: Sequence[str]) -> frozenset[Permission]:
    """What one must be allowed to read, in all stores, to have these told."""
    return frozenset(NEEDS[one.object] for one in TYPES if one.object in NEEDS and wants(wanted, one.name))


def unknown(wanted: Sequence[str]) -> list[str]:
    """Those of a list that name no type of ours."""
    families = {one.name.partition(".")[0] for one in TYPES}
    return [
        one
        for one in wanted
        if not (
            _WANTED.fullmatch(one) and (one == "*" or one in BY_NAME or one.endswith(".*") and one[:-2] in families)
        )
    ]


def schema(one: EventType) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the whole body. Facts that a thin body leaves out are not required."""
    names: dict[str, Any] = {
        "merchantId": _ID,
        "object": {"const": one.object},
        "id": _TEXT,
        "position": {"type": ["integer", "null"], "minimum": 1},
        "sequence": {"type": ["integer", "null"], "minimum": 1},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": one.name,
        "description": one.said,
        "type": "object",
        "properties": {
            "type": {"const": one.name},
            "timestamp": _MOMENT,
            "data": {
                "type": "object",
                "properties": {**names, **one.facts},
                "required": list(names),
                "additionalProperties": False,
            },
        },
        "required": ["type", "timestamp", "data"],
        "additionalProperties": False,
    }
