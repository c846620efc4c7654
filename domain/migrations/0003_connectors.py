"""What connectors of more PSEs need: snapshots, announced reports, settled amounts, refused webhooks."""

from enum import StrEnum
from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tortoise.fields.base import OnDelete
from tortoise import fields

# The words, kept here: a migration does not change with the code.
Method = StrEnum(
    "Method", [(word, word) for word in ["PIX", "BOLETO", "OXXO", "SPEI", "PSE_COLOMBIA", "CARD", "BANK_TRANSFER"]]
)

STATEMENTS = [
    # The same report has the same name: a revised file supersedes the one before; a date may have several reports.
    "ALTER TABLE settlement_lines ALTER COLUMN by_amount SET DEFAULT false",
    "DROP INDEX reports_one_valid",
    "CREATE UNIQUE INDEX reports_one_valid ON reports (connection_id, name) WHERE superseded_at IS NULL",
    "CREATE INDEX settlement_lines_of_payment ON settlement_lines (payment_id) WHERE voided_at IS NULL",
    "CREATE TRIGGER announced_reports_no_change BEFORE UPDATE OR DELETE ON announced_reports "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER announced_reports_no_truncate BEFORE TRUNCATE ON announced_reports "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER refused_webhooks_no_delete BEFORE DELETE ON refused_webhooks "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER refused_webhooks_no_truncate BEFORE TRUNCATE ON refused_webhooks "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0002_guards")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AnnouncedReport",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "connection",
                    fields.ForeignKeyField(
                        "models.Connection",
                        source_field="connection_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=200)),
                ("announced_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "announced_reports",
                "app": "models",
                "unique_together": (("connection_id", "name"),),
                "pk_attr": "id",
                "table_description": "A report that a webhook has announced; it is fetched by the next run.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RefusedWebhook",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "connection",
                    fields.ForeignKeyField(
                        "models.Connection",
                        source_field="connection_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("day", fields.DateField()),
                ("times", fields.IntField(default=1)),
            ],
            options={
                "table": "refused_webhooks",
                "app": "models",
                "unique_together": (("connection_id", "day"),),
                "pk_attr": "id",
                "table_description": "How many webhooks of a day did not prove that they come from the PSE; nothing else of them is kept.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Connection",
            name="report_url",
            field=fields.CharField(null=True, max_length=500),
        ),
        ops.AlterField(
            model_name="Payment",
            name="method",
            field=fields.CharEnumField(
                description="PIX: PIX\nBOLETO: BOLETO\nOXXO: OXXO\nSPEI: SPEI\nPSE_COLOMBIA: PSE_COLOMBIA\nCARD: CARD\nBANK_TRANSFER: BANK_TRANSFER",
                enum_type=Method,
                max_length=20,
            ),
        ),
        ops.RemoveField(model_name="ReconciliationRun", name="report"),
        ops.AddField(
            model_name="Refund",
            name="known_before",
            field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
        ),
        ops.AlterField(
            model_name="SettlementLine",
            name="payment_reference",
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="by_amount",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="order_reference",
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="payment_alias",
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="payout_reference",
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="settled_currency",
            field=fields.CharField(null=True, max_length=3),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="settled_fee",
            field=fields.DecimalField(null=True, max_digits=28, decimal_places=8),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="settled_gross",
            field=fields.DecimalField(null=True, max_digits=28, decimal_places=8),
        ),
        ops.AddField(
            model_name="SettlementLine",
            name="settled_net",
            field=fields.DecimalField(null=True, max_digits=28, decimal_places=8),
        ),
        ops.RunSQL(STATEMENTS),
    ]
