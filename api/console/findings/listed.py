"""The work list: its filter as it stands in the address, and what the selects offer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from api.console import happened, names, typed
from api.console.findings.words import SEVERITIES, STATES
from api.console.given import CURRENCIES
from api.console.page import Asked, Data, Unsendable
from api.console.words import N_, _

ORDERS: Final = {
    "DUE": N_("What is due first"),
    "GRAVEST": N_("The gravest first"),
    "NEWEST": N_("The newest first"),
    "OLDEST": N_("The oldest first"),
    "LARGEST": N_("The largest amount first"),
}
_LISTS: Final = {"kind": "kinds", "state": "states", "connection": "connectionIds", "pse": "pses", "store": "storeIds"}
SECONDS: Final = {"ME": N_("Waits for your yes"), "ANYBODY": N_("Waits for another person's yes")}
_DUE: Final = {"overdue": (N_("Overdue"), 0), "week": (N_("Within seven days"), 7)}
_FILTERS: Final = (
    *_LISTS, "severity", "since", "until", "due", "currency", "least", "most", "assignee", "payment", "refund",
    "second",
)  # fmt: skip


def variables(asked: Asked) -> Mapping[str, Any]:
    """The document's. Raises Unsendable."""
    order = asked.text("order") or "DUE"
    if order not in ORDERS:
        raise Unsendable("order", N_("There is no such order."))
    return {"filter": filter_of(asked), "after": asked.text("after"), "order": order}


def filter_of(asked: Asked) -> dict[str, Any]:
    """The API's filter of what stands in the address. Raises Unsendable."""
    found: dict[str, Any] = {field: asked.texts(name) for name, field in _LISTS.items() if asked.texts(name)}
    for name, field in (
        ("severity", "severity"),
        ("payment", "paymentId"),
        ("refund", "refundId"),
        ("second", "secondPerson"),
    ):
        if text := asked.text(name):
            found[field] = text
    for name, field in (("since", "foundFrom"), ("until", "foundUntil")):
        if text := asked.text(name):
            found[field] = typed.day(name, text)
    if (due := asked.text("due")) in _DUE:
        found["dueBefore"] = (datetime.now(UTC) + timedelta(days=_DUE[due][1])).isoformat()
    if who := asked.text("assignee"):
        found["assignee"] = {who: True} if who in ("me", "nobody") else {"personId": who}
    if amount := _amount(asked):
        found["amount"] = amount
    return found


def _amount(asked: Asked) -> dict[str, str]:
    currency = asked.text("currency")
    bounds = {"least": "atLeast", "most": "atMost"}
    found = {
        field: typed.amount(name, text, currency or CURRENCIES[0])["minorUnits"]
        for name, field in bounds.items()
        if (text := asked.text(name))
    }
    return {"currency": currency or CURRENCIES[0], **found} if found or currency else {}


def kept(asked: Asked) -> str:
    """The filter as a query string, for the pages that are about all of it."""
    return urlencode([(name, value) for name, value in asked.query.multi_items() if name in _FILTERS and value])


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer, and the sums by currency."""
    merchant = data["viewer"]["merchant"]
    connections = merchant["connections"]
    kinds = {one["kind"]: one["title"] for one in data["every"]} | (
        {one["kind"]: one["title"] for one in data["findingsSummary"]}
    )
    who = asked.text("assignee")
    held = {one["node"]["assigneeId"]: one["node"]["assignee"] for one in data["findings"]["edges"]}
    people = [("me", _("You")), ("nobody", _("Nobody"))]
    people += [(one["personId"], one["name"]) for one in data.get("colleagues") or ()]
    if who and who not in dict(people):
        people.append((who, happened.who(str(held.get(who) or who))))
    return {
        "kinds": sorted(kinds.items(), key=lambda one: one[1]),
        "states": [(name, _(sign.word)) for name, sign in STATES.items()],
        "severities": [(name, _(sign.word)) for name, sign in SEVERITIES.items()],
        "connections": [(one["id"], one["name"]) for one in connections],
        "pses": [(one, names.pse(one)) for one in sorted({one["pse"] for one in connections})],
        "names": {one["id"]: one["name"] for one in connections},
        "stores": [(one["id"], one["name"]) for one in merchant["stores"]],
        "people": people,
        "seconds": [(name, _(word)) for name, word in SECONDS.items()],
        "dues": [(name, _(word)) for name, (word, _days) in _DUE.items()],
        "orders": [(name, _(word)) for name, word in ORDERS.items()],
        "order": asked.text("order") or "DUE",
        "currencies": [(one, one) for one in CURRENCIES],
        "kept": kept(asked),
        "count": sum(one["count"] for one in data["findingsSummary"]),
        "sums": _sums(data["findingsSummary"]),
        "STATES_OF": STATES,
        "SEVERITIES": SEVERITIES,
    }


def _sums(groups: Any) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in groups:
        amount = one["amount"]
        sum_ = found.setdefault(amount["currency"], {**amount, "minorUnits": 0})
        sum_["minorUnits"] += int(amount["minorUnits"])
    return [found[one] for one in sorted(found)]
