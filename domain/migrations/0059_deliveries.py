"""Where news goes, what is to be delivered there, and each try of it.

What may be sent has a moment; what waits for the one before of its key has none, so that the queue of an endpoint that
answers nothing is not read again and again.
"""

from enum import StrEnum
from typing import Any, Final

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class EndpointKind(StrEnum):
    """Copied: a migration keeps the words that it was written with."""

    WEBHOOK = "WEBHOOK"
    EMAIL = "EMAIL"
    DINGTALK = "DINGTALK"
    WECOM = "WECOM"
    FEISHU = "FEISHU"
    SLACK = "SLACK"
    TEAMS = "TEAMS"
    PAGERDUTY = "PAGERDUTY"


class EndpointState(StrEnum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    BROKEN = "BROKEN"
    OFF = "OFF"


class DeliveryState(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


CHECKS: Final = {
    "endpoints_kind_known": (
        "endpoints",
        "kind IN ('WEBHOOK', 'EMAIL', 'DINGTALK', 'WECOM', 'FEISHU', 'SLACK', 'TEAMS', 'PAGERDUTY')",
    ),
    "endpoints_state_known": ("endpoints", "state IN ('ACTIVE', 'PAUSED', 'BROKEN', 'OFF')"),
    "endpoints_stopped_says_why": ("endpoints", "(state = 'ACTIVE') = (why IS NULL)"),
    "endpoints_numbers": (
        "endpoints",
        "per_minute BETWEEN 1 AND 60000 AND failures >= 0 AND warned BETWEEN 0 AND 3 AND position >= 0",
    ),
    "endpoints_sealed_or_deleted": ("endpoints", "(sealed_secrets IS NULL) = (state = 'OFF')"),
    "endpoints_old_secrets_end": ("endpoints", "(old_sealed_secrets IS NULL) = (old_valid_until IS NULL)"),
    "deliveries_state_known": ("deliveries", "state IN ('PENDING', 'SENT', 'FAILED', 'CANCELED')"),
    "deliveries_due": ("deliveries", "state = 'PENDING' OR num_nonnulls(due_at, claimed_until) = 0"),
    "deliveries_ended": ("deliveries", "(state = 'PENDING') = (ended_at IS NULL)"),
    "deliveries_numbers": ("deliveries", "tries >= 0 AND round >= 0 AND number >= tries"),
    # Dots join what is signed.
    "deliveries_message_form": ("deliveries", "message_id ~ '^[A-Za-z0-9_-]+$'"),
    "deliveries_body_or_retired": ("deliveries", "body IS NOT NULL OR (retired_at IS NOT NULL AND state <> 'PENDING')"),
    "delivery_tries_number_positive": ("delivery_tries", "number > 0"),
    "delivery_tries_outcome_known": ("delivery_tries", "outcome IN ('SENT', 'LATER', 'BROKEN', 'REFUSED')"),
    "delivery_tries_answered_whole": ("delivery_tries", "num_nonnulls(outcome, duration_ms, answered_at) IN (0, 3)"),
}
STATEMENTS: Final = [
    *(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule})" for name, (table, rule) in CHECKS.items()),
    "CREATE UNIQUE INDEX endpoints_name ON endpoints (merchant_id, name) WHERE state <> 'OFF'",
    "ALTER TABLE endpoints ADD CONSTRAINT endpoints_identity UNIQUE (id, merchant_id)",
    "ALTER TABLE endpoints ADD CONSTRAINT endpoints_store_of_merchant FOREIGN KEY (store_id, merchant_id) "
    "REFERENCES stores (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE deliveries ADD CONSTRAINT deliveries_endpoint_of_merchant FOREIGN KEY (endpoint_id, merchant_id) "
    "REFERENCES endpoints (id, merchant_id) ON DELETE RESTRICT",
    "CREATE INDEX endpoints_active ON endpoints (merchant_id) WHERE state = 'ACTIVE'",
    # Of an item of the history there is one delivery on an endpoint, whoever makes it.
    "CREATE UNIQUE INDEX deliveries_once ON deliveries (endpoint_id, position) WHERE position IS NOT NULL",
    "CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at, id) WHERE due_at IS NOT NULL",
    "CREATE INDEX deliveries_pending ON deliveries (endpoint_id, ordering_key, id) WHERE state = 'PENDING'",
    "CREATE INDEX deliveries_claimed ON deliveries (endpoint_id) WHERE claimed_until IS NOT NULL",
    # Lists, newest first: of all, of an endpoint, of what has failed there, of a refund.
    "CREATE INDEX deliveries_listed ON deliveries (merchant_id, made_at, id)",
    "CREATE INDEX deliveries_of_endpoint ON deliveries (endpoint_id, made_at, id)",
    "CREATE INDEX deliveries_failed ON deliveries (endpoint_id, made_at, id) WHERE state = 'FAILED'",
    "CREATE INDEX deliveries_of_key ON deliveries (merchant_id, ordering_key, made_at, id) "
    "WHERE ordering_key IS NOT NULL",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("endpoints", "deliveries", "delivery_tries")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
        "EXECUTE FUNCTION refuse_change()"
        for table in ("endpoints", "deliveries", "delivery_tries")
    ),
]


