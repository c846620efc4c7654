"""What the books' accounts and entries are called, in the words of accounting."""

from collections.abc import Mapping
from typing import Final

from api.console.formats import way
from api.console.words import N_, _, speaking

ACCOUNTS: Final[Mapping[str, str]] = {
    "PSE_CLEARING": N_("PSE clearing"),
    "PSE_BALANCE": N_("PSE balance"),
    "BANK": N_("Bank"),
    "PAYOUTS_IN_TRANSIT": N_("Payouts in transit"),
    "PSE_RESERVE": N_("PSE reserve"),
    "SUSPENSE": N_("Suspense"),
    "FEE_TAXES": N_("Taxes on fees"),
    "TAXES_WITHHELD": N_("Taxes withheld"),
    "VAT_REVERSAL_PENDING": N_("VAT to be reversed"),
    "FX_CLEARING": N_("Currency clearing"),
    "REFUNDS_PAYABLE": N_("Refunds payable"),
    "OUTPUT_VAT": N_("Output VAT"),
    "OPENING_BALANCES": N_("Opening balances"),
    "SALES": N_("Sales"),
    "SALES_RETURNS": N_("Sales returns"),
    "FEES": N_("Fees"),
    "CHARGEBACKS": N_("Chargebacks"),
    "VAT_LOST": N_("VAT lost"),
    "PSE_TRANSFERS": N_("PSE transfers"),
    "PSE_ADJUSTMENTS": N_("PSE adjustments"),
    "FX_DIFFERENCES": N_("Currency differences"),
    "ROUNDING": N_("Rounding"),
    "WRITE_OFFS": N_("Write-offs"),
}
ENTRIES: Final[Mapping[str, str]] = {
    "BANK_CHARGE": N_("Bank charge"),
    "BANK_RECEIVED": N_("Received at the bank"),
    "CAPTURE": N_("Payment registered"),
    "CHARGEBACK": N_("Chargeback"),
    "CHARGEBACK_REVERSED": N_("Chargeback reversed"),
    "CLAIM_GIVEN_UP": N_("Said of a claim that no report settles"),
    "CONVERT": N_("Conversion"),
    "DECLARE_REFUND_TAX": N_("VAT of a refund declared later"),
    "DECLARE_TAX": N_("VAT of a sale declared later"),
    "FX_DIFFERENCE": N_("Currency difference"),
    "PAY": N_("Refund left"),
    "PAY_BY_BANK": N_("Refund paid from the bank"),
    "PAYOUT_GIVEN_UP": N_("Said of a payout that never came"),
    "PROVE_ADJUSTMENTS": N_("Adjustments by report"),
    "PROVE_CAPTURES": N_("Payments proven by report"),
    "PROVE_CHARGEBACKS": N_("Chargebacks by report"),
    "PROVE_FEES": N_("Fees by report"),
    "PROVE_FEE_TAXES": N_("Taxes on fees by report"),
    "PROVE_OPENING": N_("Opening balance by report"),
    "PROVE_PAYOUTS": N_("Payouts by report"),
    "PROVE_REFUNDS": N_("Refunds proven by report"),
    "PROVE_RESERVES": N_("Reserves by report"),
    "PROVE_RETURNS": N_("Returns proven by report"),
    "PROVE_ROUNDING": N_("Rounding by report"),
    "PROVE_TAKEN": N_("Money taken, by report"),
    "PROVE_TAXES_WITHHELD": N_("Taxes withheld, by report"),
    "PROVE_TRANSFERS": N_("Transfers by report"),
    "PROVE_UNEXPLAINED": N_("Unexplained, by report"),
    "RECOGNISE": N_("Refund asked for"),
    "RETURN": N_("Refund came back"),
    "RETURN_TO_BANK": N_("Refund came back to the bank"),
    "SUSPENSE_TO_ADJUSTMENTS": N_("Explained as an adjustment"),
    "SUSPENSE_TO_CHARGEBACKS": N_("Explained as a chargeback"),
    "SUSPENSE_TO_FEES": N_("Explained as a fee"),
    "SUSPENSE_TO_FX": N_("Explained as a currency difference"),
    "SUSPENSE_TO_RETURNS": N_("Explained as a refund of ours"),
    "SUSPENSE_TO_ROUNDING": N_("Explained as rounding"),
    "TAKEN": N_("Money left without a refund"),
    "TAKEN_BACK": N_("Such money came back"),
    "UNRECOGNISE": N_("Refund ended without money"),
    "VAT_DOCUMENTED": N_("VAT taken back by a document"),
    "VAT_NOT_RECOVERABLE": N_("VAT lost"),
    "WRITE_OFF": N_("Written off"),
}
BUCKETS: Final[Mapping[str, str]] = {
    "D0_7": N_("0–7 days"),
    "D8_30": N_("8–30 days"),
    "D31_60": N_("31–60 days"),
    "D61_90": N_("61–90 days"),
    "D91": N_("91 days and more"),
}
CLOSINGS: Final = {
    "PROPOSED": ("○", N_("Waits for a second person"), "wait"),
    "CLOSED": ("●", N_("Closed"), "ok"),
    "WITHDRAWN": ("–", N_("Withdrawn"), "gone"),
}


def account(name: str) -> str:
    """An account in the reader's words, on a page of whatever noun."""
    with speaking("books", way.get().language):
        return _(ACCOUNTS.get(name, name))


def entry(kind: str) -> str:
    """An entry in the reader's words, on a page of whatever noun."""
    with speaking("books", way.get().language):
        return _(ENTRIES.get(kind, kind))


def posting(kind: str, debit: str, credit: str) -> tuple[str, str, str]:
    """An entry and its two accounts in the reader's words, on a page of whatever noun."""
    return entry(kind), account(debit), account(credit)
