"""Which movements of a file count as which lines of earlier ones, in other words: a person sees and may doubt it."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATEMENTS = [
    "ALTER TABLE bank_rewordings ADD CONSTRAINT bank_rewordings_earlier_of_merchant "
    "FOREIGN KEY (earlier_id, merchant_id) REFERENCES bank_lines (id, merchant_id) ON DELETE RESTRICT",
    "CREATE INDEX bank_rewordings_in_doubt ON bank_rewordings (earlier_id) WHERE NOT is_sure",
    # Payouts are looked for by their amounts.
    "CREATE INDEX bank_lines_of_amount ON bank_lines (merchant_id, amount)",
    "CREATE TRIGGER bank_rewordings_no_change BEFORE UPDATE OR DELETE ON bank_rewordings "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER bank_rewordings_no_truncate BEFORE TRUNCATE ON bank_rewordings "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
]


def _of(model: str, column: str, *, indexed: bool = False) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        db_index=indexed,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


class Migration(migrations.Migration):
    """A table, and an index. What was taken in before stays a count in words."""

    dependencies = [("models", "0091_bank_taken_back")]

    initial = False

    operations: list[Any] = [
        ops.CreateModel(
            name="BankRewording",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("statement", _of("BankStatement", "statement_id", indexed=True)),
                ("earlier", _of("BankLine", "earlier_id")),
                ("line", fields.IntField()),
                ("text", fields.TextField(unique=False)),
                ("reference", fields.TextField(null=True, unique=False)),
                ("key", fields.CharField(max_length=64)),
                ("is_sure", fields.BooleanField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "bank_rewordings",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A movement of a file that an earlier line is in other words: it counts once.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
