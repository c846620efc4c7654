"""Seals: each merchant's events, deeds and news in one order, each hashed with the one before. Added, never changed."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.events import Event


class EventSeal(Model):
    """The place of one event, deed or piece of news in its merchant's order, and its hash with the one before."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    position = fields.BigIntField()  # gapless per merchant, from 1
    event: "fields.OneToOneNullableRelation[Event]" = fields.OneToOneField(
        "models.Event", on_delete=fields.RESTRICT, related_name="seal", db_constraint=False, null=True
    )
    event_id: int | None  # an event's, a deed's or a piece of news': one of the three
    deed_id = fields.BigIntField(null=True)
    news_id = fields.BigIntField(null=True)
    hash = fields.CharField(max_length=64)  # SHA-256, hex, over the hash before and the stored bytes
    version = fields.SmallIntField(default=1)  # of the bytes of an event: 2 has by whom it was done

    class Meta:
        table = "event_seals"
        unique_together = (("merchant_id", "position"),)
