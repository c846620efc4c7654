"""The double-entry ledger. A row moves one amount from one account to another, so it cannot be unbalanced."""

from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant, Store
    from domain.models.connections import Connection
    from domain.models.payments import Payment
    from domain.models.refunds import Refund


class Account(StrEnum):
    """The accounts of the ledger, per merchant, connection and currency."""

    PSE_CLEARING = "PSE_CLEARING"
    PSE_BALANCE = "PSE_BALANCE"
    BANK = "BANK"
    SALES = "SALES"
    SALES_RETURNS = "SALES_RETURNS"
    OUTPUT_VAT = "OUTPUT_VAT"
    VAT_REVERSAL_PENDING = "VAT_REVERSAL_PENDING"
    VAT_LOST = "VAT_LOST"
    REFUNDS_PAYABLE = "REFUNDS_PAYABLE"
    FEES = "FEES"
    CHARGEBACKS = "CHARGEBACKS"
    FX_CLEARING = "FX_CLEARING"
    ROUNDING = "ROUNDING"
    SUSPENSE = "SUSPENSE"
    FEE_TAXES = "FEE_TAXES"  # VAT on the PSE's fees, to be claimed with its invoice
    TAXES_WITHHELD = "TAXES_WITHHELD"  # by the PSE for a tax office: the merchant's credit there
    PSE_RESERVE = "PSE_RESERVE"  # what the PSE holds back for a while
    PAYOUTS_IN_TRANSIT = "PAYOUTS_IN_TRANSIT"  # left the PSE, and no bank statement shows it yet
    PSE_ADJUSTMENTS = "PSE_ADJUSTMENTS"  # what the PSE put right without a payment
    FX_DIFFERENCES = "FX_DIFFERENCES"
    WRITE_OFFS = "WRITE_OFFS"
    OPENING_BALANCES = "OPENING_BALANCES"  # what was there before the first report
    PSE_TRANSFERS = "PSE_TRANSFERS"  # on its way between two balances at the PSE, a batch's and the next one's too


class Entry(StrEnum):
    """The kinds of ledger entry."""

    CAPTURE = "CAPTURE"
    DECLARE_TAX = "DECLARE_TAX"
    DECLARE_REFUND_TAX = "DECLARE_REFUND_TAX"
    RECOGNISE = "RECOGNISE"
    UNRECOGNISE = "UNRECOGNISE"
    PAY = "PAY"
    PAY_BY_BANK = "PAY_BY_BANK"
    RETURN = "RETURN"
    RETURN_TO_BANK = "RETURN_TO_BANK"
    TAKEN = "TAKEN"
    TAKEN_BACK = "TAKEN_BACK"
    CHARGEBACK = "CHARGEBACK"
    CHARGEBACK_REVERSED = "CHARGEBACK_REVERSED"
    PROVE_CAPTURES = "PROVE_CAPTURES"
    PROVE_REFUNDS = "PROVE_REFUNDS"
    PROVE_RETURNS = "PROVE_RETURNS"
    PROVE_TAKEN = "PROVE_TAKEN"
    PROVE_CHARGEBACKS = "PROVE_CHARGEBACKS"
    PROVE_FEES = "PROVE_FEES"
    PROVE_FEE_TAXES = "PROVE_FEE_TAXES"
    PROVE_TAXES_WITHHELD = "PROVE_TAXES_WITHHELD"
    PROVE_PAYOUTS = "PROVE_PAYOUTS"
    PROVE_RESERVES = "PROVE_RESERVES"
    PROVE_ADJUSTMENTS = "PROVE_ADJUSTMENTS"
    PROVE_ROUNDING = "PROVE_ROUNDING"
    PROVE_TRANSFERS = "PROVE_TRANSFERS"
    PROVE_UNEXPLAINED = "PROVE_UNEXPLAINED"
    PROVE_OPENING = "PROVE_OPENING"
    CONVERT = "CONVERT"
    FX_DIFFERENCE = "FX_DIFFERENCE"
    BANK_RECEIVED = "BANK_RECEIVED"
    BANK_CHARGE = "BANK_CHARGE"
    PAYOUT_GIVEN_UP = "PAYOUT_GIVEN_UP"
    CLAIM_GIVEN_UP = "CLAIM_GIVEN_UP"
    WRITE_OFF = "WRITE_OFF"
    SUSPENSE_TO_RETURNS = "SUSPENSE_TO_RETURNS"
    SUSPENSE_TO_CHARGEBACKS = "SUSPENSE_TO_CHARGEBACKS"
    SUSPENSE_TO_FEES = "SUSPENSE_TO_FEES"
    SUSPENSE_TO_ADJUSTMENTS = "SUSPENSE_TO_ADJUSTMENTS"
    SUSPENSE_TO_FX = "SUSPENSE_TO_FX"
    SUSPENSE_TO_ROUNDING = "SUSPENSE_TO_ROUNDING"
    VAT_DOCUMENTED = "VAT_DOCUMENTED"
    VAT_NOT_RECOVERABLE = "VAT_NOT_RECOVERABLE"


