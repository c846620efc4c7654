"""The merchant's accounts at banks, what statements say, and which payout a line proves. Amounts in minor units."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.files import File
    from domain.models.settlements import Payout


class BankAccount(Model):
    """An account that PSEs pay out to."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    name = fields.CharField(max_length=100)  # as the merchant calls it
    currency = fields.CharField(max_length=3)
    number = fields.CharField(max_length=100, null=True)  # as its first statement prints it
    connection_ids = fields.JSONField[list[str]]()  # whose payouts come here; none named: those of all
    mapping = fields.JSONField[dict[str, Any]](null=True)  # of its CSV (domain/bank/readers/header)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "bank_accounts"


class BankStatement(Model):
    """One account's part of a file that was handed in, and what proves it whole."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    account: "fields.ForeignKeyRelation[BankAccount]" = fields.ForeignKeyField(
        "models.BankAccount", on_delete=fields.RESTRICT, db_index=False
    )
    account_id: UUID
    file: "fields.ForeignKeyRelation[File]" = fields.ForeignKeyField(
        "models.File", on_delete=fields.RESTRICT, db_index=False
    )
    file_id: UUID
    form = fields.CharField(max_length=8)  # OFX, CNAB240 or CSV: an account keeps to one, for each has other words
    first_on = fields.DateField(null=True)  # of its lines; null: it has none
    last_on = fields.DateField(null=True)
    lines = fields.IntField()  # in the file
    new_lines = fields.IntField()  # that no earlier file had
    opening = fields.BigIntField(null=True)
    closing = fields.BigIntField(null=True)
    sequence = fields.IntField(null=True)
    proof: str | None = fields.TextField(null=True)  # null: nothing in the file proves it whole
    contradicted: str | None = fields.TextField(null=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)
    withdrawn_at = fields.DatetimeField(null=True)  # taken back by a person
    withdrawn_by = fields.CharField(max_length=200, null=True)
    withdrawal_reason = fields.CharField(max_length=500, null=True)

    class Meta:
        table = "bank_statements"
        indexes = (("merchant_id", "created_at", "id"),)


class BankLine(Model):
    """Money on an account, told by a statement for the first time. Above zero it came in."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    account: "fields.ForeignKeyRelation[BankAccount]" = fields.ForeignKeyField(
        "models.BankAccount", on_delete=fields.RESTRICT, db_index=False
    )
    account_id: UUID
    statement: "fields.ForeignKeyRelation[BankStatement]" = fields.ForeignKeyField(
        "models.BankStatement", on_delete=fields.RESTRICT, db_index=True
    )
    statement_id: UUID
    line = fields.IntField()  # of the file
    booked_on = fields.DateField()  # as the bank prints it
    amount = fields.BigIntField()
    text = fields.TextField()
    reference: str | None = fields.TextField(null=True)
    key = fields.CharField(max_length=64)  # the same line in any file (domain/bank/statement.keys)
    created_at = fields.DatetimeField(auto_now_add=True)
    withdrawn_at = fields.DatetimeField(null=True)  # with its statement: it is money of this account no more

    class Meta:
        table = "bank_lines"
        indexes = (("merchant_id", "created_at", "id"),)


class BankRewording(Model):
    """A movement of a file that an earlier line is in other words: it counts once."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    statement: "fields.ForeignKeyRelation[BankStatement]" = fields.ForeignKeyField(
        "models.BankStatement", on_delete=fields.RESTRICT, db_index=True
    )
    statement_id: UUID
    earlier: "fields.ForeignKeyRelation[BankLine]" = fields.ForeignKeyField(
        "models.BankLine", on_delete=fields.RESTRICT, db_index=False
    )
    earlier_id: UUID  # of its account, day and amount
    line = fields.IntField()  # of the file
    text = fields.TextField()
    reference: str | None = fields.TextField(null=True)
    key = fields.CharField(max_length=64)  # as a line's: the same words in any file
    is_sure = fields.BooleanField()  # false: the words of one are a part of the other's, and nothing else says so
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "bank_rewordings"


class PayoutProof(Model):
    """That a payout has come, by a line of the bank. Voided where the payout turned out to be another one."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    payout: "fields.ForeignKeyRelation[Payout]" = fields.ForeignKeyField(
        "models.Payout", on_delete=fields.RESTRICT, db_index=False
    )
    payout_id: UUID
    line: "fields.ForeignKeyRelation[BankLine]" = fields.ForeignKeyField(
        "models.BankLine", on_delete=fields.RESTRICT, db_index=False
    )
    line_id: UUID
    part = fields.SmallIntField(default=0)  # of those that came in the line together, from 0
    how = fields.CharField(max_length=16)  # REFERENCE, AMOUNT_AND_DATE or PERSON
    amount = fields.BigIntField()  # of the payout, as it was proven
    charges = fields.BigIntField()  # that banks on the way kept: the payout less the line
    made_by = fields.CharField(max_length=200)
    made_by_id: UUID | None = fields.UUIDField(null=True)  # whoever it answers to; null: the program, or it is older
    made_at = fields.DatetimeField(auto_now_add=True)
    voided_at = fields.DatetimeField(null=True)
    voided_by = fields.CharField(max_length=200, null=True)
    voided_by_id: UUID | None = fields.UUIDField(null=True)  # as made_by_id
    void_reason = fields.CharField(max_length=500, null=True)

    class Meta:
        table = "payout_proofs"
