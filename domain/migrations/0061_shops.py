"""Shops and ERPs that hand in refunds, what they said, and what they were told."""

import functools
from collections.abc import Sequence
from enum import StrEnum
from json import dumps, loads
from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

_compact = functools.partial(dumps, separators=(",", ":"))
_KINDS = "'GENERIC', 'SHOPIFY', 'SHOPIFY_PAYMENTS', 'MAGENTO', 'WOOCOMMERCE', 'VTEX', 'MABANG'"
_STATES = ("RECEIVED", "WAITING", "LINKED", "DISMISSED")
_OF_SHOP = ("shop_notices", "shop_refunds", "shop_calls", "shop_checks")
STATEMENTS = [
    f"ALTER TABLE shops ADD CONSTRAINT shops_kind_known CHECK (kind IN ({_KINDS}))",
    "ALTER TABLE shops ADD CONSTRAINT shops_state_known CHECK (state IN ('ACTIVE', 'PAUSED', 'RETIRED'))",
    # What has ended is not asked.
    "ALTER TABLE shops ADD CONSTRAINT shops_retired_rests CHECK (state <> 'RETIRED' OR due_at IS NULL)",
    "ALTER TABLE shops ADD CONSTRAINT shops_failing_whole "
    "CHECK (num_nonnulls(failing_since, failing_because) IN (0, 2))",
    "ALTER TABLE shops ADD CONSTRAINT shops_old_secrets_whole "
    "CHECK (num_nonnulls(old_sealed_secrets, old_valid_until) IN (0, 2))",
    # What another merchant's row would point to.
    "ALTER TABLE shops ADD CONSTRAINT shops_merchant UNIQUE (id, merchant_id)",
    *(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_shop_of_merchant FOREIGN KEY (shop_id, merchant_id) "
        "REFERENCES shops (id, merchant_id) ON DELETE RESTRICT"
        for table in _OF_SHOP
    ),
    "ALTER TABLE shops ADD CONSTRAINT shops_store_of_merchant FOREIGN KEY (store_id, merchant_id) "
    "REFERENCES stores (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_refund_of_merchant FOREIGN KEY (refund_id, merchant_id) "
    "REFERENCES refunds (id, merchant_id) ON DELETE RESTRICT",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_refund_of_payment FOREIGN KEY (refund_id, payment_id) "
    "REFERENCES refunds (id, payment_id) ON DELETE RESTRICT",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_origin_known CHECK (origin IN ('TOLD', 'ASKED', 'OURS'))",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_state_known "
    "CHECK (state IN ('RECEIVED', 'WAITING', 'LINKED', 'DISMISSED'))",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_linked_has_refund "
    "CHECK ((state = 'LINKED') = (refund_id IS NOT NULL) AND (refund_id IS NULL OR payment_id IS NOT NULL))",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_waits_because "
    "CHECK (waits_since IS NULL OR (why IS NOT NULL AND because IS NOT NULL))",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_waiting_waits "
    "CHECK (state <> 'WAITING' OR waits_since IS NOT NULL)",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_amount_positive "
    "CHECK (amount > 0 AND (amount IS NULL) = (currency IS NULL))",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_named_unless_ours "
    "CHECK (name IS NOT NULL OR origin = 'OURS')",
    "ALTER TABLE shop_refunds ADD CONSTRAINT shop_refunds_decided_whole "
    "CHECK (num_nonnulls(decided_by, decided_at) IN (0, 2) AND (state <> 'DISMISSED' OR decided_at IS NOT NULL))",
    # One refund of ours is one refund of a shop: a second one of it would be told as another.
    "CREATE UNIQUE INDEX shop_refunds_of_refund ON shop_refunds (shop_id, refund_id) WHERE refund_id IS NOT NULL",
    "CREATE INDEX shop_refunds_by_refund ON shop_refunds (refund_id) WHERE refund_id IS NOT NULL",
    "CREATE INDEX shop_refunds_by_payment ON shop_refunds (payment_id) WHERE payment_id IS NOT NULL",
    "CREATE INDEX shop_refunds_by_order ON shop_refunds (shop_id, order_reference)",
    "CREATE INDEX shop_refunds_waiting ON shop_refunds (merchant_id, waits_since) WHERE waits_since IS NOT NULL",
    "CREATE INDEX shop_refunds_due ON shop_refunds (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX shop_notices_due ON shop_notices (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX shops_due ON shops (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX shop_checks_due ON shop_checks (due_at) WHERE due_at IS NOT NULL",
    "CREATE UNIQUE INDEX shop_checks_live ON shop_checks (shop_id) WHERE finished_at IS NULL",
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("shops", "shop_refunds")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("shops", "shop_refunds")
    ),
]


def _words(name: str, words: Sequence[str], length: int, **more: Any) -> Any:
    enum: Any = StrEnum(name, [(word, word) for word in words])  # type: ignore[misc]
    return fields.CharEnumField(
        description="\n".join(f"{word}: {word}" for word in words), enum_type=enum, max_length=length, **more
    )


def _id() -> tuple[str, Any]:
    return "id", fields.UUIDField(primary_key=True, unique=True, db_index=True)


def _of(model: str, column: str, *, null: bool = False) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=column,
        null=null,
        db_constraint=True,
        to_field="id",
        on_delete=OnDelete.RESTRICT,
    )


def _text(length: int, *, null: bool = False) -> Any:
    return fields.CharField(null=null, max_length=length)


def _long(*, null: bool = False) -> Any:
    return fields.TextField(null=null, unique=False)


def _json(*, null: bool = False) -> Any:
    return fields.JSONField(null=null, encoder=_compact, decoder=loads)


def _moment(*, now: bool = False, null: bool = False) -> Any:
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=now)


