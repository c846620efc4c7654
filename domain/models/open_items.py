"""What was open in the ledger when it was last looked at: written by domain/books/open_items alone, from the ledger."""

from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store
    from domain.models.connections import Connection


class OpenItem(Model):
    """An entry of a payment that is open, all of it or in part. Minor units: debits less credits, 0 where it closed.

    No foreign keys but the merchant's: the check "open items" compares it with the ledger.
    """

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection_id = fields.UUIDField()
    store_id = fields.UUIDField()
    payment_id = fields.UUIDField()
    entry_id = fields.BigIntField()
    account = fields.CharField(max_length=24)  # of Account
    currency = fields.CharField(max_length=3)
    since = fields.DateField()  # the accounting date of the entry, or the one that it belongs to
    amount = fields.DecimalField(max_digits=38, decimal_places=0)

    class Meta:
        table = "open_items"
        indexes = (("payment_id",),)


class OpenItemSum(Model):
    """What the open items of a day add up to, so that an ageing costs days and not items. Minor units."""

    id = fields.BigIntField(primary_key=True)
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
    since = fields.DateField()
    items = fields.BigIntField()
    amount = fields.DecimalField(max_digits=38, decimal_places=0)

    class Meta:
        table = "open_item_sums"


class OpenItemMark(Model):
    """Up to where the open items of a merchant count the ledger and the reports' lines in."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    at = fields.DatetimeField()
    ledger_entries = fields.BigIntField()  # every entry up to this id is counted in
    settlement_lines = fields.BigIntField()

    class Meta:
        table = "open_item_marks"
