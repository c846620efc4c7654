"""Checkpoints of the ledger: a balance starts from the last one instead of from the first entry."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE UNIQUE INDEX ledger_checkpoints_once ON ledger_checkpoints "
    "(until_entry, merchant_id, connection_id, account, currency, accounting_date)",
    "CREATE TRIGGER ledger_checkpoints_no_change BEFORE UPDATE OR DELETE ON ledger_checkpoints "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER ledger_checkpoints_no_truncate BEFORE TRUNCATE ON ledger_checkpoints "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
]


def _key(model: str, column: str) -> fields.ForeignKeyRelation:  # type: ignore[type-arg]
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        db_index=False,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0016_listed_money")]

    initial = False

    operations = [
        ops.CreateModel(
            name="LedgerCheckpoint",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("until_entry", fields.BigIntField()),
                ("merchant", _key("Merchant", "merchant_id")),
                ("connection", _key("Connection", "connection_id")),
                ("account", fields.CharField(max_length=24)),
                ("currency", fields.CharField(max_length=3)),
                ("accounting_date", fields.DateField()),
                ("debits", fields.DecimalField(max_digits=38, decimal_places=0)),
                ("credits", fields.DecimalField(max_digits=38, decimal_places=0)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ledger_checkpoints",
                "app": "models",
                "indexes": [("merchant_id", "connection_id", "accounting_date")],
                "pk_attr": "id",
                "table_description": "What was booked between two checkpoints, per account and accounting date. "
                "Added, never changed.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