class LedgerEntry(Model):
    """One amount, in minor units, that moves from one account to another. It is never changed: others correct it."""

    id = fields.BigIntField(primary_key=True)
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
    payment: "fields.ForeignKeyNullableRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    payment_id: UUID | None
    refund: "fields.ForeignKeyNullableRelation[Refund]" = fields.ForeignKeyField(
        "models.Refund", on_delete=fields.RESTRICT, null=True, db_index=True
    )
    refund_id: UUID | None
    entry = fields.CharEnumField(Entry, max_length=24)
    debit = fields.CharEnumField(Account, max_length=24)
    credit = fields.CharEnumField(Account, max_length=24)
    amount = fields.BigIntField()  # minor units, above zero
    currency = fields.CharField(max_length=3)
    accounting_date = fields.DateField()  # in the merchant's zone
    belongs_to = fields.DateField(null=True)  # the date it would have, were its period not closed (the database's word)
    booked_at = fields.DatetimeField()
    cause = fields.TextField()  # what made it; with the leg it is unique, so nothing is posted twice
    leg = fields.SmallIntField()
    request_id = fields.CharField(max_length=64)

    class Meta:
        table = "ledger_entries"
        unique_together = (("cause", "leg"),)
        indexes = (("payment_id",),)


class ListedMoney(Model):
    """What a PSE itself said to have left, or come back, without a refund of ours, whoever told of it first."""

    id = fields.BigIntField(primary_key=True)
    payment: "fields.ForeignKeyRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, db_index=True
    )
    payment_id: UUID
    name = fields.TextField()  # as the ledger's cause has it; once (listed_money_name)
    amount = fields.BigIntField()  # minor units, as the PSE said
    request_id = fields.CharField(max_length=64)
    at = fields.DatetimeField()

    class Meta:
        table = "listed_money"


class LedgerCheckpoint(Model):
    """What was booked between two checkpoints, per account and accounting date. Added, never changed."""

    id = fields.BigIntField(primary_key=True)
    until_entry = fields.BigIntField()  # the ledger's id up to which everything is counted in
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    account = fields.CharField(max_length=24)  # of Account
    currency = fields.CharField(max_length=3)
    accounting_date = fields.DateField()  # in the merchant's zone
    debits = fields.DecimalField(max_digits=38, decimal_places=0)  # minor units
    credits = fields.DecimalField(max_digits=38, decimal_places=0)
    made_at = fields.DatetimeField()

    class Meta:
        table = "ledger_checkpoints"
        indexes = (("merchant_id", "connection_id", "accounting_date"),)


class StoreCheckpoint(Model):
    """As LedgerCheckpoint, told apart by store too. Added, never changed."""

    id = fields.BigIntField(primary_key=True)
    until_entry = fields.BigIntField()  # the ledger's id up to which everything is counted in
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
    accounting_date = fields.DateField()  # in the merchant's zone
    debits = fields.DecimalField(max_digits=38, decimal_places=0)  # minor units
    credits = fields.DecimalField(max_digits=38, decimal_places=0)
    last_entry = fields.BigIntField()  # the greatest id of those that are counted in here
    of_payments = fields.BigIntField()  # how many of them are of a payment
    made_at = fields.DatetimeField()

    class Meta:
        table = "store_checkpoints"
        indexes = (("merchant_id", "accounting_date"),)
