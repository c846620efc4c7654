"""Which kinds are scored: those that nights know."""

from typing import Final

KINDS: Final = (
    "AMOUNT_MISMATCH",
    "CHARGEBACK",
    "CONTRADICTORY_FILE",
    "DUPLICATE_LINE",
    "MISSING_IN_LEDGER",
    "MISSING_IN_REPORT",
    "STATUS_MISMATCH",
    "UNCLEAR_LINE",
    "UNKNOWN_LINE",
    "UNREADABLE_FILE",
    "VAT_REVERSAL_NEEDED",
)
