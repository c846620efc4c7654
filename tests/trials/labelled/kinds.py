"""The kinds that are scored: all that are of what PSEs, banks and invoicing systems say; and when it all happened."""

from datetime import date, timedelta
from typing import Final

from jobs.synth.labelled.write import FIRST

KINDS: Final = (
    "ADJUSTMENT_UNEXPLAINED",
    "AMOUNT_MISMATCH",
    "BALANCE_DIFFERS",
    "BANK_INITIATED",
    "BANK_LINE_UNKNOWN",
    "BATCH_UNBALANCED",
    "CHARGEBACK",
    "CONTRADICTORY_FILE",
    "CURRENCY_MISMATCH",
    "DUPLICATE_LINE",
    "DUPLICATE_REFUND",
    "EXPONENT_SUSPECTED",
    "FEE_MISMATCH",
    "FX_MISMATCH",
    "MISSING_IN_LEDGER",
    "MISSING_IN_REPORT",
    "PAYOUT_MISSING",
    "RETURNED",
    "STATUS_MISMATCH",
    "UNCLEAR_LINE",
    "UNKNOWN_LINE",
    "UNREADABLE_FILE",
    "VAT_DOCUMENT_DIFFERS",
    "VAT_REVERSAL_NEEDED",
    "VAT_REVERSAL_OVERDUE",
)
NEGATIVES: Final = 50  # of each kind, so many things at least must only look so
_HALF_A_YEAR: Final = timedelta(weeks=26)
_TOO_LONG_AGO: Final = timedelta(days=380)  # the product looks for payouts of the last 400 days


def lately(today: date) -> date:
    """The first day of the books: the usual one, so many half years later that a bank may still be asked about it."""
    first = FIRST
    while today - first > _TOO_LONG_AGO:
        first += _HALF_A_YEAR
    return first
