"""What merchants use in a month, which plan they have, and what was said of it."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant


class UsageCalls(Model):
    """API calls of a month, as the processes that take them write them down."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    month: date = fields.DateField()  # its first day, in the merchant's zone
    calls = fields.BigIntField()

    class Meta:
        table = "usage_calls"
        unique_together = (("merchant_id", "month"),)


class UsageMonth(Model):
    """What was used in a month: counted anew while it lasts, never changed once it is closed."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    month: date = fields.DateField()
    refunds = fields.BigIntField()
    api_calls = fields.BigIntField()
    deliveries = fields.BigIntField()
    lines = fields.BigIntField()
    counted_at: datetime = fields.DatetimeField()
    closed_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "usage_months"
        unique_together = (("merchant_id", "month"),)


class UsagePlan(Model):
    """A plan as a merchant was given it, with its quotas of that day. One stands; the others have ended."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    plan = fields.CharField(max_length=32)
    support = fields.CharField(max_length=16)
    quotas = fields.JSONField[dict[str, Any]]()
    set_by = fields.CharField(max_length=200)
    set_by_id = fields.UUIDField()
    started_at: datetime = fields.DatetimeField(auto_now_add=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "usage_plans"
        indexes = (("merchant_id", "started_at", "id"),)


class UsageNote(Model):
    """That a quota was used to so many percent: said once a month."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    month: date = fields.DateField()
    counter = fields.CharField(max_length=16)
    percent = fields.IntField()
    used = fields.BigIntField()
    quota = fields.BigIntField()
    hard = fields.BooleanField()
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "usage_notes"
        unique_together = (("merchant_id", "month", "counter", "percent"),)
