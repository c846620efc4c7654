"""The rules of approval: what holds in words, and proposing, confirming, withdrawing and ending."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.console import names, typed
from api.console.formats import money
from api.console.given import CURRENCIES
from api.console.page import Asked, Data, Done, Unsendable
from api.console.words import N_, _
from domain.money import exponent_of

FIELDS: Final = {"when.amounts": "amount", "steps": "of", "ruleId": "rule", "when": "amount"}
_HERE: Final = "/console/todo/rules"
_WHOSE: Final = {"STAFF": N_("somebody of yours"), "CUSTOMER": N_("the customer")}
_LIMITS: Final = ("settlementLimits", "findingLimits")
_CURRENCY_OF: Final = {
    "BR": "BRL", "MX": "MXN", "CO": "COP", "CL": "CLP", "PE": "PEN", "AR": "ARS", "UY": "UYU", "PY": "PYG", "BO": "BOB",
    "EC": "USD", "CR": "CRC", "GT": "GTQ", "HN": "HNL", "NI": "NIO", "DO": "DOP", "PA": "PAB", "SV": "USD",
}  # fmt: skip
_CONDITIONS: Final = {
    "amounts": N_("at or above"),
    "methods": N_("method"),
    "pses": N_("PSE"),
    "stores": N_("store"),
    "older_than_days": N_("payment older than, in days"),
    "reasons": N_("reason"),
    "requester_roles": N_("asked for by role"),
    "requester_is_program": N_("asked for by a program"),
    "requester_ids": N_("asked for by"),
    "refunded_before": N_("refunded before"),
    "outside": N_("asked for outside of"),
    "destination_kinds": N_("kind of account"),
    "whose_word": N_("whose word the account is"),
    "other_holder": N_("the holder is not known to be the payer"),
    "unproven": N_("nobody has confirmed the payment"),
}


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """Conditions in words, and what the selects offer."""
    waiting = [edge["node"] for edge in data["waiting"]["edges"]]
    own = [("APPROVAL", one["name"]) for one in data["approvalRules"] if not one["isDefault"]]
    own += [("CAP", one["name"]) for one in data["velocityCaps"]]
    country = data["viewer"]["merchant"]["country"]
    limits = {name: {one["currency"]: int(one["minorUnits"]) for one in data[name]} for name in _LIMITS}
    return {
        "rules": [{**one, "conditions": conditions(one["when"], country)} for one in data["approvalRules"]],
        "limits": {name: amounts(found, country) for name, found in limits.items()},
        "waiting": [(one["id"], f"{one['name']} ({one['proposedBy'].split(' <')[0]})") for one in waiting],
        "own": [(f"{kind} {name}", name) for kind, name in own],
        "currencies": [(one, one) for one in CURRENCIES],
        "methods": [(name, _(word)) for name, word in names.METHODS.items()],
        "reasons": [(name, _(word)) for name, word in names.REASONS.items()],
    }


def conditions(when: str, country: str) -> Sequence[tuple[str, str, Sequence[str]]]:
    """Each condition's word, its value in the reader's way, and what of it is for other currencies."""
    told: Mapping[str, Any] = json.loads(when)
    found = []
    for name, value in told.items():
        first, others = amounts(value, country) if name == "amounts" else (_value(name, value), ())
        found.append((_(_CONDITIONS[name]) if name in _CONDITIONS else name, first, others))
    return found


def amounts(told: Mapping[str, int], country: str) -> tuple[str, Sequence[str]]:
    """The amount in the merchant's own currency (else all of them), and those in others."""
    own = _CURRENCY_OF.get(country)
    if own is None or own not in told:
        return ", ".join(_amount(currency, units) for currency, units in told.items()), ()
    return _amount(own, told[own]), [_amount(one, units) for one, units in told.items() if one != own]


def _value(name: str, value: Any) -> str:
    if value is True:
        return _("yes")
    if isinstance(value, list):
        return ", ".join(_one(name, str(one)) for one in value)
    return json.dumps(value) if isinstance(value, dict) else _one(name, str(value))


def _one(name: str, value: str) -> str:
    if name == "whose_word":
        return names.word(_WHOSE, value)
    words = {"methods": names.method, "pses": names.pse, "reasons": names.reason, "requester_roles": names.role}
    return words[name](value) if name in words else value


def _amount(currency: str, units: int) -> str:
    if currency == "*":  # what stands for every other currency
        return _("any amount of another currency")
    return money({"minorUnits": units, "currency": currency, "exponent": exponent_of(currency)})


def propose_input(asked: Asked) -> Mapping[str, Any]:
    """The mutation's. Raises Unsendable."""
    name, why = asked.given("name"), asked.given("why")
    if name is None:
        raise Unsendable("name", N_("Give it a name, as HIGH_VALUE."))
    if why is None:
        raise Unsendable("why", N_("Say in one sentence why, for those who must say yes."))
    count = typed.number("count", asked.given("count") or "1", 1, 9)
    found: dict[str, Any] = {"name": name, "why": why, "when": _when(asked)}
    found["steps"] = [{"of": asked.given("of") or "APPROVE", "count": count}]
    if hours := asked.given("hours"):
        found["hours"] = typed.number("hours", hours, 1, 10_000)
    return found


def _when(asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if text := asked.given("amount"):
        found["amounts"] = [typed.amount("amount", text, asked.given("currency") or CURRENCIES[0])]
    for name, field in (("method", "methods"), ("reason", "reasons"), ("role", "requesterRoles")):
        if given := asked.given(name):
            found[field] = [given]
    if asked.given("otherHolder"):
        found["otherHolder"] = True
    return found


def proposed(asked: Asked, payload: Data) -> Done:
    """Whether it holds, or waits."""
    stands = payload["change"]["startedAt"] is not None
    said = _("It holds from now on.") if stands else _("It lets more through, so another person must confirm it first.")
    return Done(_HERE, said)


def chosen(asked: Asked) -> Mapping[str, Any]:
    """Which of what waits. Raises Unsendable."""
    rule = asked.given("rule")
    if rule is None:
        raise Unsendable("rule", N_("Say which."))
    return {"ruleId": rule}


def confirmed(asked: Asked, payload: Data) -> Done:
    """Back to the rules."""
    return Done(_HERE, _("It is confirmed, and holds from now on."))


def withdrawn(asked: Asked, payload: Data) -> Done:
    """Back to the rules."""
    return Done(_HERE, _("The proposal is withdrawn."))


def end_input(asked: Asked) -> Mapping[str, Any]:
    """The mutation's. Raises Unsendable."""
    kind, _blank, name = (asked.given("own") or "").partition(" ")
    if not name:
        raise Unsendable("own", N_("Say which."))
    return {"kind": kind, "name": name}
