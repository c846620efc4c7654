"""Captured payments, and how much of each is still the merchant's to refund. Amounts in minor units."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from domain.pse.vocabulary import Method

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store
    from domain.models.connections import Connection


class Payment(Model):
    """A captured payment, and how much of it is reserved, refunded or taken: in minor units of its currency."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    store: "fields.ForeignKeyRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, db_index=False
    )
    store_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    pse_reference = fields.CharField(max_length=100)
    order_reference = fields.CharField(max_length=100, null=True)
    method = fields.CharEnumField(Method, max_length=20)
    currency = fields.CharField(max_length=3)
    captured = fields.BigIntField()
    reserved = fields.BigIntField(default=0)  # asked for by refunds that are under way
    refunded = fields.BigIntField(default=0)  # left by refunds that we started
    taken_by_bank = fields.BigIntField(default=0)  # left without us; no upper bound, because the truth is recordable
    charged_back = fields.BigIntField(default=0)  # taken back by the customer's bank, less what was won again
    tax_amount = fields.BigIntField(default=0)  # VAT declared on the whole payment
    tax_allocated = fields.BigIntField(default=0)  # VAT of the refunds counted in reserved + refunded
    tax_rate = fields.CharField(max_length=12, null=True)  # percent as declared, e.g. "19.00"
    tax_document = fields.CharField(max_length=100, null=True)
    tax_period = fields.CharField(max_length=7, null=True)  # YYYY-MM
    captured_at = fields.DatetimeField()
    sealed_customer = fields.BinaryField(null=True)  # AES-GCM JSON {"reference", "tax_id"}
    customer_digest = fields.CharField(
        max_length=64, null=True
    )  # keyed hash of the tax ID, to find one customer's payments
    source = fields.CharField(max_length=16)  # MUTATION or LISTING
    created_at = fields.DatetimeField(auto_now_add=True)
    withdrawn_at = fields.DatetimeField(null=True)  # registered in error: its capture is reversed in the ledger
    withdrawn_by = fields.CharField(max_length=200, null=True)
    withdrawal_reason = fields.CharField(max_length=500, null=True)
    # Whether its PSE says so too, and which of its words did: an answer, a listing, a verified webhook, a report.
    confirmed_at = fields.DatetimeField(null=True)
    confirmed_by = fields.CharField(max_length=16, null=True)  # PSE, LISTING, WEBHOOK or REPORT
    contradicted_at = fields.DatetimeField(null=True)  # nothing of it is refunded
    contradiction = fields.CharField(max_length=500, null=True)
    unknown_since = fields.DatetimeField(null=True)  # the PSE said first that it does not know it, or not paid (yet)
    # What the PSE showed: how much was captured, and how much of that had left otherwise than by refunds of ours.
    shown_captured: int | None = fields.BigIntField(null=True)
    shown_gone: int | None = fields.BigIntField(null=True)
    asked_from = fields.DatetimeField(null=True)  # what the PSE was asked before counts no more

    class Meta:
        table = "payments"
        indexes = (("merchant_id", "created_at", "id"), ("merchant_id", "order_reference"))
