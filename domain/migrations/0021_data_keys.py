"""A key per merchant, wrapped; and a connection keeps its old secrets for as long as webhooks are verified with them.

`version` counts a merchant's keys. The one without a merchant is the key of digests.
"""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATEMENTS = [
    "CREATE UNIQUE INDEX data_keys_version ON data_keys (merchant_id, version) NULLS NOT DISTINCT",
    "ALTER TABLE data_keys ADD CONSTRAINT data_keys_version_positive CHECK (version > 0)",
    "ALTER TABLE connections ADD CONSTRAINT connections_old_secrets_end "
    "CHECK (num_nonnulls(old_sealed_secrets, old_valid_until) IN (0, 2))",
    "CREATE TRIGGER data_keys_no_delete BEFORE DELETE ON data_keys FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER data_keys_no_truncate BEFORE TRUNCATE ON data_keys "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0020_access")]

    initial = False

    operations = [
        ops.CreateModel(
            name="DataKey",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        null=True,
                        db_index=False,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("version", fields.IntField()),
                ("wrapped", fields.BinaryField()),
                ("kek", fields.CharField(max_length=300)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("retired_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "data_keys",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One version of a merchant's key; without a merchant: the key of digests. "
                "Retired: it opens nothing any more.",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Connection", name="old_sealed_secrets", field=fields.BinaryField(null=True)),
        ops.AddField(
            model_name="Connection",
            name="old_valid_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
