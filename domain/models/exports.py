"""Exports to files that expire, and sheets of decisions that came back: what is asked, how far it is, what became."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.files import File
    from domain.models.reconciliation import Finding


class Export(Model):
    """A file that a person has asked for: what is in it, how far it is, and until when it can be had."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    kind = fields.CharField(max_length=16)  # domain/exports/asked.Kind
    format = fields.CharField(max_length=8)
    wanted = fields.JSONField[dict[str, Any]]()
    store_ids = fields.JSONField[list[str]](null=True)  # that its asker may read; null: all
    state = fields.CharField(max_length=8)
    rows_done = fields.IntField(default=0)
    rows_total: int | None = fields.IntField(null=True)
    sha256 = fields.CharField(max_length=64, null=True)  # of the rows as CSV, hex
    problem = fields.CharField(max_length=500, null=True)
    file: "fields.ForeignKeyNullableRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    file_id: UUID | None
    tries = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)  # queue and lease in one, by the database's clock
    expires_at: datetime | None = fields.DatetimeField(null=True)
    created_by = fields.CharField(max_length=200)
    party = fields.UUIDField()
    created_at = fields.DatetimeField(auto_now_add=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "exports"
        indexes = (("merchant_id", "created_at", "id"),)


class DecisionBatch(Model):
    """One sheet of decisions that is applied, row by row."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    file: "fields.ForeignKeyRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, db_index=True
    )
    file_id: UUID
    state = fields.CharField(max_length=8)
    rows_done = fields.IntField(default=0)
    rows_total = fields.IntField()  # with a decision
    problem = fields.CharField(max_length=500, null=True)
    tries = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)
    # Who has asked: what they may do is looked up again where it is done.
    created_by = fields.CharField(max_length=200)
    party = fields.UUIDField()
    person_id = fields.UUIDField(null=True)
    token_id = fields.UUIDField(null=True)
    session_id = fields.UUIDField(null=True)
    request_id = fields.CharField(max_length=64)
    created_at = fields.DatetimeField(auto_now_add=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "decision_batches"
        indexes = (("merchant_id", "created_at", "id"),)


class DecisionRow(Model):
    """What became of one row of a sheet: added, never changed."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    batch: "fields.ForeignKeyRelation[DecisionBatch]" = fields.ForeignKeyField(
        "models.DecisionBatch", on_delete=fields.RESTRICT, db_index=False
    )
    batch_id: UUID
    row = fields.IntField()  # of the sheet, its header being 1
    finding: "fields.ForeignKeyNullableRelation[Finding]" = fields.ForeignKeyField(
        "models.Finding", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    finding_id: UUID | None
    outcome = fields.CharField(max_length=16)  # domain/exports/decisions.RowState
    code = fields.CharField(max_length=32, null=True)
    said = fields.CharField(max_length=500)
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "decision_rows"
        unique_together = (("batch_id", "row"),)
