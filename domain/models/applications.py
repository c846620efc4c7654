"""How an account at a PSE comes to life: its documents, and every step from draft to active."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from domain.models.connections import Connection, ConnectionState
from domain.models.files import File


class DocumentKind(StrEnum):
    """What a PSE, and our reviewer, must see before an account is opened."""

    BUSINESS_LICENCE = "BUSINESS_LICENCE"
    LEGAL_REPRESENTATIVE_ID = "LEGAL_REPRESENTATIVE_ID"
    BANK_PROOF = "BANK_PROOF"
    ADMISSION_NOTICE = "ADMISSION_NOTICE"  # the PSE's own word that the merchant is admitted, or its KYC passed
    SERVICE_AGREEMENT = "SERVICE_AGREEMENT"


class OnboardingDocument(Model):
    """A document that belongs to the application for an account at a PSE."""

    id = fields.UUIDField(primary_key=True)
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=True
    )
    connection_id: UUID
    kind = fields.CharEnumField(DocumentKind, max_length=32)
    file: "fields.ForeignKeyRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, db_index=False
    )
    file_id: UUID
    created_by = fields.CharField(max_length=200)
    party_id: UUID | None = fields.UUIDField(null=True)  # who answers for it
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    superseded_at = fields.DatetimeField(null=True)  # a newer one of its kind was handed in

    class Meta:
        table = "onboarding_documents"


class OnboardingStep(Model):
    """One step of a connection from draft to active: who took it, and why."""

    id = fields.BigIntField(primary_key=True)
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    sequence = fields.IntField()
    from_state = fields.CharEnumField(ConnectionState, max_length=16)
    to_state = fields.CharEnumField(ConnectionState, max_length=16)
    actor = fields.CharField(max_length=200)
    party_id: UUID | None = fields.UUIDField(null=True)  # who answers for it; null: nobody but ourselves
    comment = fields.CharField(max_length=1000, null=True)
    request_id = fields.CharField(max_length=64)
    at: datetime = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "onboarding_steps"
        unique_together = (("connection_id", "sequence"),)
