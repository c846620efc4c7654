"""How refunds go: written by domain/refunds/kept_figures alone, from their events."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store
    from domain.models.connections import Connection


class RefundFigure(Model):
    """How many refunds came to their end on a day, and in what time."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    store: "fields.ForeignKeyRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, db_index=False
    )
    store_id: UUID
    method = fields.CharField(max_length=20)
    day = fields.DateField()  # UTC
    state = fields.CharField(max_length=24)  # in which it ended
    took = fields.SmallIntField()  # of what succeeded, a step of the time that it took (kept_figures); else -1
    count = fields.BigIntField()

    class Meta:
        table = "refund_figures"


class RefundFigureMark(Model):
    """Up to which event the figures of refunds count all in. Added, never changed."""

    id = fields.BigIntField(primary_key=True)
    until_event = fields.BigIntField()
    made_at = fields.DatetimeField()

    class Meta:
        table = "refund_figure_marks"
