"""Exports as jobs to files that expire, and sheets of decisions that are applied row by row."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

CHECKS = {
    "exports_kind_known": (
        "exports",
        "kind IN ('FINDINGS', 'REFUNDS', 'PAYMENTS', 'LEDGER', 'VAT', 'TRIAL_BALANCE')",
    ),
    "exports_format_known": ("exports", "format IN ('XLSX', 'CSV', 'PARQUET')"),
    "exports_state_known": ("exports", "state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'EXPIRED')"),
    "exports_done_has_file": (
        "exports",
        "(state IN ('DONE', 'EXPIRED')) = (num_nonnulls(file_id, sha256, expires_at) = 3)",
    ),
    "exports_failed_says_why": ("exports", "(state = 'FAILED') <= (problem IS NOT NULL)"),
    "exports_ended": ("exports", "(state IN ('QUEUED', 'RUNNING')) = (ended_at IS NULL)"),
    "exports_due": ("exports", "(due_at IS NOT NULL) = (state IN ('QUEUED', 'RUNNING'))"),
    "exports_rows": ("exports", "rows_done >= 0 AND (rows_total IS NULL OR rows_total >= 0)"),
    "decision_batches_state_known": ("decision_batches", "state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')"),
    "decision_batches_ended": ("decision_batches", "(state IN ('QUEUED', 'RUNNING')) = (ended_at IS NULL)"),
    "decision_batches_due": ("decision_batches", "(due_at IS NOT NULL) = (state IN ('QUEUED', 'RUNNING'))"),
    "decision_batches_rows": ("decision_batches", "rows_done BETWEEN 0 AND rows_total"),
    "decision_batches_asked_by": ("decision_batches", "num_nonnulls(person_id, token_id) >= 1"),
    "decision_rows_outcome_known": (
        "decision_rows",
        "outcome IN ('RESOLVED', 'WAITS', 'ASSIGNED', 'REFUSED')",
    ),
    "decision_rows_row": ("decision_rows", "row > 1"),
}
STATEMENTS = [
    *(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})" for name, (table, rule) in CHECKS.items()),
    "ALTER TABLE decision_batches ADD CONSTRAINT decision_batches_merchant UNIQUE (id, merchant_id)",
    "ALTER TABLE decision_rows ADD CONSTRAINT decision_rows_batch_of_merchant "
    "FOREIGN KEY (batch_id, merchant_id) REFERENCES decision_batches (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE decision_rows ADD CONSTRAINT decision_rows_finding_of_merchant "
    "FOREIGN KEY (finding_id, merchant_id) REFERENCES findings (id, merchant_id) ON DELETE RESTRICT",
    "CREATE INDEX exports_due ON exports (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX exports_expire ON exports (expires_at) WHERE state = 'DONE'",
    "CREATE INDEX decision_batches_due ON decision_batches (due_at) WHERE due_at IS NOT NULL",
    "CREATE TRIGGER decision_rows_no_change BEFORE UPDATE OR DELETE ON decision_rows "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("exports", "decision_batches")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("exports", "decision_batches", "decision_rows")
    ),
]


def _of(model: str, column: str, *, indexed: bool = False, null: bool = False) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        null=null,
        db_index=indexed,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _moment(*, now: bool = False) -> Any:
    return fields.DatetimeField(null=not now, auto_now=False, auto_now_add=now)


def _id() -> tuple[str, Any]:
    return "id", fields.UUIDField(primary_key=True, unique=True, db_index=True)


class Migration(migrations.Migration):
    dependencies = [("models", "0049_quotes")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Export",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("kind", fields.CharField(max_length=16)),
                ("format", fields.CharField(max_length=8)),
                ("wanted", fields.JSONField()),
                ("store_ids", fields.JSONField(null=True)),
                ("state", fields.CharField(max_length=8)),
                ("rows_done", fields.IntField(default=0)),
                ("rows_total", fields.IntField(null=True)),
                ("sha256", fields.CharField(null=True, max_length=64)),
                ("problem", fields.CharField(null=True, max_length=500)),
                ("file", _of("File", "file_id", indexed=True, null=True)),
                ("tries", fields.IntField(default=0)),
                ("due_at", _moment()),
                ("expires_at", _moment()),
                ("created_by", fields.CharField(max_length=200)),
                ("party", fields.UUIDField()),
                ("created_at", _moment(now=True)),
                ("ended_at", _moment()),
            ],
            options={
                "table": "exports",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DecisionBatch",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("file", _of("File", "file_id", indexed=True)),
                ("state", fields.CharField(max_length=8)),
                ("rows_done", fields.IntField(default=0)),
                ("rows_total", fields.IntField()),
                ("problem", fields.CharField(null=True, max_length=500)),
                ("tries", fields.IntField(default=0)),
                ("due_at", _moment()),
                ("created_by", fields.CharField(max_length=200)),
                ("party", fields.UUIDField()),
                ("person_id", fields.UUIDField(null=True)),
                ("token_id", fields.UUIDField(null=True)),
                ("session_id", fields.UUIDField(null=True)),
                ("request_id", fields.CharField(max_length=64)),
                ("created_at", _moment(now=True)),
                ("ended_at", _moment()),
            ],
            options={
                "table": "decision_batches",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "One sheet of decisions that is applied, row by row.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DecisionRow",
            fields=[
                ("id", fields.BigIntField(primary_key=True, generated=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("batch", _of("DecisionBatch", "batch_id")),
                ("row", fields.IntField()),
                ("finding", _of("Finding", "finding_id", indexed=True, null=True)),
                ("outcome", fields.CharField(max_length=16)),
                ("code", fields.CharField(null=True, max_length=32)),
                ("said", fields.CharField(max_length=500)),
                ("at", _moment(now=True)),
            ],
            options={
                "table": "decision_rows",
                "app": "models",
                "unique_together": (("batch_id", "row"),),
                "pk_attr": "id",
                "table_description": "What became of one row of a sheet: added, never changed.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
