"""What a customer could be told about a refund, in one or two sentences: true in every state, and never a promise."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import names
from api.console.formats import moment, money, plain
from api.console.words import N_, _

# What the customer sees, and when, by the way the money goes back. General: the bank of the customer decides.
_ARRIVES: Final = {
    "PIX": N_("Pix usually arrives within minutes."),
    "SPEI": N_("SPEI usually arrives within the same day."),
    "CARD": N_("On a card it shows on this statement or the next one, as the card's bank books it."),
}
_ARRIVES_ELSE: Final = N_("A bank transfer usually arrives within a few business days.")
_STATES: Final = {
    "AWAITING_APPROVAL": N_("It waits for the yes of a second person. Nothing was sent yet."),
    "AWAITING_DESTINATION": N_(
        "It waits until the customer says to which account the money should go. Nothing was sent."
    ),
    "REQUESTED": N_("It is about to be sent to %(pse)s. Nothing has left yet."),
    "SUBMITTED": N_("We do not know yet whether %(pse)s has it; we go on asking. Nothing was sent twice."),
    "PENDING": N_("%(pse)s has it, and has not said yet that the money has left. We go on asking."),
    "MANUAL": N_("Somebody here pays it by hand; it is not at %(pse)s."),
    "FAILED": N_("It has failed: it was not paid at %(pse)s. No money has left; it can be tried again."),
    "REJECTED": N_("Somebody here said no to it. No money has left."),
    "CANCELED": N_("It was withdrawn before it was sent. No money has left."),
    "EXPIRED": N_("It was not decided in time and has ended. No money has left."),
    "RETURNED": N_("The money had left and came back: the customer does not have it. It can be tried again."),
}
_NEEDS_PERSON: Final = N_(
    "We do not know whether %(pse)s has it, and asking again cannot tell. Somebody must look in its back office and "
    "say what is there. Nothing was sent twice."
)


def sentence(refund: Mapping[str, Any]) -> str:
    """What is true of it now."""
    payment = refund["payment"]
    values = {"pse": names.pse(payment["connection"]["pse"])}
    if refund["status"] == "SUCCEEDED":
        left = _("%(amount)s left for the customer on %(when)s.")
        when = plain_moment(refund["succeededAt"])
        arrives = _(_ARRIVES.get(payment["method"], _ARRIVES_ELSE))
        return f"{left % {'amount': money(refund['amount']), 'when': when}} {arrives}"
    if refund["needsPersonSince"]:
        return _(_NEEDS_PERSON) % values
    return _(_STATES[refund["status"]]) % values if refund["status"] in _STATES else ""


def plain_moment(given: str | None) -> str:
    """A moment in the reader's way as text alone, for a sentence."""
    return plain(moment(given))
