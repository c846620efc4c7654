"""The words of reversals: states, causes, and who declared the tax."""

from typing import Final

from api.console.words import N_

STATES: Final = {
    "NEEDED": ("○", N_("Needs a document"), "wait"),
    "NEEDS_REVIEW": ("◐", N_("Needs review"), "doubt"),
    "DOCUMENTED": ("●", N_("Documented"), "ok"),
    "DECLARED": ("●", N_("Declared"), "ok"),
    "NOT_RECOVERABLE": ("✕", N_("Not recoverable"), "bad"),
    "UNDONE": ("↺", N_("Refund came back"), "gone"),
}
CAUSES: Final = {
    "RETURN_OF_GOODS": N_("Goods returned"),
    "DISCOUNT": N_("Discount"),
    "BILLING_ERROR": N_("Billing error"),
    "CANCELLATION": N_("Cancellation"),
}
REGIMES: Final = {
    "LOCAL": N_("By you, in the country"),
    "SIMPLIFIED": N_("By you, on the form for non-residents"),
    "PLATFORM": N_("By the platform"),
    "NOT_OURS": N_("By nobody of yours"),
}
# From what a rule's time is counted, whether it stands, and how well we know it (domain/taxes/rulebook).
DEADLINES: Final = {
    "NONE": N_("None is set"),
    "FORBIDDEN": N_("It may not be taken back"),
    "PERIOD_OF_NOTE": N_("In the return of the document's own month"),
    "MONTHS_FROM_DELIVERY": N_("Months from the delivery"),
    "MONTHS_FROM_SALE": N_("Months from the sale"),
    "DAYS_FROM_SALE": N_("Days from the sale"),
    "DAYS_FROM_ASKED": N_("Days from the customer's request"),
    "END_OF_EVENT_PERIOD": N_("End of the period in which the goods came back"),
    "DAY_OF_NEXT_MONTH": N_("A day of the next month"),
    "HOURS_FROM_AUTHORISATION": N_("Hours from the invoice's authorisation"),
    "MONTH_OF_ANNUAL_RETURN": N_("With the annual return"),
}
STANDINGS: Final = {
    "in_force": N_("In force"),
    "superseded": N_("Superseded"),
    "suspended": N_("Suspended"),
    "scheduled": N_("Not in force yet"),
    "check": N_("Check whether it is in force"),
}
CONFIDENCES: Final = {
    "official-text": N_("read in the official text"),
    "secondary": N_("read in a secondary source"),
    "unverified-high": N_("not verified, likely"),
    "unverified-medium": N_("not verified, uncertain"),
}
COUNTRIES: Final = ("BR", "MX", "CO", "CL", "PE", "AR", "UY", "EC")
