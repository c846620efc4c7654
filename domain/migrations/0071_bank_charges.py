"""Who said what banks on the way have kept: it is added up with all that one person gives up within a day.

Of proofs that are older nobody is known by id, and what they gave up is over.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# Beside what is given up in findings and VAT (domain/findings/limits): few proofs have charges.
STATEMENTS = [
    "CREATE INDEX payout_proofs_charged ON payout_proofs (merchant_id, made_at) WHERE charges > 0",
]


class Migration(migrations.Migration):
    """A column and its index."""

    dependencies = [("models", "0070_came_back")]
    operations: list[Any] = [
        ops.AddField(model_name="PayoutProof", name="made_by_id", field=fields.UUIDField(null=True)),
        ops.RunSQL(list(STATEMENTS)),
    ]
