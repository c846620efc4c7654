"""The words, signs and colours of sheets: states, verdicts, outcomes."""

from collections.abc import Mapping
from typing import Final

from api.console.names import Sign
from api.console.words import N_

STATES: Final[Mapping[str, Sign]] = {
    "READING": Sign("◐", N_("Being read"), "wait"),
    "JUDGED": Sign("○", N_("Waits for a yes"), "wait"),
    "APPLYING": Sign("◐", N_("Being sent"), "wait"),
    "DONE": Sign("●", N_("Done"), "ok"),
    "FAILED": Sign("✕", N_("Not readable"), "bad"),
    "CANCELED": Sign("–", N_("Called off"), "gone"),
}
# JUDGED, but nobody need say yes.
NOTHING_GOES: Final = Sign("✕", N_("Nothing of it can be sent"), "bad")
NOTHING_SAID: Final = N_("Nothing of this sheet can be sent: each row says why. Correct it and bring it again.")
SENTENCES: Final[Mapping[str, str]] = {
    "READING": N_("The sheet is being read, and each row looked at. Nothing is sent."),
    "JUDGED": N_("Nothing has been sent. Look at the rows; what is refused holds up nothing else."),
    "APPLYING": N_("The rows are being sent one after the other. You may call off those that are left."),
    "DONE": N_("Each row has its outcome. Refunds go their way; the result follows them to their end."),
    "FAILED": N_("Nothing of this sheet was sent. Correct it and bring it again."),
    "CANCELED": N_("It was called off. What had been sent by then goes its way; nothing else was done."),
}
KINDS: Final[Mapping[str, str]] = {"REFUNDS": N_("Refunds"), "PAYMENTS": N_("Payments")}
VERDICTS: Final[Mapping[str, Sign]] = {
    "GOES": Sign("●", N_("Goes"), "ok"),
    "WAITS": Sign("○", N_("Will wait for approval"), "wait"),
    "ASKS": Sign("○", N_("The customer will be asked for an account"), "wait"),
    "DONE": Sign("–", N_("Done before"), "gone"),
    "DUPLICATE": Sign("◐", N_("Likely a duplicate: left out"), "doubt"),
    "REFUSED": Sign("✕", N_("Refused"), "bad"),
}
OUTCOMES: Final[Mapping[str, Sign]] = {
    "ASKED": Sign("●", N_("Asked for"), "ok"),
    "ALREADY": Sign("–", N_("Done before"), "gone"),
    "REGISTERED": Sign("●", N_("Registered"), "ok"),
    "REFUSED": Sign("✕", N_("Refused"), "bad"),
    "LEFT": Sign("◐", N_("Left out"), "doubt"),
}
WILL_BE_DONE: Final = ("GOES", "WAITS", "ASKS")
