"""Every request to a PSE, written before it leaves, and its answer. Redacted; never changed."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection
    from domain.models.refunds import Refund


class Call(Model):
    """A request to a PSE, written before it leaves."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    refund: "fields.ForeignKeyNullableRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    refund_id: UUID | None
    attempt = fields.IntField(null=True)
    request_id = fields.CharField(max_length=64)
    purpose = fields.CharField(max_length=24)
    method = fields.CharField(max_length=10)
    url = fields.TextField()
    headers = fields.JSONField[dict[str, str]]()
    body = fields.TextField()
    sent_at = fields.DatetimeField()

    class Meta:
        table = "calls"


class Answer(Model):
    """What came back of a call, or why nothing did; a call without one was broken off."""

    id = fields.BigIntField(primary_key=True)
    call: "fields.OneToOneRelation[Call]" = fields.OneToOneField(
        "models.Call", on_delete=fields.RESTRICT, related_name="answer"
    )
    call_id: UUID
    status = fields.IntField(null=True)  # null: there was no answer, `error` says why
    headers = fields.JSONField[dict[str, str]]()
    body = fields.TextField()
    pse_request_id = fields.CharField(max_length=200, null=True)
    error = fields.CharField(max_length=500, null=True)
    duration_ms = fields.IntField()
    answered_at = fields.DatetimeField()

    class Meta:
        table = "answers"
