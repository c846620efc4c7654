"""Alerts: rules, what is open and who has it, what is to be said where, and how far the history was looked through."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

# The words, kept here: a migration does not change with the code.
_ALERTKIND = (
    "REFUND_STUCK", "REFUND_FAILED", "REFUND_RETURNED", "DOUBT", "FINDING", "VAT_DEADLINE", "PSE_DOWN",
    "ACCESS_REFUSED", "REPORT_LATE", "EXPIRING", "INVARIANT_BROKEN", "BALANCE_LOW", "UNUSUAL_VOLUME",
    "CHANNEL_FAILING", "APPROVAL_WAITING", "WEBHOOKS_REFUSED",
)  # fmt: skip
_SEVERITY = ("CRITICAL", "WARNING", "INFO")
_MODE = ("AT_ONCE", "DIGEST", "NEVER")
_WHAT = ("OPENED", "GREW", "REPEATED", "ESCALATED", "RESOLVED")
_CLOCK = "'^([01][0-9]|2[0-3]):[0-5][0-9]$'"


def _known(words: Sequence[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


CHECKS = {
    "alert_rules_kind_known": ("alert_rules", f"kind IN {_known(_ALERTKIND)}"),
    "alert_rules_mode_known": ("alert_rules", "mode IN ('AT_ONCE', 'DIGEST', 'NEVER')"),
    "alert_rules_severity_known": ("alert_rules", "severity IN ('CRITICAL', 'WARNING', 'INFO')"),
    "alert_rules_named": ("alert_rules", "name <> ''"),
    "alert_rules_quiet_whole": (
        "alert_rules",
        f"num_nonnulls(quiet_from, quiet_until) IN (0, 2) AND quiet_from ~ {_CLOCK} AND quiet_until ~ {_CLOCK}",
    ),
    "alert_rules_hours": ("alert_rules", "hours BETWEEN 1 AND 720"),
    "alert_rules_ended_whole": ("alert_rules", "num_nonnulls(ended_at, ended_by) IN (0, 2)"),
    "alerts_kind_known": ("alerts", f"kind IN {_known(_ALERTKIND)}"),
    "alerts_severity_known": ("alerts", "severity IN ('CRITICAL', 'WARNING', 'INFO')"),
    "alerts_count_positive": ("alerts", "count > 0 AND told_count >= 0 AND notices >= 0"),
    "alerts_escalated": ("alerts", "escalated BETWEEN 0 AND 2"),
    "alerts_acknowledged_whole": (
        "alerts",
        "num_nonnulls(acknowledged_at, acknowledged_by, acknowledged_by_id) IN (0, 3)",
    ),
    "alerts_snoozed_whole": ("alerts", "num_nonnulls(snoozed_until, snoozed_by) IN (0, 2)"),
    "alerts_said_after_told": ("alerts", "num_nonnulls(told_at, said_at) IN (0, 2)"),
    "alert_notices_what_known": ("alert_notices", "what IN ('OPENED', 'GREW', 'REPEATED', 'ESCALATED', 'RESOLVED')"),
    "alert_notices_said_whole": ("alert_notices", "(said_at IS NOT NULL) <= (due_at IS NULL)"),
    "alert_marks_position": ("alert_marks", "position >= 0"),
}
STATEMENTS = [
    *(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})" for name, (table, rule) in CHECKS.items()),
    "ALTER TABLE alerts ADD CONSTRAINT alerts_merchant UNIQUE (id, merchant_id)",
    "ALTER TABLE alert_notices ADD CONSTRAINT alert_notices_alert_of_merchant "
    "FOREIGN KEY (alert_id, merchant_id) REFERENCES alerts (id, merchant_id) ON DELETE RESTRICT",
    "CREATE UNIQUE INDEX alert_rules_current ON alert_rules (merchant_id, name) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX alert_marks_once ON alert_marks (merchant_id)",
    "CREATE UNIQUE INDEX alerts_open ON alerts (merchant_id, key) WHERE resolved_at IS NULL",
    "CREATE INDEX alerts_resolved_untold ON alerts (resolved_at) WHERE resolved_at IS NOT NULL AND NOT resolved_told",
    "CREATE INDEX alert_notices_due ON alert_notices (endpoint_id, due_at) WHERE due_at IS NOT NULL",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("alert_rules", "alerts", "alert_notices", "alert_marks")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("alert_rules", "alerts", "alert_notices", "alert_marks")
    ),
    # What happened before there were alerts is news to nobody.
    "INSERT INTO alert_marks (merchant_id, position) SELECT m.id, coalesce((SELECT max(s.position) "
    "FROM event_seals s WHERE s.merchant_id = m.id), 0) FROM merchants m",
]


def _of(model: str, column: str, *, indexed: bool = False, null: bool = False, **more: Any) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        null=null,
        db_index=indexed,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
        **more,
    )


def _moment(*, null: bool = True, now: bool = False) -> Any:
    return fields.DatetimeField(null=null and not now, auto_now=False, auto_now_add=now)


def _id() -> tuple[str, Any]:
    return "id", fields.UUIDField(primary_key=True, unique=True, db_index=True)


def _ids() -> Any:
    return ArrayField(element_type="UUID")


def _words(name: str, words: Sequence[str], length: int, **more: Any) -> Any:
    enum: Any = StrEnum(name, [(word, word) for word in words])  # type: ignore[misc]
    return fields.CharEnumField(
        description="\n".join(f"{word}: {word}" for word in words), enum_type=enum, max_length=length, **more
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0059_deliveries")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AlertRule",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("name", fields.CharField(max_length=64)),
                ("kind", _words("AlertKind", _ALERTKIND, 20)),
                ("mode", _words("Mode", _MODE, 8)),
                ("severity", _words("Severity", _SEVERITY, 8, null=True)),
                ("connection_ids", _ids()),
                ("endpoint_ids", _ids()),
                ("next_ids", _ids()),
                ("last_ids", _ids()),
                ("escalates", fields.BooleanField(default=True)),
                ("quiet_from", fields.CharField(null=True, max_length=5)),
                ("quiet_until", fields.CharField(null=True, max_length=5)),
                ("least", fields.JSONField()),
                ("hours", fields.IntField(null=True)),
                ("set_by", fields.CharField(max_length=200)),
                ("set_at", _moment(now=True)),
                ("ended_at", _moment()),
                ("ended_by", fields.CharField(null=True, max_length=200)),
            ],
            options={
                "table": "alert_rules",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What a merchant wants to be told otherwise than by default. A changed rule is a "
                "new row: the old one ends.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Alert",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("kind", _words("AlertKind", _ALERTKIND, 20)),
                ("key", fields.CharField(max_length=120)),
                ("connection", _of("Connection", "connection_id", indexed=True, null=True)),
                ("endpoint", _of("Endpoint", "endpoint_id", indexed=True, null=True, related_name="alerts")),
                ("severity", _words("Severity", _SEVERITY, 8)),
                ("count", fields.BigIntField()),
                ("amounts", fields.JSONField()),
                ("subjects", fields.JSONField()),
                ("facts", fields.JSONField()),
                ("since", _moment(null=False)),
                ("opened_at", _moment(null=False)),
                ("last_seen_at", _moment(null=False)),
                ("told_at", _moment()),
                ("said_at", _moment()),
                ("told_count", fields.BigIntField(default=0)),
                ("notices", fields.IntField(default=0)),
                ("escalated", fields.SmallIntField(default=0)),
                ("acknowledged_at", _moment()),
                ("acknowledged_by", fields.CharField(null=True, max_length=200)),
                ("acknowledged_by_id", fields.UUIDField(null=True)),
                ("snoozed_until", _moment()),
                ("snoozed_by", fields.CharField(null=True, max_length=200)),
                ("resolved_at", _moment()),
                ("resolved_told", fields.BooleanField(default=False)),
            ],
            options={
                "table": "alerts",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "opened_at", "id"])],
                "pk_attr": "id",
                "table_description": "One thing that people must act on: of a key there is one that is open, however "
                "often it is seen again.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AlertNotice",
            fields=[
                ("id", fields.BigIntField(primary_key=True, generated=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("alert", _of("Alert", "alert_id", related_name="told")),
                ("endpoint", _of("Endpoint", "endpoint_id", related_name="alert_notices")),
                ("what", _words("What", _WHAT, 10)),
                ("number", fields.IntField()),
                ("due_at", _moment()),
                ("made_at", _moment(now=True)),
                ("said_at", _moment()),
                ("delivery_id", fields.BigIntField(null=True)),
            ],
            options={
                "table": "alert_notices",
                "app": "models",
                "unique_together": (("alert_id", "number", "endpoint_id"),),
                "pk_attr": "id",
                "table_description": "That one endpoint is to be told something of an alert, and what became of it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AlertMark",
            fields=[
                ("id", fields.BigIntField(primary_key=True, generated=True, unique=True, db_index=True)),
                ("merchant", _of("Merchant", "merchant_id")),
                ("position", fields.BigIntField(default=0)),
                ("digest_on", fields.DateField(null=True)),
            ],
            options={
                "table": "alert_marks",
                "app": "models",
                "pk_attr": "id",
                "table_description": "How far a merchant's sealed history was looked through for alerts, and for which "
                "day the digest was written.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
