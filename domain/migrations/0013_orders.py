"""A payment that is registered looks for the lines that named its order alone before anybody knew it."""

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE INDEX settlement_lines_unknown_order ON settlement_lines (order_reference) WHERE payment_id IS NULL "
    "AND voided_at IS NULL AND payment_reference IS NULL AND payment_alias IS NULL",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0012_withdrawals")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
