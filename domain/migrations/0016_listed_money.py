"""What the PSE itself said stays booked when a revised report has it no longer, whoever told of it first.

A night that is repeated also looks for what it had booked as come back before it died.
"""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE UNIQUE INDEX listed_money_name ON listed_money (name)",
    "CREATE INDEX ledger_entries_taken_back ON ledger_entries (request_id) WHERE entry = 'TAKEN_BACK'",
    "CREATE TRIGGER listed_money_no_change BEFORE UPDATE OR DELETE ON listed_money "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER listed_money_no_truncate BEFORE TRUNCATE ON listed_money "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    # What was booked until now because the PSE said so; a name that was told again had been a report's.
    "INSERT INTO listed_money (payment_id, name, amount, request_id, at) "
    "SELECT payment_id, split_part(cause, '/again-', 1), amount, request_id, booked_at FROM ledger_entries "
    "WHERE entry = 'TAKEN' AND NOT starts_with(request_id, 'reconciliation-') "
    "ORDER BY id ON CONFLICT (name) DO NOTHING",
    "INSERT INTO listed_money (payment_id, name, amount, request_id, at) "
    "SELECT payment_id, split_part(left(cause, -5), '/again-', 1) || '/back', amount, request_id, booked_at "
    "FROM ledger_entries WHERE entry = 'TAKEN_BACK' AND right(cause, 5) = '/back' "
    "AND NOT starts_with(request_id, 'reconciliation-') ORDER BY id ON CONFLICT (name) DO NOTHING",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0015_unreadable")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ListedMoney",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "payment",
                    fields.ForeignKeyField(
                        "models.Payment",
                        source_field="payment_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.TextField(unique=False)),
                ("amount", fields.BigIntField()),
                ("request_id", fields.CharField(max_length=64)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "listed_money",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What a PSE itself said to have left, or come back, without a refund of ours, "
                "whoever told of it first.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
