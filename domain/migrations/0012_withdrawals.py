"""A payment registered in error is taken back by adding, and what a client may ask for often is counted."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

CHECKS = {
    "payments_withdrawn_whole": "num_nonnulls(withdrawn_at, withdrawn_by, withdrawal_reason) IN (0, 3)",
    "payments_withdrawn_untouched": (
        "withdrawn_at IS NULL OR reserved + refunded + taken_by_bank + abs(charged_back) = 0"
    ),
}
STATEMENTS = [
    *(f"ALTER TABLE payments ADD CONSTRAINT {name} CHECK ({condition})" for name, condition in CHECKS.items()),
    # The reference of a withdrawn payment is free: the true capture, with the right amount, must be registrable.
    "CREATE UNIQUE INDEX payments_reference_once ON payments (connection_id, pse_reference) WHERE withdrawn_at IS NULL",
    # The holders that were named for a payment are looked at before another one is compared with its payer.
    "CREATE INDEX destinations_of_refund ON destinations (refund_id)",
    # Unlogged: after a crash everybody may ask again, and nothing else is lost.
    "CREATE UNLOGGED TABLE paces (key varchar(100) PRIMARY KEY, until timestamptz NOT NULL)",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0011_nights")]

    operations = [
        ops.AddField(model_name="Payment", name="withdrawn_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Payment", name="withdrawn_by", field=fields.CharField(null=True, max_length=200)),
        ops.AddField(model_name="Payment", name="withdrawal_reason", field=fields.CharField(null=True, max_length=500)),
        ops.RemoveConstraint(model_name="Payment", fields=["connection_id", "pse_reference"]),
        ops.RunSQL(STATEMENTS),
    ]
