"""One index of a line's payment instead of two: a night writes each of them with every line.

What proves a capture is still proven once: a part that the PSE names. Other lines have no name there, and nothing is
equal to it.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

_STEPS = (
    "CREATE UNIQUE INDEX settlement_lines_proven_once ON settlement_lines "
    "(payment_id, (CASE WHEN effect = 'CAPTURE' THEN coalesce(reference, pse_refund_reference) END)) "
    "WHERE voided_at IS NULL",
    "DROP INDEX settlement_lines_capture_once",
    "DROP INDEX settlement_lines_of_payment",
)


class Migration(migrations.Migration):
    dependencies = [("models", "0053_ageing")]

    operations = [ops.RunSQL(list(_STEPS))]
