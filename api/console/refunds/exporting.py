"""Exporting refunds: what is asked for, and the files that were made, of what else is exported elsewhere, too."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import names, typed
from api.console.formats import way
from api.console.given import CURRENCIES
from api.console.page import Asked, Data, Done
from api.console.words import N_, _

_KINDS: Final = {
    "AUDIT": N_("Audit log"),
    "FINDINGS": N_("Findings"),
    "LEDGER": N_("Postings"),
    "PAYMENTS": N_("Payments"),
    "REFUNDS": N_("Refunds"),
    "TRIAL_BALANCE": N_("Trial balance"),
    "VAT": N_("VAT"),
}
_SIGNS: Final = {
    "QUEUED": ("○", N_("Waiting"), "wait"),
    "RUNNING": ("○", N_("Being made"), "wait"),
    "DONE": ("●", N_("Ready"), "ok"),
    "FAILED": ("✕", N_("Failed"), "bad"),
    "EXPIRED": ("–", N_("Deleted after seven days"), "gone"),
}


FIELDS: Final = {
    "filter.since": "since",
    "filter.until": "until",
    "filter.connectionId": "connection",
    "filter.amountFrom": "least",
    "filter.amountUntil": "most",
    "filter.orderReference": "order",
}


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer, and the words of what was made."""
    merchant = data["viewer"]["merchant"]
    kind = _KINDS.get(asked.text("kind") or "REFUNDS", _KINDS["REFUNDS"])
    is_of_refunds = kind == _KINDS["REFUNDS"]
    return {
        "is_of_refunds": is_of_refunds,
        "exported": _("Export refunds") if is_of_refunds else _("Export: %(what)s") % {"what": _(kind)},
        "connections": [(one["id"], one["name"]) for one in merchant["connections"]],
        "stores": [(one["id"], one["name"]) for one in merchant["stores"]],
        "states": [(name, _(sign.word)) for name, sign in names.STATES.items()],
        "methods": [(name, _(word)) for name, word in names.METHODS.items()],
        "reasons": [(name, _(word)) for name, word in names.REASONS.items()],
        "currencies": [(one, one) for one in CURRENCIES],
        "kinds": _KINDS,
        "under_way": any(one["node"]["state"] in ("QUEUED", "RUNNING") for one in data["exports"]["edges"]),
        "signs": {name: (mark, _(word), tone) for name, (mark, word, tone) in _SIGNS.items()},
    }


def input_of(asked: Asked) -> Mapping[str, Any]:
    """The mutation's. Raises Unsendable."""
    narrowed: dict[str, Any] = {}
    for name in ("since", "until"):
        if text := asked.given(name):
            narrowed[name] = typed.day(name, text)
    for name, field in (("connection", "connectionId"), ("store", "storeId")):
        if given := asked.given(name):
            narrowed[field] = given
    for name, field in (("state", "statuses"), ("method", "methods"), ("reason", "reasons")):
        if several := asked.all_given(name):
            narrowed[field] = several
    if order := asked.given("order"):
        narrowed["orderReference"] = order
    if asked.given("person"):
        narrowed["needsPerson"] = True
    for name, field in (("least", "amountFrom"), ("most", "amountUntil")):
        if text := asked.given(name):
            narrowed[field] = typed.amount(name, text, asked.given("currency") or CURRENCIES[0])
    kind, format_ = "REFUNDS", asked.given("format")
    return {
        "kind": kind,
        "format": format_,
        "filter": narrowed,
        "locale": way.get().language,
        "idempotencyKey": asked.given("key"),
    }


def done(asked: Asked, payload: Data) -> Done:
    """Back to the list of what is made."""
    return Done("/console/refunds/export", _("The file is being made."))
