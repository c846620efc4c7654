"""Reconciliation runs and what they found."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection
    from domain.models.payments import Payment
    from domain.models.refunds import Refund


class ReconciliationRun(Model):
    """The night of one business date of one connection."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    business_date = fields.DateField()
    state = fields.CharField(max_length=16)
    manifest = fields.JSONField[dict[str, Any]]()
    error: str | None = fields.TextField(null=True)
    times = fields.IntField(default=1)
    failures = fields.IntField(default=0)  # in a row
    due_at = fields.DatetimeField(null=True)  # of a run that is under way: from when its process counts as dead
    # How far it is, as it tells by the way: lost with no harm.
    phase = fields.CharField(max_length=16, null=True)
    rows_done: int | None = fields.BigIntField(null=True)
    rows_total: int | None = fields.BigIntField(null=True)
    begun_at = fields.DatetimeField(null=True)  # this time
    changes = fields.BigIntField(default=0)  # how often it told something of itself
    created_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "reconciliation_runs"
        unique_together = (("connection_id", "business_date"),)
        indexes = (("merchant_id", "created_at", "id"),)


class Finding(Model):
    """Something a person must look at. The row says what differs and what to do."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    run: "fields.ForeignKeyNullableRelation[ReconciliationRun]" = fields.ForeignKeyField(
        "models.ReconciliationRun", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    run_id: UUID | None
    kind = fields.CharField(max_length=32)
    fingerprint = fields.TextField()  # the same finding is opened once
    refund: "fields.ForeignKeyNullableRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    refund_id: UUID | None
    payment: "fields.ForeignKeyNullableRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    payment_id: UUID | None
    amount = fields.BigIntField()  # minor units at stake
    currency = fields.CharField(max_length=3)
    explanation = fields.TextField()
    action = fields.CharField(max_length=500)
    detail = fields.JSONField[dict[str, Any]]()
    created_at = fields.DatetimeField(auto_now_add=True)
    resolved_at = fields.DatetimeField(null=True)
    resolution = fields.CharField(max_length=500, null=True)
    severity = fields.SmallIntField(default=2)  # 1 (low) to 4 (critical); the night raises what grows old
    due_at = fields.DatetimeField(null=True)
    waiting_until = fields.DatetimeField(null=True)
    waiting_why = fields.CharField(max_length=500, null=True)
    reopened_at = fields.DatetimeField(null=True)  # by the database, whoever opens it again
    assignee = fields.CharField(max_length=200, null=True)
    assignee_id = fields.UUIDField(null=True)
    reason = fields.CharField(max_length=24, null=True)  # a person's; null on what is resolved: by the program
    resolved_by = fields.CharField(max_length=200, null=True)
    position: int | None = fields.BigIntField(null=True)  # of its last change (findings/changes); null: none yet

    class Meta:
        table = "findings"
        unique_together = (("merchant_id", "fingerprint"),)
        indexes = (("merchant_id", "created_at", "id"),)
