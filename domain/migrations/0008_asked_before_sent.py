"""What was asked right before a send, which payment a webhook waits for, and one refund per name of the PSE."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# Whoever waits already waits for what the worker wrote so far.
_WAITING = """
UPDATE notices SET waits_for = jsonb_build_array(substring(result from '^Payment (.*) is not registered'))
WHERE applied_at IS NULL AND result ~ '^Payment .* is not registered'
"""


class Migration(migrations.Migration):
    dependencies = [("models", "0007_taken_lines")]

    operations = [
        ops.AddField(model_name="Refund", name="unknown_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Refund", name="known_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Notice", name="waits_for", field=fields.JSONField(null=True)),
        ops.RemoveIndex(model_name="Refund", fields=["connection_id", "pse_refund_reference"]),
        # Fails, naming them, where two refunds have one name already: a person must say whose it is first.
        ops.RunSQL(
            "CREATE UNIQUE INDEX refunds_pse_name ON refunds (connection_id, pse_refund_reference) "
            "WHERE pse_refund_reference IS NOT NULL"
        ),
        ops.RunSQL(_WAITING),
        ops.RunSQL("CREATE INDEX notices_waiting ON notices USING gin (waits_for) WHERE applied_at IS NULL"),
    ]
