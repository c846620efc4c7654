"""What accounting says of a reversal: documented, declared, lost, or what is known by now."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import given, typed
from api.console.page import Asked, Data, Done, Post, Unsendable
from api.console.words import N_, _, ngettext
from domain.models.files import Purpose

TAX_DOCUMENT: Final = Purpose.TAX_DOCUMENT
_WHY: Final = N_("Say why, in 5 to 500 characters.")
_YES_OR_NO: Final = {"yes": True, "no": False}


def _here(asked: Asked, said: str) -> Done:
    return Done(f"/console/vat/reversals/{asked.path['reversal']}", said)


def _document(asked: Asked) -> Mapping[str, Any]:
    return {
        "reversalId": asked.path["reversal"],
        "number": given.needed(asked, "number", N_("Write the document's number.")),
        "issuedOn": typed.day("issuedOn", asked.given("issuedOn") or ""),
    }


def _declare(asked: Asked) -> Mapping[str, Any]:
    period = given.month_of("period", asked.given("period") or "")
    return {"reversalIds": [asked.path["reversal"]], "period": period}


def _write_off(asked: Asked) -> Mapping[str, Any]:
    return {"reversalId": asked.path["reversal"], "note": given.needed(asked, "lost", _WHY)}


def _given_up(asked: Asked, payload: Data) -> Done:
    waits = payload["reversal"]["writeOff"] is not None
    return _here(asked, _("It is kept; another person must confirm it.") if waits else _("The VAT is booked as lost."))


def _confirm(asked: Asked) -> Mapping[str, Any]:
    return {"reversalId": asked.path["reversal"], "writeOffId": asked.given("writeOff")}


def _decline(asked: Asked) -> Mapping[str, Any]:
    return {"reversalId": asked.path["reversal"], "why": given.needed(asked, "why", _WHY)}


def _review(asked: Asked) -> Mapping[str, Any]:
    found: dict[str, Any] = {"reversalId": asked.path["reversal"], "note": given.needed(asked, "note", _WHY)}
    found |= given.left_in(asked, cause="cause", country="country", regime="regime", counterNumber="counterNumber")
    for name in ("deliveredOn", "eventOn", "counterOn"):
        if text := asked.given(name):
            found[name] = typed.day(name, text)
    if (identified := asked.given("buyerIdentified")) in _YES_OR_NO:
        found["buyerIdentified"] = _YES_OR_NO[identified]
    if asked.given("accept"):
        found["accept"] = True
    return found


def declare_several(asked: Asked) -> Mapping[str, Any]:
    """Those that were ticked in the list. Raises Unsendable."""
    chosen = asked.all_given("reversal")
    if not chosen:
        raise Unsendable("", N_("Tick those that stand in the return."))
    return {"reversalIds": chosen, "period": given.month_of("period", asked.given("period") or "")}


def declared_several(asked: Asked, payload: Data) -> Done:
    """Back to what is documented."""
    count = len(payload["reversals"])
    said = ngettext("%(n)s stands in the return now.", "%(n)s stand in the return now.", count) % {"n": count}
    return Done("/console/vat?state=DOCUMENTED", said)


POSTS: Final = {
    "document": Post(
        "vat/document", _document, lambda asked, payload: _here(asked, _("The document takes the VAT back."))
    ),
    "declare": Post("vat/declare", _declare, lambda asked, payload: _here(asked, _("It stands in the return."))),
    "write_off": Post("vat/write_off", _write_off, _given_up, fields={"note": "lost"}),
    "confirm": Post("vat/confirm", _confirm, lambda asked, payload: _here(asked, _("The VAT is booked as lost."))),
    "decline": Post("vat/decline", _decline, lambda asked, payload: _here(asked, _("It is not given up."))),
    "review": Post(
        "vat/review", _review, lambda asked, payload: _here(asked, _("It is weighed again with what you said."))
    ),
}  # fmt: skip
