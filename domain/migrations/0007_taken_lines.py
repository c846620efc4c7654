"""Lines that were booked as taken are few, and looked at every hour: whether one of them turned out to be ours."""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0006_refusals")]

    operations = [
        ops.RunSQL(
            "CREATE INDEX settlement_lines_taken ON settlement_lines (report_id) "
            "WHERE effect IN ('TAKEN', 'TAKEN_BACK') AND voided_at IS NULL AND refund_id IS NULL"
        )
    ]
