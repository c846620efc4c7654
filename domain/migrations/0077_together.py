"""Payouts that came in one line of the bank are proven by it together.

Each has its number among them, from 0: so no line proves one payout alone and others besides, or two lots of them.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "ALTER TABLE payout_proofs ADD CONSTRAINT payout_proofs_part CHECK (part >= 0 AND (part = 0 OR charges = 0))",
    "DROP INDEX payout_proofs_of_line",
    "CREATE UNIQUE INDEX payout_proofs_of_line ON payout_proofs (line_id, part) WHERE voided_at IS NULL",
]


class Migration(migrations.Migration):
    """A column, and the index that counts with it."""

    dependencies = [("models", "0076_found")]

    initial = False

    operations: list[Any] = [
        ops.AddField(model_name="PayoutProof", name="part", field=fields.SmallIntField(default=0)),
        ops.RunSQL(list(STATEMENTS)),
    ]
