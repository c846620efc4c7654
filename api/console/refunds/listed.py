"""The list of refunds: its filter as it stands in the address, and what the selects offer."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from api.console import names, typed
from api.console.given import CURRENCIES
from api.console.page import Asked, Data
from api.console.words import N_, _

SECONDS: Final = {
    "ME": N_("Doubts that wait for your word"),
    "ANYBODY": N_("Doubts that wait for another person's word"),
}
_FILTERS: Final = (
    "state", "connection", "method", "store", "since", "until", "person", "reason", "order", "least", "most", "second",
)  # fmt: skip
_LISTS: Final = {
    "state": "statuses",
    "connection": "connectionIds",
    "method": "methods",
    "store": "storeIds",
    "reason": "reasons",
}


def variables(asked: Asked) -> Mapping[str, Any]:
    """The document's. Raises Unsendable."""
    return {"filter": filter_of(asked), "after": asked.text("after")}


def filter_of(asked: Asked) -> dict[str, Any]:
    """The API's filter of what stands in the address. Raises Unsendable."""
    found: dict[str, Any] = {field: asked.texts(name) for name, field in _LISTS.items() if asked.texts(name)}
    for name in ("since", "until"):
        if text := asked.text(name):
            found[name] = typed.day(name, text)
    if asked.text("person"):
        found["needsPerson"] = True
    if second := asked.text("second"):
        found["secondPerson"] = second
    if order := asked.text("order"):
        found["orderReference"] = order
    for name, field in (("least", "amountFrom"), ("most", "amountUntil")):
        if text := asked.text(name):
            found[field] = typed.amount(name, text, asked.text("currency") or CURRENCIES[0])
    return found


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer."""
    merchant = data["viewer"]["merchant"]
    kept = [(name, value) for name, value in asked.query.multi_items() if name in _FILTERS and value]
    return {
        "states": [(name, _(sign.word)) for name, sign in names.STATES.items()],
        "methods": [(name, _(word)) for name, word in names.METHODS.items()],
        "reasons": [(name, _(word)) for name, word in names.REASONS.items()],
        "connections": [(one["id"], one["name"]) for one in merchant["connections"]],
        "stores": [(one["id"], one["name"]) for one in merchant["stores"]],
        "seconds": [(name, _(word)) for name, word in SECONDS.items()],
        "currencies": [(one, one) for one in CURRENCIES],
        "filtered": bool(kept),
        "exported": urlencode(kept),
    }


def cursor(event: Data) -> str | None:
    """The position of a change that came after the page; None: nothing happened."""
    told = event["refundsChanged"]
    return told["event"]["cursor"] if told["__typename"] == "RefundEventMessage" else None
