"""Who did what, and who read what: added, never changed. A refund's own events are not written twice."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.refunds import Refund


class Deed(Model):
    """What a person or a program did, or read."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    kind = fields.CharField(max_length=8)  # CHANGE, READ or REFUSED
    operation = fields.CharField(max_length=64)  # as the API or the command is called
    object_kind = fields.CharField(max_length=32)
    object_id = fields.CharField(max_length=100)
    actor = fields.CharField(max_length=200)  # as written, then
    party = fields.UUIDField(null=True)  # who answers for it
    person_id = fields.UUIDField(null=True)
    token_id = fields.UUIDField(null=True)
    session_id = fields.UUIDField(null=True)
    address = fields.CharField(max_length=64, null=True)
    agent = fields.CharField(max_length=200, null=True)
    request_id = fields.CharField(max_length=64)
    outcome = fields.CharField(max_length=32)  # DONE, or the code of the refusal
    changes = fields.JSONField[dict[str, Any]]()  # {"name": [before, after]}, nothing secret
    occurred_at = fields.DatetimeField()

    class Meta:
        table = "deeds"


class LegalHold(Model):
    """Keeps a merchant's data, or one refund's, from retention until it is lifted."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyNullableRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    refund_id: UUID | None
    reason = fields.CharField(max_length=500)
    placed_by = fields.CharField(max_length=200)
    placed_at = fields.DatetimeField(auto_now_add=True)
    lifted_by = fields.CharField(max_length=200, null=True)
    lifted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "legal_holds"
