"""Files that people hand in: what they are. Their content lies, sealed, in a folder or in S3-compatible storage."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.models import Model


class Purpose(StrEnum):
    """What a file is for; it says who may hand one in and who may read it."""

    ONBOARDING_DOCUMENT = "ONBOARDING_DOCUMENT"
    SETTLEMENT_REPORT = "SETTLEMENT_REPORT"
    BANK_STATEMENT = "BANK_STATEMENT"
    TAX_DOCUMENT = "TAX_DOCUMENT"
    FINDING_ATTACHMENT = "FINDING_ATTACHMENT"
    DECISIONS = "DECISIONS"  # a sheet of findings that somebody has filled in
    EXPORT = "EXPORT"  # made by us for somebody
    REFUND_BATCH = "REFUND_BATCH"  # a sheet of refunds that are to be made
    PAYMENT_BATCH = "PAYMENT_BATCH"  # a sheet of payments that are to be registered
    BATCH_RESULT = "BATCH_RESULT"  # a sheet of refunds with what became of each row, made by us
    PAYMENT_RESULT = "PAYMENT_RESULT"  # the same, of payments


class File(Model):
    """What a person handed in: name, size, hash, and what for."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Model]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    purpose = fields.CharEnumField(Purpose, max_length=32)
    name = fields.CharField(max_length=200)  # as its owner calls it; shown, and never a path
    size = fields.BigIntField()  # bytes
    sha256 = fields.CharField(max_length=64)  # of the content in clear, hex: what was announced is what is taken
    media_type = fields.CharField(max_length=64, null=True)  # by its content
    ticket_digest = fields.CharField(max_length=64, unique=True)  # SHA-256 of the ticket that opens the door once, hex
    ticket_until = fields.DatetimeField()
    created_by = fields.CharField(max_length=200)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    stored_at = fields.DatetimeField(null=True)
    # Of its content: only this is ever sealed anew; null: removed by retention.
    sealed_key = fields.BinaryField(null=True)

    class Meta:
        table = "files"
