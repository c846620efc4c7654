"""A word for what people have said of claims that no report settles, and how much of a resolution it is."""

from enum import StrEnum
from typing import Any, Final

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
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
    "PAYOUT_GIVEN_UP",
    "CLAIM_GIVEN_UP",
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
_Entry: Any = StrEnum("Entry", [(word, word) for word in _ENTRIES])  # type: ignore[misc]

STATEMENT: Final = (
    "ALTER TABLE finding_resolutions ADD CONSTRAINT finding_resolutions_claim "
    "CHECK (claim IS NULL OR (claim <> 0 AND reason NOT IN ('EXPLAINED', 'DUPLICATE_OF')))"
)


class Migration(migrations.Migration):
    """A word, and a column."""

    dependencies = [("models", "0077_together")]

    initial = False

    operations: list[Any] = [
        ops.AlterField(
            model_name="LedgerEntry",
            name="entry",
            field=fields.CharEnumField(
                description="\n".join(f"{word}: {word}" for word in _ENTRIES), enum_type=_Entry, max_length=24
            ),
        ),
        ops.AddField(model_name="FindingResolution", name="claim", field=fields.BigIntField(null=True)),
        ops.RunSQL([STATEMENT]),
    ]
