"""News that are no refund's and no person's deed: a finding, a night, a connection. Added, sealed, never changed."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant


class News(Model):
    """What happened that is no refund's and no person's deed."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    store_id: UUID | None = fields.UUIDField(null=True)  # null: of no one store
    kind = fields.CharField(max_length=64)  # as it is called outside: finding.opened
    subject_kind = fields.CharField(max_length=32)
    subject_id = fields.CharField(max_length=100)
    data = fields.JSONField[dict[str, Any]]()  # facts that every reader of the merchant may see, nothing secret
    occurred_at = fields.DatetimeField()  # by the database, with the transaction (xact) that wrote it

    class Meta:
        table = "news"
