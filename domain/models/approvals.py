"""What needs a second person, who said yes, under whose right; and what is settled by two."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.refunds import Refund


class ApprovalRule(Model):
    """A merchant's own rule or cap. A changed one is a new row; what loosens waits for a second yes."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    kind = fields.CharField(max_length=16)  # APPROVAL, SETTLEMENT or CAP
    name = fields.CharField(max_length=64)  # what it stands in the place of; some names are defaults of the product
    body = fields.JSONField[dict[str, Any]](null=True)  # null: the merchant's own ends, a default stands again
    loosens = fields.BooleanField()
    replaces_id = fields.UUIDField(null=True)  # the one that stood when it was proposed
    proposed_by = fields.CharField(max_length=200)
    proposed_by_id = fields.UUIDField()
    proposed_at = fields.DatetimeField(auto_now_add=True)
    confirmed_by = fields.CharField(max_length=200, null=True)
    confirmed_by_id = fields.UUIDField(null=True)
    started_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "approval_rules"


class ApprovalNeeds(Model):
    """What a refund of this amount, to this destination, needs. Another destination ends it."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=True
    )
    refund_id: UUID
    amount = fields.BigIntField()  # minor units
    currency = fields.CharField(max_length=3)
    fingerprint = fields.CharField(max_length=64, null=True)  # of the destination; null where the way back is known
    needs = fields.JSONField[list[dict[str, Any]]]()
    open_words = ArrayField(element_type="text")  # the roles and permissions whose yes would count now
    barred_ids = ArrayField(element_type="uuid")  # who has a part in it, or has said yes already
    made_at = fields.DatetimeField(auto_now_add=True)
    until = fields.DatetimeField()
    met_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "approval_needs"


class Delegation(Model):
    """One person's right to approve, lent to another for a time. It is never lent on."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=True
    )
    merchant_id: UUID
    from_id = fields.UUIDField()
    from_name = fields.CharField(max_length=200)
    to_id = fields.UUIDField()
    to_name = fields.CharField(max_length=200)
    starts_at = fields.DatetimeField()
    ends_at = fields.DatetimeField()
    made_at = fields.DatetimeField(auto_now_add=True)
    revoked_at = fields.DatetimeField(null=True)
    revoked_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "approval_delegations"


class SettlementProposal(Model):
    """What one person says was paid by hand, above the limit."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=True
    )
    refund_id: UUID
    taken_at_sequence = fields.IntField()  # of the event that took it in hand: given back, it is another payment
    way = fields.CharField(max_length=16)
    reference = fields.CharField(max_length=100)
    paid_on = fields.DateField()
    file_name = fields.CharField(max_length=200)
    file_type = fields.CharField(max_length=40)
    file_digest = fields.CharField(max_length=64)  # SHA-256, hex
    file_content = fields.BinaryField()
    proposed_by = fields.CharField(max_length=200)
    proposed_by_id = fields.UUIDField()
    proposed_at = fields.DatetimeField(auto_now_add=True)
    withdrawn_at = fields.DatetimeField(null=True)
    retired_at = fields.DatetimeField(null=True)  # when retention took the file away

    class Meta:
        table = "settlement_proposals"


class TransferReturn(Model):
    """That the bank gave back a transfer: said by another person than who settled it."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.OneToOneRelation[Refund]" = fields.OneToOneField(
        "models.Refund", on_delete=fields.RESTRICT, related_name="transfer_return"
    )
    refund_id: UUID
    settled_by_id = fields.UUIDField(null=True)
    returned_by = fields.CharField(max_length=200)
    returned_by_id = fields.UUIDField(null=True)
    why = fields.CharField(max_length=500)
    returned_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "transfer_returns"
