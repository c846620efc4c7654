"""The words, signs and colours of nights and of reports that people hand in."""

from collections.abc import Mapping
from typing import Final

from api.console.names import Sign
from api.console.words import N_

STATES: Final[Mapping[str, Sign]] = {
    "COMPLETE": Sign("■", N_("Complete"), "ok"),
    "UNPROVEN": Sign("▒", N_("Unproven"), "wait"),
    "CONTRADICTED": Sign("╳", N_("Contradicted"), "bad"),
    "LATE": Sign("!", N_("Late"), "bad"),
    "FAILED": Sign("✕", N_("Failed"), "bad"),
    "WAITING_FOR_PSE": Sign("⋯", N_("Waiting"), "wait"),
    "RUNNING": Sign("▶", N_("Running"), "doubt"),
    "TO_CONFIRM": Sign("◐", N_("To confirm"), "doubt"),
    "NO_REPORT": Sign("·", N_("No report due"), "gone"),
}
# What a state means, in a sentence.
MEANT: Final[Mapping[str, str]] = {
    "COMPLETE": N_("The report is in the books, and it proves itself: its totals add up."),
    "UNPROVEN": N_("The report is in the books, but nothing in it proves that it is whole."),
    "CONTRADICTED": N_(
        "The report is in the books, but it does not agree with itself: ask the PSE for a corrected one."
    ),
    "LATE": N_("The PSE's report should be there and is not: ask the PSE for it, or hand it in."),
    "FAILED": N_("The night ended on a problem. Nothing is half done; run it again."),
    "WAITING_FOR_PSE": N_("The PSE has not made the report yet, and is in time."),
    "RUNNING": N_("It runs just now."),
    "TO_CONFIRM": N_("A report was handed in and waits for another person's yes."),
    "NO_REPORT": N_("Nothing was due: no report proves this date, and none is awaited."),
}
PROOFS: Final[Mapping[str, Sign]] = {name: STATES[name] for name in ("COMPLETE", "UNPROVEN", "CONTRADICTED")}
PHASES: Final[Mapping[str, str]] = {
    "LISTING": N_("Listing the PSE's payments"),
    "FETCHING": N_("Fetching reports"),
    "READING": N_("Reading"),
    "MATCHING": N_("Matching with the books"),
    "ENTERING": N_("Entering what the books do not know"),
    "STORING": N_("Storing"),
    "COMPARING": N_("Comparing"),
}
HANDED: Final[Mapping[str, Sign]] = {
    "WAITING": Sign("○", N_("Being judged"), "wait"),
    "PROPOSED": Sign("◐", N_("Needs a second person"), "doubt"),
    "TAKEN": Sign("●", N_("Entered"), "ok"),
    "KNOWN": Sign("–", N_("Was here already"), "gone"),
    "REFUSED": Sign("✕", N_("Refused"), "bad"),
    "SKIPPED": Sign("–", N_("Not a report"), "gone"),
}
ENTERING: Final = Sign("◐", N_("Being entered"), "wait")  # WAITING again, after another person's yes
WAYS: Final[Mapping[str, str]] = {
    "UPLOAD": N_("uploaded"),
    "COMMAND": N_("by command"),
    "FOLDER": N_("from the watched folder"),
    "SFTP": N_("from the PSE's server"),
}
LINES: Final[Mapping[str, str]] = {
    "CAPTURE": N_("Payments"),
    "REFUND": N_("Refunds"),
    "PAYOUT": N_("Payouts"),
    "CHARGEBACK": N_("Chargebacks"),
    "FEE": N_("Fees"),
    "RETURN": N_("Refunds that came back"),
    "TAKEN": N_("Money that left without a refund of ours"),
    "TAKEN_BACK": N_("Such money that came back"),
    "CHARGEBACK_REVERSED": N_("Chargebacks that were given back"),
    "NONE": N_("Lines that prove nothing"),
    "OTHER": N_("Other lines"),
}
