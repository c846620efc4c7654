"""What happened to a refund, in order: gapless per refund, never changed."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from domain.models.refunds import State

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.refunds import Refund


class Event(Model):
    """One thing that happened to a refund; `sequence` counts them from 1. It is never changed."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=False
    )
    refund_id: UUID
    sequence = fields.IntField()
    kind = fields.CharField(max_length=32)
    state = fields.CharEnumField(State, max_length=24)
    previous_state = fields.CharEnumField(State, max_length=24, null=True)
    request_id = fields.CharField(max_length=64)
    actor = fields.CharField(max_length=200)
    code = fields.CharField(max_length=100, null=True)
    message = fields.CharField(max_length=500, null=True)
    detail = fields.JSONField[dict[str, Any]]()
    party = fields.UUIDField(null=True)  # who answers for it; all three null: we ourselves, a PSE, or from before
    token_id = fields.UUIDField(null=True)
    session_id = fields.UUIDField(null=True)
    occurred_at = fields.DatetimeField()

    class Meta:
        table = "events"
        unique_together = (("refund_id", "sequence"),)
        indexes = (("merchant_id", "request_id"),)
