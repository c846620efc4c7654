"""Attempts: each send of a refund to its PSE, marked before it leaves."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.refunds import Refund


class Attempt(Model):
    """One send of a refund to its PSE: marked before it leaves, ended by what is heard."""

    id = fields.BigIntField(primary_key=True)
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=False
    )
    refund_id: UUID
    number = fields.IntField()
    claimed_until = fields.DatetimeField()
    sent_at = fields.DatetimeField()  # not before this moment; the claim is the mark
    ended_at = fields.DatetimeField(null=True)
    outcome = fields.CharField(max_length=16, null=True)
    code = fields.CharField(max_length=100, null=True)
    message = fields.CharField(max_length=500, null=True)
    refusal = fields.BooleanField(default=False)  # the PSE said an ambiguous no that a look-up must confirm

    class Meta:
        table = "attempts"
        unique_together = (("refund_id", "number"),)
