"""What merchants use in a month, which plan they have, and what was said of it. A closed month never changes."""

from typing import Any, Final

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

_COUNTERS: Final = "('REFUNDS', 'API_CALLS', 'DELIVERIES', 'LINES')"
_FIRST: Final = "extract(day FROM month) = 1"
CHECKS: Final = {
    "usage_calls_month": ("usage_calls", f"{_FIRST} AND calls >= 0"),
    "usage_months_month": ("usage_months", _FIRST),
    "usage_months_counts": (
        "usage_months",
        "refunds >= 0 AND api_calls >= 0 AND deliveries >= 0 AND lines >= 0",
    ),
    "usage_plans_support_known": ("usage_plans", "support IN ('COMMUNITY', 'STANDARD', 'PRIORITY')"),
    "usage_notes_counter_known": ("usage_notes", f"counter IN {_COUNTERS}"),
    "usage_notes_numbers": ("usage_notes", f"percent IN (80, 100) AND used >= 0 AND quota > 0 AND {_FIRST}"),
}
_TABLES: Final = ("usage_calls", "usage_months", "usage_plans", "usage_notes")
STATEMENTS: Final = [
    *(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})" for name, (table, rule) in CHECKS.items()),
    "CREATE UNIQUE INDEX usage_plans_current ON usage_plans (merchant_id) WHERE ended_at IS NULL",
    "ALTER TABLE usage_notes ALTER COLUMN at SET DEFAULT now()",
    "CREATE TRIGGER usage_months_closed BEFORE UPDATE ON usage_months FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) "
    "EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER usage_notes_no_change BEFORE UPDATE OR DELETE ON usage_notes FOR EACH ROW "
    "EXECUTE FUNCTION refuse_change()",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in _TABLES
        if table != "usage_notes"
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
        "EXECUTE FUNCTION refuse_change()"
        for table in _TABLES
    ),
]


def _merchant() -> tuple[str, Any]:
    return "merchant", fields.ForeignKeyField(
        "models.Merchant",
        source_field="merchant_id",
        db_index=False,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _number() -> tuple[str, Any]:
    return "id", fields.BigIntField(primary_key=True, generated=True, unique=True, db_index=True)


def _moment(*, now: bool = False, null: bool = False) -> Any:
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=now)


class Migration(migrations.Migration):
    dependencies = [("models", "0062_batches")]

    initial = False

    operations = [
        ops.CreateModel(
            name="UsageCalls",
            fields=[_number(), _merchant(), ("month", fields.DateField()), ("calls", fields.BigIntField())],
            options={
                "table": "usage_calls",
                "app": "models",
                "unique_together": (("merchant_id", "month"),),
                "pk_attr": "id",
                "table_description": "API calls of a month, as the processes that take them write them down.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UsageMonth",
            fields=[
                _number(),
                _merchant(),
                ("month", fields.DateField()),
                *((name, fields.BigIntField()) for name in ("refunds", "api_calls", "deliveries", "lines")),
                ("counted_at", _moment()),
                ("closed_at", _moment(null=True)),
            ],
            options={
                "table": "usage_months",
                "app": "models",
                "unique_together": (("merchant_id", "month"),),
                "pk_attr": "id",
                "table_description": "What was used in a month: counted anew while it lasts, never changed once it is "
                "closed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UsagePlan",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                _merchant(),
                ("plan", fields.CharField(max_length=32)),
                ("support", fields.CharField(max_length=16)),
                ("quotas", fields.JSONField()),
                ("set_by", fields.CharField(max_length=200)),
                ("set_by_id", fields.UUIDField()),
                ("started_at", _moment(now=True)),
                ("ended_at", _moment(null=True)),
            ],
            options={
                "table": "usage_plans",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "started_at", "id"])],
                "pk_attr": "id",
                "table_description": "A plan as a merchant was given it, with its quotas of that day. One stands; the "
                "others have ended.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UsageNote",
            fields=[
                _number(),
                _merchant(),
                ("month", fields.DateField()),
                ("counter", fields.CharField(max_length=16)),
                ("percent", fields.IntField()),
                ("used", fields.BigIntField()),
                ("quota", fields.BigIntField()),
                ("hard", fields.BooleanField()),
                ("at", _moment(now=True)),
            ],
            options={
                "table": "usage_notes",
                "app": "models",
                "unique_together": (("merchant_id", "month", "counter", "percent"),),
                "pk_attr": "id",
                "table_description": "That a quota was used to so many percent: said once a month.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