def _told(words: type[StrEnum]) -> str:
    return "\n".join(f"{word.name}: {word.value}" for word in words)


def _of(model: str, column: str, **more: Any) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        db_index=False,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
        **more,
    )


def _moment(*, now: bool = False) -> Any:
    return fields.DatetimeField(null=not now, auto_now=False, auto_now_add=now)


def _number() -> tuple[str, Any]:
    return "id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)


_ENDPOINT: Final[list[tuple[str, Any]]] = [
    ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
    ("merchant", _of("Merchant", "merchant_id")),
    ("store", _of("Store", "store_id", null=True)),
    ("kind", fields.CharEnumField(description=_told(EndpointKind), enum_type=EndpointKind, max_length=16)),
    ("name", fields.CharField(max_length=64)),
    ("sealed_secrets", fields.BinaryField(null=True)),
    ("old_sealed_secrets", fields.BinaryField(null=True)),
    ("old_valid_until", _moment()),
    ("shown", fields.CharField(max_length=200)),
    ("types", ArrayField(element_type="TEXT")),
    ("thin", fields.BooleanField(default=False)),
    ("per_minute", fields.IntField(default=600)),
    (
        "state",
        fields.CharEnumField(
            default=EndpointState.ACTIVE, description=_told(EndpointState), enum_type=EndpointState, max_length=8
        ),
    ),
    ("why", fields.CharField(null=True, max_length=500)),
    ("position", fields.BigIntField()),
    ("failures", fields.IntField(default=0)),
    ("failing_since", _moment()),
    ("warned", fields.SmallIntField(default=0)),
    ("rests_until", _moment()),
    ("paced_until", _moment()),
    ("sent_at", _moment()),
    ("set_by", fields.CharField(max_length=200)),
    ("created_at", _moment(now=True)),
]
_DELIVERY: Final[list[tuple[str, Any]]] = [
    _number(),
    ("merchant", _of("Merchant", "merchant_id")),
    ("endpoint", _of("Endpoint", "endpoint_id", related_name="deliveries")),
    ("position", fields.BigIntField(null=True)),
    ("message_id", fields.CharField(max_length=64)),
    ("type", fields.CharField(max_length=64)),
    ("ordering_key", fields.CharField(null=True, max_length=300)),
    ("sequence", fields.IntField(null=True)),
    ("body", fields.BinaryField(null=True)),
    (
        "state",
        fields.CharEnumField(
            default=DeliveryState.PENDING, description=_told(DeliveryState), enum_type=DeliveryState, max_length=8
        ),
    ),
    ("due_at", _moment()),
    ("claimed_until", _moment()),
    ("tries", fields.IntField(default=0)),
    ("round", fields.IntField(default=0)),
    ("number", fields.IntField(default=0)),
    ("said", fields.CharField(null=True, max_length=500)),
    ("made_at", _moment(now=True)),
    ("ended_at", _moment()),
    ("retired_at", _moment()),
]
_TRY: Final[list[tuple[str, Any]]] = [
    _number(),
    ("delivery", _of("Delivery", "delivery_id", related_name="log")),
    ("number", fields.IntField()),
    ("sent_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
    ("outcome", fields.CharField(null=True, max_length=8)),
    ("status", fields.IntField(null=True)),
    ("said", fields.CharField(null=True, max_length=500)),
    ("body", fields.TextField(null=True, unique=False)),
    ("duration_ms", fields.IntField(null=True)),
    ("answered_at", _moment()),
    ("retired_at", _moment()),
]


class Migration(migrations.Migration):
    """Three tables."""

    dependencies = [("models", "0058_news")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Endpoint",
            fields=_ENDPOINT,
            options={
                "table": "endpoints",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "created_at", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Delivery",
            fields=_DELIVERY,
            options={
                "table": "deliveries",
                "app": "models",
                "unique_together": (("endpoint_id", "message_id"),),
                "pk_attr": "id",
                "table_description": "One message for one endpoint: of an item of the history there is one, "
                "however often it is replayed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DeliveryTry",
            fields=_TRY,
            options={
                "table": "delivery_tries",
                "app": "models",
                "unique_together": (("delivery_id", "number"),),
                "pk_attr": "id",
                "table_description": "One try, written before it leaves, and what was answered. Redacted.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
