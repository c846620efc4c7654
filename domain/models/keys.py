"""The keys that seal, wrapped."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant


class DataKey(Model):
    """One version of a merchant's key; without a merchant: the key of digests. Retired: it opens nothing any more."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyNullableRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False, null=True
    )
    merchant_id: UUID | None
    version = fields.IntField()
    wrapped = fields.BinaryField()
    kek = fields.CharField(max_length=300)  # the name of the key-encryption key that has wrapped it
    created_at = fields.DatetimeField()
    retired_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "data_keys"
