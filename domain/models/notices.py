"""Webhooks as they came in: stored once, applied once."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.connections import Connection
    from domain.models.refunds import Refund


class Notice(Model):
    """A webhook of a PSE as it came in, kept before it is understood; the same one twice is one row."""

    id = fields.UUIDField(primary_key=True)
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    digest = fields.CharField(max_length=64)  # SHA-256 of the raw body, hex
    body = fields.BinaryField()
    headers = fields.JSONField[dict[str, str]]()
    request_id = fields.CharField(max_length=64)
    received_at = fields.DatetimeField(auto_now_add=True)
    times_received = fields.IntField(default=1)
    due_at = fields.DatetimeField(null=True)
    tries = fields.IntField(default=0)
    applied_at = fields.DatetimeField(null=True)
    result = fields.CharField(max_length=500, null=True)
    waits_for = fields.JSONField[list[str]](null=True)  # names of the payment that it waits for, while it waits

    class Meta:
        table = "notices"
        unique_together = (("connection_id", "digest"),)


class NoticeRefund(Model):
    """Which refunds a notice spoke of, so that support sees it in the refund's log."""

    id = fields.BigIntField(primary_key=True)
    notice: "fields.ForeignKeyRelation[Notice]" = fields.ForeignKeyField(
        "models.Notice", on_delete=fields.RESTRICT, db_index=False
    )
    notice_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=True
    )
    refund_id: UUID

    class Meta:
        table = "notice_refunds"
        unique_together = (("notice_id", "refund_id"),)
