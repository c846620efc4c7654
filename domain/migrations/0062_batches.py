"""Many refunds or payments from a sheet: the sheet, a verdict for each row, and what became of it.

What a file is for has words more; so have the rules that want two people: a whole sheet, above a number of rows or an
amount.
"""

from enum import StrEnum
from typing import Any, Final

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
_PURPOSES: Final = (
    "ONBOARDING_DOCUMENT",
    "SETTLEMENT_REPORT",
    "BANK_STATEMENT",
    "TAX_DOCUMENT",
    "FINDING_ATTACHMENT",
    "DECISIONS",
    "EXPORT",
    "REFUND_BATCH",
    "PAYMENT_BATCH",
    "BATCH_RESULT",
)
CHECKS: Final = {
    "batches_kind_known": ("batches", "kind IN ('REFUNDS', 'PAYMENTS')"),
    "batches_state_known": ("batches", "state IN ('READING', 'JUDGED', 'APPLYING', 'DONE', 'FAILED', 'CANCELED')"),
    "batches_due": ("batches", "(due_at IS NOT NULL) = (state IN ('READING', 'APPLYING'))"),
    "batches_ended": ("batches", "(ended_at IS NOT NULL) = (state IN ('DONE', 'FAILED', 'CANCELED'))"),
    "batches_judged": (
        "batches",
        "(state IN ('JUDGED', 'APPLYING', 'DONE')) <= (num_nonnulls(digest, rows_total, judged_at) = 3)",
    ),
    "batches_confirmed": (
        "batches",
        "num_nonnulls(confirmed_by, confirmed_by_id, confirmed_at) IN (0, 3) "
        "AND (state IN ('APPLYING', 'DONE')) <= (confirmed_at IS NOT NULL) "
        "AND (state IN ('READING', 'JUDGED')) <= (confirmed_at IS NULL)",
    ),
    "batches_other_people": (
        "batches",
        "by_two IS NULL OR confirmed_by_id IS NULL OR (confirmed_by_id <> party AND confirmed_by <> created_by)",
    ),
    "batches_canceled": ("batches", "(canceled_by IS NOT NULL) = (state = 'CANCELED')"),
    "batches_failed_says_why": ("batches", "(state = 'FAILED') <= (problem IS NOT NULL)"),
    "batches_asked_by": ("batches", "num_nonnulls(person_id, token_id) >= 1"),
    "batches_rows": ("batches", "rows_done >= 0 AND (rows_total IS NULL OR rows_done <= rows_total)"),
    "batch_rows_row": ("batch_rows", "row > 1 AND seen >= 0 AND amount >= 0"),
    "batch_rows_verdict_known": (
        "batch_rows",
        "verdict IN ('GOES', 'WAITS', 'ASKS', 'DONE', 'DUPLICATE', 'REFUSED')",
    ),
    "batch_rows_refused_says_why": ("batch_rows", "(verdict IN ('DUPLICATE', 'REFUSED')) <= (code IS NOT NULL)"),
    "batch_rows_outcome_known": ("batch_rows", "outcome IN ('ASKED', 'ALREADY', 'REGISTERED', 'REFUSED', 'LEFT')"),
    "batch_rows_outcome_whole": (
        "batch_rows",
        "(outcome IS NOT NULL) = (at IS NOT NULL) AND (outcome IN ('ASKED', 'REGISTERED')) <= (claimed_at IS NOT NULL)",
    ),
}
STATEMENTS: Final = [
    *(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})" for name, (table, rule) in CHECKS.items()),
    "ALTER TABLE batches ADD CONSTRAINT batches_merchant UNIQUE (id, merchant_id)",
    *(
        f"ALTER TABLE batch_rows ADD CONSTRAINT batch_rows_{one}_of_merchant FOREIGN KEY ({one}_id, merchant_id) "
        f"REFERENCES {table} (id, merchant_id) ON DELETE RESTRICT"
        for one, table in (("batch", "batches"), ("refund", "refunds"))
    ),
    "CREATE INDEX batches_due ON batches (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX batch_rows_key ON batch_rows (merchant_id, key)",
    "CREATE INDEX batch_rows_claimed ON batch_rows (payment_id, amount) "
    "WHERE claimed_at IS NOT NULL AND outcome IS NULL",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("batches", "batch_rows")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("batches", "batch_rows")
    ),
    "ALTER TABLE approval_rules DROP CONSTRAINT approval_rules_kind_known",
    "ALTER TABLE approval_rules ADD CONSTRAINT approval_rules_kind_known "
    "CHECK (kind IN ('APPROVAL', 'SETTLEMENT', 'FINDING', 'CAP', 'BATCH'))",
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


def _words(name: str, words: tuple[str, ...], length: int) -> Any:
    enum: Any = StrEnum(name, [(word, word) for word in words])  # type: ignore[misc]
    return fields.CharEnumField(
        description="\n".join(f"{word}: {word}" for word in words), enum_type=enum, max_length=length
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0061_shops")]

    initial = False

    operations = [
        ops.AlterField(model_name="File", name="purpose", field=_words("Purpose", _PURPOSES, 32)),
        ops.CreateModel(
            name="Batch",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("kind", fields.CharField(max_length=8)),
                ("file", _of("File", "file_id", indexed=True)),
                ("name", fields.CharField(max_length=200)),
                ("state", fields.CharField(max_length=8)),
                ("written", fields.CharField(null=True, max_length=60)),
                ("ignored", fields.CharField(null=True, max_length=500)),
                ("digest", fields.CharField(null=True, max_length=64)),
                ("by_two", fields.CharField(null=True, max_length=300)),
                ("rows_total", fields.IntField(null=True)),
                ("rows_done", fields.IntField(default=0)),
                ("changes", fields.IntField(default=0)),
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
                ("judged_at", _moment()),
                ("confirmed_by", fields.CharField(null=True, max_length=200)),
                ("confirmed_by_id", fields.UUIDField(null=True)),
                ("confirmed_at", _moment()),
                ("canceled_by", fields.CharField(null=True, max_length=200)),
                ("ended_at", _moment()),
            ],
            options={
                "table": "batches",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
                "table_description": "One sheet: read and judged as a job, confirmed, and worked off row by row.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="BatchRow",
            fields=[
                ("id", fields.BigIntField(primary_key=True, generated=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("batch", _of("Batch", "batch_id")),
                ("row", fields.IntField()),
                ("key", fields.CharField(max_length=64)),
                ("number", fields.CharField(null=True, max_length=100)),
                ("named", fields.CharField(max_length=200)),
                ("amount", fields.BigIntField(null=True)),
                ("currency", fields.CharField(null=True, max_length=3)),
                ("verdict", fields.CharField(max_length=12)),
                ("code", fields.CharField(null=True, max_length=32)),
                ("said", fields.CharField(max_length=500)),
                ("payment", _of("Payment", "payment_id", indexed=True, null=True)),
                ("store_id", fields.UUIDField(null=True)),
                ("seen", fields.IntField(default=0)),
                ("claimed_at", _moment()),
                ("outcome", fields.CharField(null=True, max_length=12)),
                ("outcome_code", fields.CharField(null=True, max_length=32)),
                ("outcome_said", fields.CharField(null=True, max_length=500)),
                ("refund", _of("Refund", "refund_id", indexed=True, null=True)),
                ("at", _moment()),
            ],
            options={
                "table": "batch_rows",
                "app": "models",
                "unique_together": (("batch_id", "row"),),
                "pk_attr": "id",
                "table_description": "One row of a sheet: the verdict before anything was sent, and the outcome. "
                "Accounts stay in the file, sealed.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
