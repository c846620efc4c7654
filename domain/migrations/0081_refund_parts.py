"""A refund may be told in rows of several amounts, each of them once; that it came back, in one."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "DROP INDEX settlement_lines_settle_once",
    "CREATE UNIQUE INDEX settlement_lines_settle_once ON settlement_lines "
    "(refund_id, effect, (CASE WHEN effect = 'REFUND' THEN amount END)) NULLS NOT DISTINCT "
    "WHERE refund_id IS NOT NULL AND voided_at IS NULL AND effect <> 'NONE'",
]


class Migration(migrations.Migration):
    """The same index, with a column more."""

    dependencies = [("models", "0080_state_sums")]

    initial = False

    operations: list[Any] = [ops.RunSQL(list(STATEMENTS))]
