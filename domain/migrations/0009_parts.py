"""A payment captured in parts has a line for each; returns that name no refund are looked at every hour."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_STEPS = (
    "DROP INDEX settlement_lines_capture_once",
    # A part that the PSE names is proven once; what has no name is counted up to what was captured.
    "CREATE UNIQUE INDEX settlement_lines_capture_once ON settlement_lines "
    "(payment_id, coalesce(reference, pse_refund_reference)) "
    "WHERE effect = 'CAPTURE' AND voided_at IS NULL AND payment_id IS NOT NULL",
    "CREATE INDEX settlement_lines_returned ON settlement_lines (report_id) "
    "WHERE by_amount AND state = 'RETURNED' AND effect = 'NONE' AND voided_at IS NULL",
)


class Migration(migrations.Migration):
    dependencies = [("models", "0008_asked_before_sent")]

    operations = [ops.RunSQL(list(_STEPS))]
