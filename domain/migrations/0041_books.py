"""The words of the whole books: fees, payouts, taxes, reserves, currencies, write-offs; and what files are for."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
_PURPOSES: Final = (
    "ONBOARDING_DOCUMENT",
    "SETTLEMENT_REPORT",
    "BANK_STATEMENT",
    "TAX_DOCUMENT",
    "FINDING_ATTACHMENT",
    "DECISIONS",
    "EXPORT",
)
_ACCOUNTS: Final = (
    "PSE_CLEARING",
    "PSE_BALANCE",
    "BANK",
    "SALES",
    "SALES_RETURNS",
    "OUTPUT_VAT",
    "VAT_REVERSAL_PENDING",
    "VAT_LOST",
    "REFUNDS_PAYABLE",
    "FEES",
    "CHARGEBACKS",
    "FX_CLEARING",
    "ROUNDING",
    "SUSPENSE",
    "FEE_TAXES",
    "TAXES_WITHHELD",
    "PSE_RESERVE",
    "PAYOUTS_IN_TRANSIT",
    "PSE_ADJUSTMENTS",
    "FX_DIFFERENCES",
    "WRITE_OFFS",
    "OPENING_BALANCES",
    "PSE_TRANSFERS",
)
_ENTRIES: Final = (
    "CAPTURE",
    "DECLARE_TAX",
    "DECLARE_REFUND_TAX",
    "RECOGNISE",
    "UNRECOGNISE",
    "PAY",
    "PAY_BY_BANK",
    "RETURN",
    "RETURN_TO_BANK",
    "TAKEN",
    "TAKEN_BACK",
    "CHARGEBACK",
    "CHARGEBACK_REVERSED",
    "PROVE_CAPTURES",
    "PROVE_REFUNDS",
    "PROVE_RETURNS",
    "PROVE_TAKEN",
    "PROVE_CHARGEBACKS",
    "PROVE_FEES",
    "PROVE_FEE_TAXES",
    "PROVE_TAXES_WITHHELD",
    "PROVE_PAYOUTS",
    "PROVE_RESERVES",
    "PROVE_ADJUSTMENTS",
    "PROVE_ROUNDING",
    "PROVE_TRANSFERS",
    "PROVE_UNEXPLAINED",
    "PROVE_OPENING",
    "CONVERT",
    "FX_DIFFERENCE",
    "BANK_RECEIVED",
    "BANK_CHARGE",
    "WRITE_OFF",
    "SUSPENSE_TO_RETURNS",
    "SUSPENSE_TO_CHARGEBACKS",
    "SUSPENSE_TO_FEES",
    "SUSPENSE_TO_ADJUSTMENTS",
    "SUSPENSE_TO_FX",
    "SUSPENSE_TO_ROUNDING",
    "VAT_DOCUMENTED",
    "VAT_NOT_RECOVERABLE",
)


def _words(name: str, words: Sequence[str], length: int) -> Any:
    enum: Any = StrEnum(name, [(word, word) for word in words])  # type: ignore[misc]
    return fields.CharEnumField(
        description="\n".join(f"{word}: {word}" for word in words), enum_type=enum, max_length=length
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0040_who_applied")]

    initial = False

    operations = [
        ops.AlterField(model_name="File", name="purpose", field=_words("Purpose", _PURPOSES, 32)),
        ops.AlterField(model_name="LedgerEntry", name="credit", field=_words("Account", _ACCOUNTS, 24)),
        ops.AlterField(model_name="LedgerEntry", name="debit", field=_words("Account", _ACCOUNTS, 24)),
        ops.AlterField(model_name="LedgerEntry", name="entry", field=_words("Entry", _ENTRIES, 24)),
    ]
