"""The words and signs of a connection's states, checks and cases, and of what a PSE can do."""

from collections.abc import Mapping
from typing import Final

from api.console.names import Sign
from api.console.words import N_

CALLED: Final = ("SANDBOX", "CERTIFIED", "ACTIVE")  # the first two at the PSE's test environment
STATES: Final[Mapping[str, Sign]] = {
    "DRAFT": Sign("○", N_("Draft"), "wait"),
    "SUBMITTED": Sign("○", N_("Submitted"), "wait"),
    "UNDER_REVIEW": Sign("○", N_("Under review"), "wait"),
    "SANDBOX": Sign("○", N_("To be certified"), "wait"),
    "CERTIFIED": Sign("◐", N_("Certified, not live"), "doubt"),
    "ACTIVE": Sign("●", N_("Live"), "ok"),
    "SUSPENDED": Sign("✕", N_("Suspended"), "bad"),
    "REJECTED": Sign("✕", N_("Rejected"), "bad"),
}
OUTCOMES: Final[Mapping[str, Sign]] = {
    "PASSED": Sign("●", N_("Passed"), "ok"),
    "FAILED": Sign("✕", N_("Failed"), "bad"),
    "UNKNOWN": Sign("◐", N_("Could not be told"), "doubt"),
    "NOT_ASKABLE": Sign("–", N_("The PSE tells it to no program"), "gone"),
    "SKIPPED": Sign("–", N_("Cannot be provoked there"), "gone"),
}
UNDER_WAY: Final = Sign("○", N_("Under way"), "wait")
CHECKS: Final[Mapping[str, str]] = {
    "CALLBACK_REGISTERED": N_("Webhooks are sent to us"),
    "CERTIFICATE": N_("The certificate is valid"),
    "CLOCK": N_("The clocks agree"),
    "CREDENTIALS": N_("The keys are right"),
    "CURRENCIES": N_("The currencies are those of the account"),
    "EGRESS_ADDRESS": N_("The PSE answers our address"),
    "MAY_REFUND": N_("The keys may refund"),
    "MERCHANT_ACTIVE": N_("The account is active"),
    "REPORT_COLUMNS": N_("The reports have the columns that we need"),
}
CASES: Final[Mapping[str, str]] = {
    "FULL": N_("A whole payment is refunded"),
    "PARTIAL": N_("A part of a payment is refunded"),
    "DUPLICATE": N_("The same request twice refunds once"),
    "ABOVE_THE_REMAINDER": N_("More than is left is refused"),
    "REFUSED": N_("A refusal is understood"),
    "TIMEOUT": N_("An answer that does not come is resolved"),
    "LATE_RETURN": N_("Money that comes back later is seen"),
    "SIGNATURE": N_("A webhook with a wrong signature is not believed"),
    "REPORT": N_("The report of the day is read and agrees"),
}
DOCUMENTS: Final[Mapping[str, str]] = {
    "BUSINESS_LICENCE": N_("Business licence"),
    "LEGAL_REPRESENTATIVE_ID": N_("Identity of the legal representative"),
    "BANK_PROOF": N_("Proof of the bank account"),
    "SERVICE_AGREEMENT": N_("Agreement with the PSE"),
    "ADMISSION_NOTICE": N_("The PSE's notice of admission"),
}
ROUTES: Final[Mapping[str, str]] = {
    "ORIGINAL": N_("Back the way it came"),
    "PAYOUT_WITH_DESTINATION": N_("To an account that is named"),
    "PSE_COLLECTS": N_("The PSE asks the customer"),
    "UNSUPPORTED": N_("Not possible"),
}
LOOK_UPS: Final[Mapping[str, str]] = {
    "BY_REFERENCE": N_("by our reference"),
    "BY_PSE_REFERENCE": N_("by the PSE's reference"),
    "BY_LISTING": N_("by going through a list"),
    "NONE": N_("not at all"),
}
NEWS: Final[Mapping[str, str]] = {
    "WEBHOOK": N_("It tells us"),
    "POLL": N_("We ask"),
    "BOTH": N_("It tells us, and we ask"),
}
RETRIES: Final[Mapping[str, str]] = {
    "AUTOMATIC": N_("It is asked for again by itself."),
    "AFTER_MENDING": N_("Ask again once what is wrong has been mended."),
    "NEVER": N_("Asking again does not help."),
}
