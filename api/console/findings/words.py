"""The words, signs and colours of findings: states, gravity, reasons, what was done, and what the two sides name."""

import re
from collections.abc import Mapping
from typing import Final

from api.console.books.names import account
from api.console.names import Sign
from api.console.words import N_, _

STATES: Final[Mapping[str, Sign]] = {
    "OPEN": Sign("◐", N_("Open"), "doubt"),
    "REOPENED": Sign("↺", N_("Open again"), "doubt"),
    "WAITING": Sign("○", N_("Waiting"), "wait"),
    "RESOLVED": Sign("●", N_("Resolved"), "ok"),
}
SEVERITIES: Final[Mapping[str, Sign]] = {
    "CRITICAL": Sign("▲▲", N_("Critical: today"), "bad"),
    "HIGH": Sign("▲", N_("High: soon"), "doubt"),
    "MEDIUM": Sign("■", N_("Medium: in its time"), "wait"),
    "LOW": Sign("▽", N_("Low: it can wait"), "gone"),
}
# What became of it, and what that does with money that is in SUSPENSE.
REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "EXPLAINED": (N_("It is explained"), N_("Nothing is booked. Nothing of it may be in suspense.")),
    "REFUND_OF_OURS": (
        N_("It was a refund of ours"),
        N_("It goes to sales returns, and its share of the VAT is then to be taken back."),
    ),
    "CHARGEBACK": (N_("The customer's bank took it (chargeback)"), N_("It goes to chargebacks.")),
    "FEE": (N_("It was a fee of the PSE"), N_("It goes to fees.")),
    "CLAIMED_FROM_PSE": (
        N_("The PSE was asked to give it back"),
        N_("What came goes to the PSE's adjustments, the rest is written off."),
    ),
    "CORRECTED": (N_("It belongs to another account"), N_("You name the account.")),
    "DUPLICATE_OF": (N_("It is the same as another finding"), N_("Nothing is booked: the money stays with the other.")),
    "WRITE_OFF": (N_("Give it up"), N_("It is written off.")),
}
ACCOUNTS: Final = ("SALES_RETURNS", "CHARGEBACKS", "FEES", "PSE_ADJUSTMENTS", "FX_DIFFERENCES", "ROUNDING")
VAT_ACCOUNTS: Final = ("OUTPUT_VAT", "VAT_LOST")
EVENTS: Final[Mapping[str, str]] = {
    "ASSIGNED": N_("Given to"),
    "COMMENTED": N_("Comment"),
    "ATTACHED": N_("File attached"),
    "WAITING": N_("Set to wait"),
    "PROPOSED": N_("Said; another person must confirm it"),
    "RESOLVED": N_("Resolved"),
    "CONFIRMED": N_("Confirmed by another person; resolved"),
    "DECLINED": N_("Refused or taken back"),
    "REOPENED": N_("Opened again"),
}
SIDES: Final[Mapping[str, str]] = {
    "amount": N_("Amount"),
    "balance": N_("Balance"),
    "bank": N_("Bank"),
    "currency": N_("Currency"),
    "document": N_("Tax document"),
    "due_on": N_("Due"),
    "fee": N_("Fee"),
    "from": N_("Since"),
    "highest": N_("At most"),
    "issued_on": N_("Issued"),
    "captured": N_("Paid"),
    "explained": N_("Explained"),
    "kind": N_("Kind"),
    "line": N_("Line"),
    "lines": N_("Lines"),
    "lowest": N_("At least"),
    "month": N_("Month"),
    "moved": N_("Moved"),
    "owed": N_("Owed"),
    "payment": N_("Payment"),
    "period": N_("Period"),
    "rate": N_("Rate"),
    "reference": N_("Reference"),
    "pse_reference": N_("PSE reference"),
    "refund": N_("Refund"),
    "refunded": N_("Refunded"),
    "refunds": N_("Refunds"),
    "report": N_("Report"),
    "rows": N_("Rows"),
    "schedule": N_("Fee schedule"),
    "since": N_("Since"),
    "state": N_("State"),
    "tax": N_("VAT"),
    "told": N_("Told"),
    "until": N_("Until"),
}
OUTCOMES: Final[Mapping[str, Sign]] = {
    "RESOLVED": Sign("●", N_("Resolved"), "ok"),
    "WAITS": Sign("○", N_("Another person must confirm it"), "wait"),
    "ASSIGNED": Sign("●", N_("Given to somebody"), "ok"),
    "REFUSED": Sign("✕", N_("Refused"), "bad"),
}
MAKING: Final[Mapping[str, Sign]] = {
    "QUEUED": Sign("○", N_("Waiting"), "wait"),
    "RUNNING": Sign("◐", N_("Being made"), "wait"),
    "DONE": Sign("●", N_("Ready"), "ok"),
    "FAILED": Sign("✕", N_("Failed"), "bad"),
    "EXPIRED": Sign("–", N_("Deleted after seven days"), "gone"),
}
# What ends by an act of its own, elsewhere.
ELSEWHERE: Final[Mapping[str, str]] = {
    "DOUBT_UNRESOLVED": N_("Say on the refund's page whether the money has left: that closes it."),
    "REPORT_UNCONFIRMED": N_("Confirm or refuse the report among those that were handed in: that closes it."),
}


def decided(said: str) -> str:
    """A refusal with the API's names of decisions and accounts as the page calls them."""
    return _CODES.sub(lambda found: f"“{_word(found[0])}”", said)


def decided_in_sheet(said: str) -> str:
    """The same for who has to write one of these names into a cell: it stands beside its word."""
    return _CODES.sub(lambda found: f"“{_word(found[0])}”" + _typed(found[0]), said)


def _word(code: str) -> str:
    return _(REASONS[code][0]) if code in REASONS else account(code)


def _typed(code: str) -> str:
    return "" if code in _NOT_NAMED else f" ({code})"


_NOT_NAMED: Final = ("SUSPENSE", "PSE_CLEARING")  # nobody takes a finding's money there
_CODES: Final = re.compile(rf"(?<![A-Z_])(?:{'|'.join((*REASONS, *ACCOUNTS, *VAT_ACCOUNTS, *_NOT_NAMED))})(?![A-Z_])")
