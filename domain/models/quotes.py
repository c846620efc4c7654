"""What PSEs charge and what money is worth, as data with dates; and what a refund was said to cost."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection
    from domain.models.payments import Payment


class FeeKind(StrEnum):
    """What a fee is taken for."""

    PAYMENT = "PAYMENT"
    REFUND = "REFUND"
    CHARGEBACK = "CHARGEBACK"
    PAYOUT = "PAYOUT"
    FX = "FX"  # no fee: how far a PSE's rate may lie off the reference rate, in percent


class OriginalFee(StrEnum):
    """What becomes of a payment's fee when the payment is refunded."""

    KEPT = "KEPT"
    RETURNED = "RETURNED"  # the whole of it, with the refund that makes the payment wholly refunded
    RETURNED_PRO_RATA = "RETURNED_PRO_RATA"  # with each refund its share


class Side(StrEnum):
    """Which of a published pair of rates."""

    SINGLE = "SINGLE"
    SELL = "SELL"
    BUY = "BUY"


class Origin(StrEnum):
    """How we know a rate."""

    ENTERED = "ENTERED"
    IMPORTED = "IMPORTED"
    REPORT = "REPORT"  # a PSE's own, of a line that it converted


class FeeSchedule(Model):
    """A fee from a day on. Of those that hold, one of the method wins, then the latest start, then the last entered."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    method = fields.CharField(max_length=20, null=True)  # null: all
    kind = fields.CharField(max_length=12)
    currency = fields.CharField(max_length=3)
    percent = fields.DecimalField(max_digits=9, decimal_places=6)
    fixed = fields.BigIntField(default=0)  # minor units
    minimum = fields.BigIntField(null=True)
    maximum = fields.BigIntField(null=True)
    tax_percent = fields.DecimalField(max_digits=9, decimal_places=6)  # on the fee
    original_fee = fields.CharField(max_length=20, null=True)  # of a REFUND
    valid_from = fields.DateField()
    valid_to = fields.DateField(null=True)  # the last day; null: until another one begins
    source = fields.CharField(max_length=500)  # in words: a contract, a page and its day
    batch_id = fields.UUIDField()  # what was entered at once
    entered_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)
    withdrawn_at = fields.DatetimeField(null=True)  # entered in error: it counts no more
    withdrawn_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "fee_schedules"


class FxRate(Model):
    """What one of `base` is worth in `quote`. Of one day the last entered wins."""

    id = fields.BigIntField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    base = fields.CharField(max_length=3)
    quote = fields.CharField(max_length=3)
    side = fields.CharField(max_length=6)
    rate = fields.DecimalField(max_digits=28, decimal_places=12)
    valid_from = fields.DateField()
    valid_to = fields.DateField()  # the last day
    published_at = fields.DatetimeField(null=True)
    origin = fields.CharField(max_length=8)
    source = fields.CharField(max_length=500)  # who publishes it, in words; of a REPORT its name and line
    digest = fields.CharField(max_length=64, null=True)  # SHA-256 of the file that it came in, hex
    batch_id = fields.UUIDField()  # what was entered at once
    connection: "fields.ForeignKeyNullableRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    connection_id: UUID | None  # whose REPORT it is
    entered_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)
    withdrawn_at = fields.DatetimeField(null=True)
    withdrawn_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "fx_rates"


class RefundQuote(Model):
    """What a refund of so much of a payment was said to cost, and by what. The same again is not kept twice."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    payment: "fields.ForeignKeyRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", on_delete=fields.RESTRICT, db_index=False
    )
    payment_id: UUID
    amount = fields.BigIntField()  # minor units
    currency = fields.CharField(max_length=3)
    figures = fields.JSONField[dict[str, Any]]()  # as domain/quotes/figures.py writes them
    digest = fields.CharField(max_length=64)  # of the figures
    asked_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "refund_quotes"
