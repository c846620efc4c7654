"""Sheets of refunds or payments, and what each of their rows would become, and became."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.files import File
    from domain.models.payments import Payment
    from domain.models.refunds import Refund


class Batch(Model):
    """One sheet: read and judged as a job, confirmed, and worked off row by row."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    kind = fields.CharField(max_length=8)  # domain/batches/columns.SheetKind
    file: "fields.ForeignKeyRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, db_index=True
    )
    file_id: UUID
    name = fields.CharField(max_length=200)  # as its file is called
    state = fields.CharField(max_length=8)  # domain/batches/batches.SheetState
    written = fields.CharField(max_length=60, null=True)  # what it was read as
    ignored = fields.CharField(max_length=500, null=True)  # headings that we have no name for
    digest = fields.CharField(max_length=64, null=True)  # of what its rows say, hex
    by_two = fields.CharField(max_length=300, null=True)  # why another person confirms it; null: one is enough
    rows_total: int | None = fields.IntField(null=True)
    rows_done = fields.IntField(default=0)
    changes = fields.IntField(default=0)  # counts up with whatever is new of it
    problem = fields.CharField(max_length=500, null=True)
    tries = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)  # queue and lease in one, by the database's clock
    # Who has asked: what they may do is looked up again where it is done.
    created_by = fields.CharField(max_length=200)
    party = fields.UUIDField()
    person_id = fields.UUIDField(null=True)
    token_id = fields.UUIDField(null=True)
    session_id = fields.UUIDField(null=True)
    request_id = fields.CharField(max_length=64)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    judged_at = fields.DatetimeField(null=True)
    confirmed_by = fields.CharField(max_length=200, null=True)
    confirmed_by_id = fields.UUIDField(null=True)
    confirmed_at = fields.DatetimeField(null=True)
    canceled_by = fields.CharField(max_length=200, null=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "batches"
        indexes = (("merchant_id", "created_at", "id"),)


class BatchRow(Model):
    """One row of a sheet: the verdict before anything was sent, and the outcome. Accounts stay in the file, sealed."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    batch: "fields.ForeignKeyRelation[Batch]" = fields.ForeignKeyField(
        "models.Batch", on_delete=fields.RESTRICT, db_index=False
    )
    batch_id: UUID
    row = fields.IntField()  # of the sheet, its headings being 1
    key = fields.CharField(max_length=64)  # of its idempotency: by its number, else by the sheet's content and its row
    number = fields.CharField(max_length=100, null=True)  # the merchant's own, of the refund
    named = fields.CharField(max_length=200)  # the payment or order, as the row says it
    amount: int | None = fields.BigIntField(null=True)  # minor units
    currency = fields.CharField(max_length=3, null=True)
    verdict = fields.CharField(max_length=12)  # domain/batches/verdicts.RowVerdict
    code = fields.CharField(max_length=32, null=True)
    said = fields.CharField(max_length=500)
    payment: "fields.ForeignKeyNullableRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    payment_id: UUID | None
    store_id: UUID | None = fields.UUIDField(null=True)
    seen = fields.IntField(default=0)  # refunds of the same payment and amount, before this one
    claimed_at = fields.DatetimeField(null=True)  # from here on it may have been asked for
    outcome = fields.CharField(max_length=12, null=True)
    outcome_code = fields.CharField(max_length=32, null=True)
    outcome_said = fields.CharField(max_length=500, null=True)
    refund: "fields.ForeignKeyNullableRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    refund_id: UUID | None
    at = fields.DatetimeField(null=True)

    class Meta:
        table = "batch_rows"
        unique_together = (("batch_id", "row"),)