def _table(name: str, said: str, *together: tuple[str, ...], indexes: tuple[list[str], ...] = ()) -> dict[str, Any]:
    made: dict[str, Any] = {"table": name, "app": "models", "pk_attr": "id", "table_description": said}
    if together:
        made["unique_together"] = together
    if indexes:
        made["indexes"] = [Index(fields=one) for one in indexes]
    return made


class Migration(migrations.Migration):
    dependencies = [("models", "0060_alerts")]
    initial = False

    operations = [
        ops.CreateModel(
            name="Shop",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("store", _of("Store", "store_id")),
                ("kind", _text(20)),
                ("name", _text(64)),
                ("address", _text(500)),
                ("options", _json()),
                ("sealed_secrets", fields.BinaryField()),
                ("old_sealed_secrets", fields.BinaryField(null=True)),
                ("old_valid_until", _moment(null=True)),
                ("public_keys", _json()),
                ("keys_read_at", _moment(null=True)),
                ("wanted_key", _text(120, null=True)),
                ("state", _words("ShopState", ("ACTIVE", "PAUSED", "RETIRED"), 8, default="ACTIVE")),
                ("history_position", fields.BigIntField()),
                ("polled_until", _moment()),
                ("due_at", _moment(null=True)),
                ("tries", fields.IntField(default=0)),
                ("heard_at", _moment(null=True)),
                ("failing_since", _moment(null=True)),
                ("failing_because", _text(500, null=True)),
                ("created_by", _text(200)),
                ("created_at", _moment(now=True)),
            ],
            options=_table(
                "shops",
                "A merchant's shop or ERP. Its refunds are of payments of its store alone.",
                ("merchant_id", "name"),
            ),
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ShopNotice",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("shop", _of("Shop", "shop_id")),
                ("key", _text(120)),
                ("digest", _text(64)),
                ("path", _text(300)),
                ("body", fields.BinaryField()),
                ("headers", _json()),
                ("request_id", _text(64)),
                ("received_at", _moment(now=True)),
                ("times_received", fields.IntField(default=1)),
                ("due_at", _moment(null=True)),
                ("tries", fields.IntField(default=0)),
                ("applied_at", _moment(null=True)),
                ("result", _text(500, null=True)),
                ("retired_at", _moment(null=True)),
            ],
            options=_table(
                "shop_notices",
                "What a shop said, as it came: stored once, applied once.",
                ("shop_id", "key"),
                indexes=(["merchant_id", "received_at", "id"],),
            ),
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ShopRefund",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("shop", _of("Shop", "shop_id")),
                ("origin", _words("Origin", ("TOLD", "ASKED", "OURS"), 5)),
                ("name", _text(120, null=True)),
                ("order_reference", _text(100, null=True)),
                ("order_number", _text(100, null=True)),
                ("payment_names", _json()),
                ("amount", fields.BigIntField(null=True)),
                ("currency", _text(3, null=True)),
                ("reason", _text(140, null=True)),
                ("payment", _of("Payment", "payment_id", null=True)),
                ("refund", _of("Refund", "refund_id", null=True)),
                ("state", _words("ShopRefundState", _STATES, 10, default="RECEIVED")),
                ("why", _text(24, null=True)),
                ("because", _text(500, null=True)),
                ("waits_since", _moment(null=True)),
                ("told_state", _text(24, null=True)),
                ("told_at", _moment(null=True)),
                ("told_detail", _text(500, null=True)),
                ("due_at", _moment(null=True)),
                ("tries", fields.IntField(default=0)),
                ("request_id", _text(64)),
                ("decided_by", _text(200, null=True)),
                ("decided_by_id", fields.UUIDField(null=True)),
                ("decided_at", _moment(null=True)),
                ("decision", _text(500, null=True)),
                ("created_at", _moment(now=True)),
            ],
            options=_table(
                "shop_refunds",
                "A refund as a shop knows it, and the one that was made of it.",
                ("shop_id", "name"),
                indexes=(["merchant_id", "created_at", "id"],),
            ),
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ShopCall",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("shop", _of("Shop", "shop_id")),
                ("shop_refund", _of("ShopRefund", "shop_refund_id", null=True)),
                ("request_id", _text(64)),
                ("purpose", _text(12)),
                ("method", _text(10)),
                ("url", _long()),
                ("headers", _json()),
                ("body", _long()),
                ("sent_at", _moment()),
                ("status", fields.IntField(null=True)),
                ("answer", _long(null=True)),
                ("error", _text(500, null=True)),
                ("duration_ms", fields.IntField(null=True)),
                ("answered_at", _moment(null=True)),
                ("retired_at", _moment(null=True)),
            ],
            options=_table(
                "shop_calls",
                "A request to a shop, written before it leaves, and its answer. Redacted.",
                indexes=(["shop_id", "sent_at", "id"],),
            ),
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ShopCheck",
            fields=[
                _id(),
                ("merchant", _of("Merchant", "merchant_id")),
                ("shop", _of("Shop", "shop_id")),
                ("outcome", _text(12, null=True)),
                ("checks", _json(null=True)),
                ("error", _text(500, null=True)),
                ("asked_by", _text(200)),
                ("request_id", _text(64)),
                ("due_at", _moment(null=True)),
                ("tries", fields.IntField(default=0)),
                ("created_at", _moment(now=True)),
                ("finished_at", _moment(null=True)),
            ],
            options=_table(
                "shop_checks",
                "What a shop was asked before refunds depend on it: a preflight, by itself every day and whenever "
                "asked for.",
                indexes=(["shop_id", "created_at", "id"],),
            ),
            bases=["Model"],
        ),
        ops.RunSQL(list(STATEMENTS)),
    ]
