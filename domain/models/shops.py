"""Shops and ERPs that hand in refunds, what they said, and what they were told. Amounts in minor units."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store
    from domain.models.payments import Payment
    from domain.models.refunds import Refund


class ShopState(StrEnum):
    """PAUSED: what comes is kept, and nothing is asked, made or told. RETIRED: it is over."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    RETIRED = "RETIRED"


class ShopRefundOrigin(StrEnum):
    """Who began it: the shop told us, the shop asked us and waits, or it was made here and is recorded in the shop."""

    TOLD = "TOLD"
    ASKED = "ASKED"
    OURS = "OURS"


class ShopRefundState(StrEnum):
    """RECEIVED: not worked out yet. WAITING: for a person. LINKED: a refund was made of it. DISMISSED: none will be."""

    RECEIVED = "RECEIVED"
    WAITING = "WAITING"
    LINKED = "LINKED"
    DISMISSED = "DISMISSED"


class Shop(Model):
    """A merchant's shop or ERP. Its refunds are of payments of its store alone."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    store: "fields.ForeignKeyRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, db_index=False
    )
    store_id: UUID
    kind = fields.CharField(max_length=20)
    name = fields.CharField(max_length=64)
    address = fields.CharField(max_length=500)  # "" where nothing is asked of it
    options = fields.JSONField[dict[str, str]]()
    sealed_secrets = fields.BinaryField()  # AES-GCM, bound to this row (domain/platform/secrets)
    old_sealed_secrets = fields.BinaryField(null=True)  # webhooks are verified with these, too, for a while
    old_valid_until = fields.DatetimeField(null=True)
    public_keys = fields.JSONField[dict[str, str]]()  # PEM by path, of a platform that publishes its keys
    keys_read_at = fields.DatetimeField(null=True)
    wanted_key = fields.CharField(max_length=120, null=True)
    state = fields.CharEnumField(ShopState, max_length=8, default=ShopState.ACTIVE)
    history_position = fields.BigIntField()  # up to which what became of refunds was looked at
    polled_until = fields.DatetimeField()  # what changed in the shop before was looked at
    due_at = fields.DatetimeField(null=True)  # of the next look
    tries = fields.IntField(default=0)
    heard_at = fields.DatetimeField(null=True)
    failing_since = fields.DatetimeField(null=True)
    failing_because = fields.CharField(max_length=500, null=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "shops"
        unique_together = (("merchant_id", "name"),)


class ShopNotice(Model):
    """What a shop said, as it came: stored once, applied once."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    shop: "fields.ForeignKeyRelation[Shop]" = fields.ForeignKeyField(
        "models.Shop", on_delete=fields.RESTRICT, db_index=False
    )
    shop_id: UUID
    key = fields.CharField(max_length=120)  # what makes it the same as one before, of its body
    digest = fields.CharField(max_length=64)  # SHA-256 of the raw body, hex
    path = fields.CharField(max_length=300)
    body = fields.BinaryField()
    headers = fields.JSONField[dict[str, str]]()
    request_id = fields.CharField(max_length=64)
    received_at = fields.DatetimeField(auto_now_add=True)
    times_received = fields.IntField(default=1)
    due_at = fields.DatetimeField(null=True)
    tries = fields.IntField(default=0)
    applied_at = fields.DatetimeField(null=True)
    result = fields.CharField(max_length=500, null=True)
    retired_at = fields.DatetimeField(null=True)

    class Meta:
        table = "shop_notices"
        unique_together = (("shop_id", "key"),)
        indexes = (("merchant_id", "received_at", "id"),)


class ShopRefund(Model):
    """A refund as a shop knows it, and the one that was made of it."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    shop: "fields.ForeignKeyRelation[Shop]" = fields.ForeignKeyField(
        "models.Shop", on_delete=fields.RESTRICT, db_index=False
    )
    shop_id: UUID
    origin = fields.CharEnumField(ShopRefundOrigin, max_length=5)
    name = fields.CharField(max_length=120, null=True)  # the shop's id of it; null: it is not recorded there yet
    order_reference = fields.CharField(max_length=100, null=True)
    order_number = fields.CharField(max_length=100, null=True)
    payment_names = fields.JSONField[list[str]]()
    amount: int | None = fields.BigIntField(null=True)  # null: all that is left, or unclear
    currency = fields.CharField(max_length=3, null=True)
    reason = fields.CharField(max_length=140, null=True)
    payment: "fields.ForeignKeyNullableRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    payment_id: UUID | None
    refund: "fields.ForeignKeyNullableRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    refund_id: UUID | None
    state = fields.CharEnumField(ShopRefundState, max_length=10, default=ShopRefundState.RECEIVED)
    why = fields.CharField(max_length=24, null=True)
    because = fields.CharField(max_length=500, null=True)
    waits_since = fields.DatetimeField(null=True)  # for a person
    told_state = fields.CharField(max_length=24, null=True)
    told_at = fields.DatetimeField(null=True)
    told_detail = fields.CharField(max_length=500, null=True)
    due_at = fields.DatetimeField(null=True)  # to be matched again, or told
    tries = fields.IntField(default=0)
    request_id = fields.CharField(max_length=64)
    decided_by = fields.CharField(max_length=200, null=True)
    decided_by_id = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decision = fields.CharField(max_length=500, null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "shop_refunds"
        unique_together = (("shop_id", "name"),)
        indexes = (("merchant_id", "created_at", "id"),)


class ShopCall(Model):
    """A request to a shop, written before it leaves, and its answer. Redacted."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    shop: "fields.ForeignKeyRelation[Shop]" = fields.ForeignKeyField(
        "models.Shop", on_delete=fields.RESTRICT, db_index=False
    )
    shop_id: UUID
    shop_refund: "fields.ForeignKeyNullableRelation[ShopRefund]" = fields.ForeignKeyField(
        "models.ShopRefund", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    shop_refund_id: UUID | None
    request_id = fields.CharField(max_length=64)
    purpose = fields.CharField(max_length=12)  # CHECK, POLL, LOOK, TELL, RECORD, KEY; a token request is TOKEN
    method = fields.CharField(max_length=10)
    url = fields.TextField()
    headers = fields.JSONField[dict[str, str]]()
    body = fields.TextField()
    sent_at = fields.DatetimeField()
    status = fields.IntField(null=True)
    answer = fields.TextField(null=True)
    error = fields.CharField(max_length=500, null=True)
    duration_ms = fields.IntField(null=True)
    answered_at = fields.DatetimeField(null=True)
    retired_at = fields.DatetimeField(null=True)

    class Meta:
        table = "shop_calls"
        indexes = (("shop_id", "sent_at", "id"),)


class ShopCheck(Model):
    """What a shop was asked before refunds depend on it: a preflight, by itself every day and whenever asked for."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    shop: "fields.ForeignKeyRelation[Shop]" = fields.ForeignKeyField(
        "models.Shop", on_delete=fields.RESTRICT, db_index=False
    )
    shop_id: UUID
    outcome = fields.CharField(max_length=12, null=True)
    checks = fields.JSONField[list[dict[str, Any]]](null=True)
    error = fields.CharField(max_length=500, null=True)
    asked_by = fields.CharField(max_length=200)
    request_id = fields.CharField(max_length=64)
    due_at = fields.DatetimeField(null=True)
    tries = fields.IntField(default=0)
    created_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "shop_checks"
        indexes = (("shop_id", "created_at", "id"),)
