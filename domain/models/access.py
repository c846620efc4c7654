"""Who may ask: merchants, their stores, and the bearer tokens of their people and programs."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model


class Merchant(Model):
    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=200)
    country = fields.CharField(max_length=2)
    zone = fields.CharField(max_length=64)  # IANA zone of the accounting date
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "merchants"


class Store(Model):
    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    code = fields.CharField(max_length=64)
    name = fields.CharField(max_length=200)
    payee_key = fields.CharField(max_length=140, null=True)  # the key or account that receives this store's payments
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "stores"
        unique_together = (("merchant_id", "code"), ("merchant_id", "payee_key"))


class Token(Model):
    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    holder = fields.CharField(max_length=200)  # the person or program; four eyes compare domain/access/tokens.person_of
    role = fields.CharField(max_length=32)
    prefix = fields.CharField(max_length=16)  # shown to people, so that they can tell tokens apart
    digest = fields.CharField(max_length=64, unique=True)  # SHA-256 of the whole token, hex
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tokens"


class DemoMark(Model):
    """Says that this database belongs to the demo, which otherwise refuses one that is not empty."""

    id = fields.IntField(primary_key=True)
    marked_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "demo_marks"
