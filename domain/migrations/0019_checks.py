"""When the books were compared: every 15 minutes only what has changed since is compared again."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE TRIGGER checks_no_change BEFORE UPDATE OR DELETE ON checks FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER checks_no_truncate BEFORE TRUNCATE ON checks FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    # What changes without a new row: both hold few, and neither is written when a refund is.
    "CREATE INDEX settlement_lines_voided ON settlement_lines (voided_at) WHERE voided_at IS NOT NULL",
    "CREATE INDEX findings_resolved ON findings (resolved_at) WHERE resolved_at IS NOT NULL",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0018_lists")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Check",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("whole", fields.BooleanField()),
                ("events", fields.BigIntField()),
                ("ledger_entries", fields.BigIntField()),
                ("settlement_lines", fields.BigIntField()),
                ("listed_money", fields.BigIntField()),
                ("standing", fields.JSONField()),
            ],
            options={
                "table": "checks",
                "app": "models",
                "pk_attr": "id",
                "table_description": "The next comparison of what has changed begins at these ids, and looks again at "
                "what stands.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
