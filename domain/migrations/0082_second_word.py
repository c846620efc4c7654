"""What waits for a second person's word is found without what others have long confirmed."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE INDEX finding_resolutions_waiting ON finding_resolutions (merchant_id, proposed_at, finding_id) "
    "WHERE started_at IS NULL AND ended_at IS NULL",
    "CREATE INDEX doubt_verdicts_waiting ON doubt_verdicts (merchant_id, proposed_at) "
    "WHERE confirmed_at IS NULL AND withdrawn_at IS NULL",
]


class Migration(migrations.Migration):
    """Two indexes."""

    dependencies = [("models", "0081_refund_parts")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
