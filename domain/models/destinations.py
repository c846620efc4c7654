"""Where money goes when there is no way back, the customer's link to say so, and who approved it."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

from domain.pse.vocabulary import DestinationKind

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.refunds import Refund


class Destination(Model):
    """An account to pay to. Another one for the same refund supersedes it."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=False
    )
    refund_id: UUID
    kind = fields.CharEnumField(DestinationKind, max_length=24)
    # AES-GCM of the values, bound to merchant, refund and field; null: removed by retention
    sealed = fields.BinaryField(null=True)
    masked = fields.CharField(max_length=300)
    fingerprint = fields.CharField(max_length=64)  # keyed hash of kind and values: what an approval is bound to
    account = fields.CharField(max_length=64, null=True)  # keyed hash of the account alone; null: it is older
    payer_matches = fields.BooleanField()  # the holder's tax ID is the payer's
    provided_by = fields.CharField(max_length=200)
    provided_by_id = fields.UUIDField(null=True)  # of what came by a link: who made the link
    whose_word = fields.CharField(max_length=8, null=True)  # STAFF or CUSTOMER; null: it is older
    provided_at = fields.DatetimeField(auto_now_add=True)
    superseded_at = fields.DatetimeField(null=True)

    class Meta:
        table = "destinations"


class DestinationLink(Model):
    """A page on which the customer names the account. Only the hash of its 256 random bits is kept."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=True
    )
    refund_id: UUID
    digest = fields.CharField(max_length=64, unique=True)  # SHA-256, hex
    wrong_answers = fields.IntField(default=0)
    created_by = fields.CharField(max_length=200)
    created_by_id = fields.UUIDField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "destination_links"


class Approval(Model):
    """A second person's yes or no, bound to the destination as it was. It counts until the destination changes."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.ForeignKeyRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, db_index=True
    )
    refund_id: UUID
    needs_id = fields.UUIDField(null=True)  # what it answers; null: it is older
    amount = fields.BigIntField(null=True)  # minor units
    currency = fields.CharField(max_length=3, null=True)
    fingerprint = fields.CharField(max_length=64, null=True)  # null: the money goes back the way it came
    requested_by = fields.CharField(max_length=200)
    requested_by_id = fields.UUIDField(null=True)
    provided_by = fields.CharField(max_length=200, null=True)
    provided_by_id = fields.UUIDField(null=True)
    involved_ids = ArrayField(element_type="uuid", null=True)  # all who have a part in it
    decided_by = fields.CharField(max_length=200)
    decided_by_id = fields.UUIDField(null=True)
    delegated_by = fields.CharField(max_length=200, null=True)  # whose right it was, where it was lent
    delegated_by_id = fields.UUIDField(null=True)
    counts_as = ArrayField(element_type="text", null=True)  # the roles and permissions that were held then
    decision = fields.CharField(max_length=8)  # YES or NO
    note = fields.CharField(max_length=500, null=True)
    decided_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "approvals"


class Settlement(Model):
    """Evidence that a person paid a refund by hand, at the PSE or at the bank."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    refund: "fields.OneToOneRelation[Refund]" = fields.OneToOneField(
        "models.Refund", on_delete=fields.RESTRICT, related_name="manual_settlement"
    )
    refund_id: UUID
    way = fields.CharField(max_length=16)  # BANK_TRANSFER or PSE_BACK_OFFICE
    reference = fields.CharField(max_length=100)  # of the transfer, or the PSE's of the refund
    paid_on = fields.DateField()  # in the merchant's zone
    file_name = fields.CharField(max_length=200, null=True)
    file_type = fields.CharField(max_length=40, null=True)  # by its content
    file_digest = fields.CharField(max_length=64, null=True)  # SHA-256, hex
    file_content = fields.BinaryField(null=True)
    settled_by = fields.CharField(max_length=200)
    settled_by_id = fields.UUIDField(null=True)
    confirmed_by = fields.CharField(max_length=200, null=True)  # above the limit: who said the same
    confirmed_by_id = fields.UUIDField(null=True)
    settled_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "manual_settlements"
