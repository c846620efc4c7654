"""Before money depends on a connection: preflights, certifications, and since when a PSE has refused our access."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

_RUNS = ("preflight_runs", "certification_runs")
_PARTS = ("preflight_checks", "certification_cases")
STATEMENTS = [
    "ALTER TABLE connections ALTER COLUMN refusals SET DEFAULT 0",
    *(f"ALTER TABLE {table} ALTER COLUMN tries SET DEFAULT 0" for table in _RUNS),
    # Two of one connection at once would only ask the same things twice.
    *(f"CREATE UNIQUE INDEX {table}_one_live ON {table} (connection_id) WHERE finished_at IS NULL" for table in _RUNS),
    *(f"CREATE INDEX {table}_due ON {table} (due_at) WHERE due_at IS NOT NULL" for table in _RUNS),
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_connection_of_merchant FOREIGN KEY (connection_id, merchant_id) "
        "REFERENCES connections (id, merchant_id) ON DELETE RESTRICT"
        for table in _RUNS
    ),
    "ALTER TABLE preflight_runs ADD CONSTRAINT preflight_runs_end_has_outcome "
    "CHECK ((finished_at IS NULL) = (outcome IS NULL))",
    "ALTER TABLE certification_runs ADD CONSTRAINT certification_runs_end_has_outcome "
    "CHECK ((finished_at IS NULL) = (outcome IS NULL))",
    "ALTER TABLE preflight_checks ADD CONSTRAINT preflight_checks_known "
    "CHECK (outcome IN ('PASSED', 'FAILED', 'UNKNOWN', 'NOT_ASKABLE'))",
    "ALTER TABLE certification_cases ADD CONSTRAINT certification_cases_known "
    "CHECK (outcome IN ('PASSED', 'FAILED', 'SKIPPED'))",
    *(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _PARTS
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in _PARTS
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0021_data_keys")]

    initial = False

    operations = [
        ops.AddField(model_name="Connection", name="refusals", field=fields.IntField(default=0)),
        ops.AddField(
            model_name="Connection",
            name="refused_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(model_name="Connection", name="refused_with", field=fields.CharField(null=True, max_length=64)),
        ops.AddField(
            model_name="Connection", name="refused_because", field=fields.CharField(null=True, max_length=500)
        ),
        ops.CreateModel(
            name="PreflightRun",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
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
                ("request_id", fields.CharField(max_length=64)),
                ("asked_by", fields.CharField(max_length=200)),
                ("outcome", fields.CharField(null=True, max_length=16)),
                ("error", fields.TextField(null=True, unique=False)),
                ("tries", fields.IntField(default=0)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "preflight_runs",
                "app": "models",
                "indexes": [Index(fields=["connection_id", "created_at", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PreflightCheck",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "run",
                    fields.ForeignKeyField(
                        "models.PreflightRun",
                        source_field="run_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("code", fields.CharField(max_length=32)),
                ("outcome", fields.CharField(max_length=16)),
                ("saw", fields.TextField(unique=False)),
                ("what_to_do", fields.TextField(unique=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "preflight_checks",
                "app": "models",
                "unique_together": (("run_id", "code"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CertificationRun",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
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
                ("request_id", fields.CharField(max_length=64)),
                ("asked_by", fields.CharField(max_length=200)),
                ("outcome", fields.CharField(null=True, max_length=16)),
                ("error", fields.TextField(null=True, unique=False)),
                ("payments", fields.JSONField()),
                ("report", fields.JSONField(null=True)),
                ("signature", fields.CharField(null=True, max_length=200)),
                ("tries", fields.IntField(default=0)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "certification_runs",
                "app": "models",
                "indexes": [Index(fields=["connection_id", "created_at", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CertificationCase",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "run",
                    fields.ForeignKeyField(
                        "models.CertificationRun",
                        source_field="run_id",
                        db_constraint=True,
                        to_field="id",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=32)),
                ("outcome", fields.CharField(max_length=16)),
                ("said", fields.TextField(unique=False)),
                ("evidence", fields.JSONField()),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "certification_cases",
                "app": "models",
                "unique_together": (("run_id", "name"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
