"""Months of the books that are closed, what they said, and the journals that were made of them."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store
    from domain.models.connections import Connection
    from domain.models.files import File


class PeriodClosing(Model):
    """A month of a merchant: one person proposes to close it, another one does. What is closed is never opened."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    first_day: date = fields.DateField()  # in the merchant's zone
    last_day: date = fields.DateField()
    against = fields.JSONField[list[dict[str, Any]]]()  # what stood against it when it was proposed
    why = fields.CharField(max_length=500, null=True)  # it is closed all the same
    proposed_by = fields.CharField(max_length=200)
    proposed_by_id: UUID = fields.UUIDField()
    proposed_at: datetime = fields.DatetimeField(auto_now_add=True)
    confirmed_by = fields.CharField(max_length=200, null=True)
    confirmed_by_id: UUID | None = fields.UUIDField(null=True)
    confirmed_at: datetime | None = fields.DatetimeField(null=True)
    withdrawn_by = fields.CharField(max_length=200, null=True)
    withdrawn_at: datetime | None = fields.DatetimeField(null=True)
    last_entry = fields.BigIntField(null=True)  # the greatest id of the ledger up to its last day; 0: there is none
    chain_position = fields.BigIntField(null=True)  # of the merchant's sealed history when it was closed; 0: none
    chain_hash = fields.CharField(max_length=64, null=True)
    digest = fields.CharField(max_length=64, null=True)  # SHA-256 of its kept figures, hex

    class Meta:
        table = "period_closings"
        indexes = (("merchant_id", "proposed_at", "id"),)


class ClosedBalance(Model):
    """A row of the trial balance of a closed month, as it is kept. Minor units; `opening` is debits less credits."""

    id = fields.BigIntField(primary_key=True)
    closing: "fields.ForeignKeyRelation[PeriodClosing]" = fields.ForeignKeyField(
        "models.PeriodClosing", on_delete=fields.RESTRICT, db_index=False
    )
    closing_id: UUID
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    store: "fields.ForeignKeyRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, db_index=False
    )
    store_id: UUID
    account = fields.CharField(max_length=24)  # of Account
    currency = fields.CharField(max_length=3)
    opening = fields.DecimalField(max_digits=38, decimal_places=0)
    debits = fields.DecimalField(max_digits=38, decimal_places=0)
    credits = fields.DecimalField(max_digits=38, decimal_places=0)

    class Meta:
        table = "closed_balances"


class JournalAccount(Model):
    """Which account of the merchant's own books stands for one of ours. A changed one ends, and another begins."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    account = fields.CharField(max_length=24)  # of Account
    connection: "fields.ForeignKeyNullableRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    connection_id: UUID | None
    store: "fields.ForeignKeyNullableRelation[Store]" = fields.ForeignKeyField(
        "models.Store", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    store_id: UUID | None
    currency = fields.CharField(max_length=3, null=True)
    number = fields.CharField(max_length=64)  # theirs
    name = fields.CharField(max_length=200)  # theirs; QuickBooks knows accounts by it
    tax_rate = fields.CharField(max_length=100, null=True)  # its full name, where the other program wants one (Xero)
    created_by = fields.CharField(max_length=200)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    ended_by = fields.CharField(max_length=200, null=True)
    ended_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "journal_accounts"


class JournalBatch(Model):
    """A journal that was made. Of a closed month it has a number, under which there is never another content."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    number = fields.IntField(null=True)  # of the merchant's; null: a draft of a month that is open
    first_day: date = fields.DateField()
    last_day: date = fields.DateField()
    format = fields.CharField(max_length=16)
    encoding = fields.CharField(max_length=16)
    digest = fields.CharField(max_length=64)  # SHA-256 of what is booked, whatever the number; hex
    lines = fields.IntField()
    sums = fields.JSONField[dict[str, str]]()  # debits, which are the credits, by currency: minor units
    replaces = fields.IntField(null=True)  # the number of the one that said otherwise of this month and format
    file: "fields.ForeignKeyRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, db_index=True
    )
    file_id: UUID
    created_by = fields.CharField(max_length=200)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "journal_batches"
        indexes = (("merchant_id", "created_at", "id"),)
