"""A payment that a client registered is confirmed, or contradicted, by its PSE before the first refund of it leaves."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

CHECKS = {
    "payments_confirmed_whole": "num_nonnulls(confirmed_at, confirmed_by) IN (0, 2)",
    "payments_confirmed_by_known": "confirmed_by IN ('PSE', 'LISTING', 'WEBHOOK', 'REPORT')",
    "payments_contradicted_whole": "num_nonnulls(contradicted_at, contradiction) IN (0, 2)",
    "payments_confirmed_or_contradicted": "confirmed_at IS NULL OR contradicted_at IS NULL",
}
STATEMENTS = [
    *(f"ALTER TABLE payments ADD CONSTRAINT {name} CHECK ({condition})" for name, condition in CHECKS.items()),
    # What the PSE itself has listed needs no question. Of all others the PSE is asked once.
    "UPDATE payments SET confirmed_at = created_at, confirmed_by = 'LISTING' WHERE source = 'LISTING'",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0024_customer_tokens")]

    initial = False

    operations = [
        ops.AddField(model_name="Payment", name="confirmed_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Payment", name="confirmed_by", field=fields.CharField(null=True, max_length=16)),
        ops.AddField(model_name="Payment", name="contradicted_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Payment", name="contradiction", field=fields.CharField(null=True, max_length=500)),
        ops.AddField(model_name="Payment", name="unknown_since", field=fields.DatetimeField(null=True)),
        ops.RunSQL(STATEMENTS),
    ]
