"""Fee schedules and rates of exchange: listed, entered, imported, withdrawn."""

import re
from collections.abc import Mapping
from typing import Any, Final

from api.console import given, typed
from api.console import names as words
from api.console.page import Asked, Data, Done, Post
from api.console.words import N_, _

_FEES: Final = "/console/books/fees"
_RATES: Final = "/console/books/rates"
KINDS: Final = {
    "PAYMENT": N_("Payment"), "REFUND": N_("Refund"), "CHARGEBACK": N_("Chargeback"), "PAYOUT": N_("Payout"),
    "FX": N_("Conversion"),
}  # fmt: skip
ORIGINAL: Final = {
    "KEPT": N_("Stays with the PSE"),
    "RETURNED_PRO_RATA": N_("Each refund brings its share back"),
    "RETURNED": N_("Comes back when all is refunded"),
}
SIDES: Final = {"SINGLE": N_("One rate"), "SELL": N_("Selling"), "BUY": N_("Buying")}
_LINE: Final = re.compile(r"line (?P<line>\d+) of (?P<file>.*)", re.DOTALL)  # domain/settlements/converted.py
ORIGINS: Final = {"ENTERED": N_("Entered"), "IMPORTED": N_("Imported"), "REPORT": N_("The PSE's own")}


def schedules(asked: Asked) -> Mapping[str, Any]:
    """Of the fees. Raises Unsendable."""
    on = asked.text("on")
    return {
        "after": asked.text("after"),
        "connection": asked.text("connection"),
        "on": typed.day("on", on) if on else None,
    }


def fees(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer."""
    return {
        "connections": given.connections_of(data),
        "of_connection": given.names_of(data),
        "currencies": [(one, one) for one in given.CURRENCIES],
        "kinds": [(name, _(word)) for name, word in KINDS.items()],
        "originals": [(name, _(word)) for name, word in ORIGINAL.items()],
        "methods": [(name, _(word)) for name, word in words.METHODS.items()],
        "KINDS": KINDS,
        "ORIGINAL": ORIGINAL,
    }


def _set(asked: Asked) -> Mapping[str, Any]:
    currency = given.needed(asked, "currency")
    amounts = {}
    for name in ("fixed", "minimum", "maximum"):
        if text := asked.given(name):
            amounts[name] = typed.amount(name, text, currency)["minorUnits"]
    until = asked.given("until")
    return {
        "connectionId": given.needed(asked, "connection"),
        "kind": given.needed(asked, "kind"),
        "currency": currency,
        "percent": given.decimal("percent", asked.given("percent") or "0"),
        "taxPercent": given.decimal("tax", asked.given("tax") or "0"),
        "validFrom": typed.day("since", asked.given("since") or ""),
        "source": given.needed(asked, "source", N_("Say where it stands: the contract and its day.")),
        **amounts,
        **given.left_in(asked, method="method", originalFee="original"),
        **({"validTo": typed.day("until", until)} if until else {}),
        "idempotencyKey": asked.given("key"),
    }


def _were_set(asked: Asked, payload: Data) -> Done:
    return Done(_FEES, _("The fee is kept; the night compares with it."))


def _import(asked: Asked) -> Mapping[str, Any]:
    found = given.left_in(asked, connectionId="connection")
    return {**found, "fileContent": given.content_of(asked, "file"), "idempotencyKey": asked.given("key")}


def _imported(asked: Asked, payload: Data) -> Done:
    return Done(_FEES, _("%(n)s rows were entered.") % {"n": payload["entered"]})


def _withdraw(asked: Asked) -> Mapping[str, Any]:
    return {"feeScheduleId": given.needed(asked, "id")}


def _withdrawn(asked: Asked, payload: Data) -> Done:
    return Done(_FEES, _("It is withdrawn: it stays to be seen and counts no more."))


def listed(asked: Asked) -> Mapping[str, Any]:
    """Of the rates."""
    return {"after": asked.text("after"), "base": asked.text("base"), "quote": asked.text("quote")}


def rates(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer."""
    return {
        "currencies": [(one, one) for one in given.CURRENCIES],
        "sides": [(name, _(word)) for name, word in SIDES.items()],
        "layouts": [("GENERIC", _("CSV with a header")), ("PTAX", "PTAX")],
        "SIDES": SIDES,
        "ORIGINS": ORIGINS,
        "told_source": told_source,
    }


def told_source(rate: Mapping[str, Any]) -> str:
    """Where a rate is from: what people wrote as they wrote it, of a PSE's report its line in words."""
    source = str(rate["source"])
    found = _LINE.fullmatch(source) if rate["origin"] == "REPORT" else None
    return _("line %(line)s of %(file)s") % found.groupdict() if found else source


def _rate(asked: Asked) -> Mapping[str, Any]:
    until = asked.given("until")
    return {
        "base": given.needed(asked, "base"),
        "quote": given.needed(asked, "quote"),
        "rate": given.decimal("rate", asked.given("rate")),
        "side": asked.given("side") or "SINGLE",
        "validFrom": typed.day("since", asked.given("since") or ""),
        "source": given.needed(asked, "source", N_("Say who publishes it.")),
        **({"validTo": typed.day("until", until)} if until else {}),
        "idempotencyKey": asked.given("key"),
    }


def _rate_set(asked: Asked, payload: Data) -> Done:
    return Done(_RATES, _("The rate is kept."))


def _rates_import(asked: Asked) -> Mapping[str, Any]:
    source = given.needed(asked, "source", N_("Say who publishes it."))
    layout, content = given.needed(asked, "layout"), given.content_of(asked, "file")
    return {"layout": layout, "source": source, "fileContent": content, "idempotencyKey": asked.given("key")}


def _rates_imported(asked: Asked, payload: Data) -> Done:
    told = {"n": payload["entered"], "over": payload["passedOver"] or 0}
    return Done(_RATES, _("%(n)s rates were entered, %(over)s of other currencies passed over.") % told)


def _rate_withdraw(asked: Asked) -> Mapping[str, Any]:
    return {"fxRateId": given.needed(asked, "id")}


def _rate_withdrawn(asked: Asked, payload: Data) -> Done:
    return Done(_RATES, _("It is withdrawn: it stays to be seen and counts no more."))


_NAMED: Final = {"validFrom": "since", "validTo": "until"}
FEES: Final = {
    "set": Post(
        "books/fee_set", _set, _were_set,
        fields={**_NAMED, "connectionId": "connection", "taxPercent": "tax", "originalFee": "original"},
    ),
    "import": Post(
        "books/fee_import", _import, _imported, fields={"fileContent": "file", "connectionId": "connection"}
    ),
    "withdraw": Post("books/fee_withdraw", _withdraw, _withdrawn),
}  # fmt: skip
RATES: Final = {
    "set": Post("books/rate_set", _rate, _rate_set, fields=_NAMED),
    "import": Post("books/rate_import", _rates_import, _rates_imported, fields={"fileContent": "file"}),
    "withdraw": Post("books/rate_withdraw", _rate_withdraw, _rate_withdrawn),
}
