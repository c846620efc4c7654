"""The work on findings: how each was resolved, by whom, and all that was done with it."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.files import File
    from domain.models.reconciliation import Finding


class ClosingReason(StrEnum):
    """Why a person says that a finding is done with; it says where its money in SUSPENSE goes."""

    WRITE_OFF = "WRITE_OFF"  # to WRITE_OFFS
    CORRECTED = "CORRECTED"  # by an entry, to the account that is named
    CLAIMED_FROM_PSE = "CLAIMED_FROM_PSE"  # what came to PSE_ADJUSTMENTS, the rest to WRITE_OFFS
    DUPLICATE_OF = "DUPLICATE_OF"  # it stays with the other finding
    EXPLAINED = "EXPLAINED"  # there is none
    REFUND_OF_OURS = "REFUND_OF_OURS"  # to SALES_RETURNS, with its VAT
    CHARGEBACK = "CHARGEBACK"  # to CHARGEBACKS
    FEE = "FEE"  # to FEES


class FindingResolution(Model):
    """What one person says became of a finding: it stands, or waits for a second person, until it has ended."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    finding: "fields.ForeignKeyRelation[Finding]" = fields.ForeignKeyField(
        "models.Finding", on_delete=fields.RESTRICT, related_name="resolutions", db_index=True
    )
    finding_id: UUID
    reason = fields.CharField(max_length=24)  # of Reason
    note = fields.CharField(max_length=500)
    account = fields.CharField(max_length=24, null=True)  # of Account: where CORRECTED takes the money
    amount = fields.BigIntField()  # minor units that leave SUSPENSE
    tax = fields.BigIntField()  # VAT within it
    claim = fields.BigIntField(null=True)  # minor units of it that were in PSE_CLEARING until then
    came = fields.BigIntField(null=True)  # minor units that the PSE gave of what was claimed
    currency = fields.CharField(max_length=3)
    money_of: str | None = fields.TextField(null=True)  # the name under which the money is booked as taken
    duplicate_of: "fields.ForeignKeyNullableRelation[Finding]" = fields.ForeignKeyField(
        "models.Finding", on_delete=fields.RESTRICT, null=True, related_name="duplicates", db_index=True
    )
    duplicate_of_id: UUID | None
    facts = fields.CharField(max_length=64)  # digest of both sides as they were
    needs_two = fields.BooleanField()
    proposed_by = fields.CharField(max_length=200)
    proposed_by_id = fields.UUIDField()
    proposed_at = fields.DatetimeField(auto_now_add=True)
    confirmed_by = fields.CharField(max_length=200, null=True)
    confirmed_by_id = fields.UUIDField(null=True)
    started_at = fields.DatetimeField(null=True)  # null: it waits for a second person
    agreed_at = fields.DatetimeField(null=True)  # when the program would have closed it: what is told later is new
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.CharField(max_length=200, null=True)
    ended_why = fields.CharField(max_length=500, null=True)

    class Meta:
        table = "finding_resolutions"


class FindingEvent(Model):
    """What was done with a finding: added, never changed."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    finding: "fields.ForeignKeyRelation[Finding]" = fields.ForeignKeyField(
        "models.Finding", on_delete=fields.RESTRICT, related_name="events", db_index=True
    )
    finding_id: UUID
    kind = fields.CharField(max_length=16)
    text = fields.CharField(max_length=2000, null=True)
    file: "fields.ForeignKeyNullableRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    file_id: UUID | None
    detail = fields.JSONField[dict[str, Any]]()
    actor = fields.CharField(max_length=200)
    party = fields.UUIDField(null=True)
    request_id = fields.CharField(max_length=64)
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "finding_events"
