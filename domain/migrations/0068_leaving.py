"""What the reader of a mailbox has unsubscribed from, by the link in a mail; and the end of what alerts were about.

A file with the outcome of a sheet of payments has a purpose of its own: those of refunds name accounts.
"""

from enum import StrEnum
from typing import Any, Final

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
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
    "REFUND_BATCH",
    "PAYMENT_BATCH",
    "BATCH_RESULT",
    "PAYMENT_RESULT",
)
STATEMENTS = [
    "ALTER TABLE endpoints ADD CONSTRAINT endpoints_left_of_mail CHECK (left_kinds IS NULL OR kind = 'EMAIL')",
]


def _words(name: str, words: tuple[str, ...], length: int) -> Any:
    enum: Any = StrEnum(name, [(word, word) for word in words])  # type: ignore[misc]
    return fields.CharEnumField(
        description="\n".join(f"{word}: {word}" for word in words), enum_type=enum, max_length=length
    )


class Migration(migrations.Migration):
    """Two columns and a word."""

    dependencies = [("models", "0067_shops_told")]

    initial = False

    operations: list[Any] = [
        ops.AddField(model_name="Endpoint", name="left_kinds", field=ArrayField(null=True, element_type="TEXT")),
        ops.AddField(
            model_name="Alert",
            name="retired_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AlterField(model_name="File", name="purpose", field=_words("Purpose", _PURPOSES, 32)),
        ops.RunSQL(list(STATEMENTS)),
    ]
