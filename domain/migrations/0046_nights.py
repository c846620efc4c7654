"""The night as an operator sees it: how far a run is, when reports are expected, and how they come in by other ways."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

CHECKS = {
    "report_expectations_covers_known": ("report_expectations", "covers IN ('DATE', 'PERIOD', 'NOTHING')"),
    "report_expectations_lags": ("report_expectations", "days BETWEEN 0 AND 90 AND line_days BETWEEN 0 AND 90"),
    "report_expectations_until": ("report_expectations", "until ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'"),
    "report_expectations_countries": ("report_expectations", "cardinality(countries) BETWEEN 0 AND 10"),
    "bank_days_country": ("bank_days", "country ~ '^[A-Z]{2}$'"),
    "handed_reports_way_known": ("handed_reports", "way IN ('UPLOAD', 'FOLDER', 'SFTP')"),
    "handed_reports_state_known": (
        "handed_reports",
        "state IN ('WAITING', 'TAKEN', 'KNOWN', 'REFUSED', 'SKIPPED')",
    ),
    "handed_reports_done": ("handed_reports", "(state = 'WAITING') = (done_at IS NULL)"),
    "handed_reports_said": ("handed_reports", "state = 'WAITING' OR said IS NOT NULL"),
    "handed_reports_due": ("handed_reports", "due_at IS NULL OR state = 'WAITING'"),
    "handed_reports_upload_has_file": ("handed_reports", "(way = 'UPLOAD') = (file_id IS NOT NULL)"),
    "handed_reports_size": ("handed_reports", "size >= 0"),
    "report_sources_port": ("report_sources", "port BETWEEN 1 AND 65535"),
}
STATEMENTS = [
    *(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})" for name, (table, rule) in CHECKS.items()),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_connection_of_merchant FOREIGN KEY (connection_id, merchant_id) "
        "REFERENCES connections (id, merchant_id) ON DELETE RESTRICT"
        for table in ("handed_reports", "report_sources", "report_expectations")
    ),
    "ALTER TABLE reconciliation_runs ALTER COLUMN changes SET DEFAULT 0",  # older processes do not know it
    *(
        f"CREATE UNIQUE INDEX {table}_one ON {table} (connection_id)"
        for table in ("report_sources", "report_expectations")
    ),
    "CREATE INDEX handed_reports_due ON handed_reports (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX handed_reports_known ON handed_reports (connection_id, name, size, modified_at)",
    "CREATE INDEX handed_reports_bytes ON handed_reports (connection_id, sha256)",
    "CREATE INDEX handed_reports_of_run ON handed_reports (run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX handed_reports_of_file ON handed_reports (file_id) WHERE file_id IS NOT NULL",
    "CREATE INDEX report_sources_due ON report_sources (due_at) WHERE due_at IS NOT NULL",
    # Whether anything was captured on a day: payments come in about as they are captured, so a few pages say it.
    "CREATE INDEX payments_of_day ON payments USING brin (captured_at)",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("handed_reports", "report_sources", "report_expectations", "bank_days")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("handed_reports", "report_sources", "report_expectations", "bank_days")
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0045_taxes")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BankDay",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("country", fields.CharField(max_length=2)),
                ("day", fields.DateField()),
                ("closed", fields.BooleanField()),
                ("why", fields.CharField(max_length=200)),
                ("set_by", fields.CharField(max_length=200)),
                ("set_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={
                "table": "bank_days",
                "app": "models",
                "unique_together": (("merchant_id", "country", "day"),),
                "pk_attr": "id",
                "table_description": "Whether a country's banks work on a day, where people know better than a table.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="HandedReport",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
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
                ("way", fields.CharField(max_length=8)),
                ("name", fields.CharField(max_length=200)),
                ("size", fields.BigIntField()),
                ("sha256", fields.CharField(max_length=64)),
                ("modified_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "file",
                    fields.ForeignKeyField(
                        "models.File",
                        source_field="file_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("business_date", fields.DateField(null=True)),
                ("state", fields.CharField(max_length=8)),
                ("said", fields.TextField(null=True, unique=False)),
                (
                    "run",
                    fields.ForeignKeyField(
                        "models.ReconciliationRun",
                        source_field="run_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("tries", fields.IntField(default=0)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("handed_in_by", fields.CharField(max_length=200)),
                ("request_id", fields.CharField(max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("done_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "handed_reports",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "A report that was handed in or delivered, and what became of it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ReportExpectation",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
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
                ("covers", fields.CharField(max_length=8)),
                ("days", fields.IntField()),
                ("of_banks", fields.BooleanField()),
                ("until", fields.CharField(max_length=5)),
                ("zone", fields.CharField(max_length=64)),
                ("countries", ArrayField(element_type="TEXT")),
                ("line_days", fields.IntField(null=True)),
                ("line_of_banks", fields.BooleanField()),
                ("set_by", fields.CharField(max_length=200)),
                ("set_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={
                "table": "report_expectations",
                "app": "models",
                "pk_attr": "id",
                "table_description": "When a connection's reports come by its contract, else what is known of its PSE.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ReportSource",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
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
                ("host", fields.CharField(max_length=253)),
                ("port", fields.IntField()),
                ("username", fields.CharField(max_length=200)),
                ("folder", fields.CharField(max_length=500)),
                ("host_key", fields.CharField(max_length=2000)),
                ("sealed_secrets", fields.BinaryField()),
                ("enabled", fields.BooleanField(default=True)),
                ("set_by", fields.CharField(max_length=200)),
                ("set_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
                ("failures", fields.IntField(default=0)),
                ("said", fields.TextField(null=True, unique=False)),
                ("visited_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "report_sources",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Where a connection's reports are fetched by SFTP. Nothing is deleted there.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="ReconciliationRun",
            name="begun_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="ReconciliationRun",
            name="changes",
            field=fields.BigIntField(default=0),
        ),
        ops.AddField(
            model_name="ReconciliationRun",
            name="phase",
            field=fields.CharField(null=True, max_length=16),
        ),
        ops.AddField(
            model_name="ReconciliationRun",
            name="rows_done",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="ReconciliationRun",
            name="rows_total",
            field=fields.BigIntField(null=True),
        ),
        ops.RunSQL(STATEMENTS),
    ]
