"""Reports of the PSEs and their lines. Amounts in minor units."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from domain.models.access import Merchant
    from domain.models.connections import Connection


class Effect(StrEnum):
    """What a line does to the books."""

    CAPTURE = "CAPTURE"  # proves a capture
    REFUND = "REFUND"  # proves that a refund of ours left
    RETURN = "RETURN"  # proves that a proven refund came back
    TAKEN = "TAKEN"  # money left that no refund of ours accounts for
    TAKEN_BACK = "TAKEN_BACK"  # and came back
    CHARGEBACK = "CHARGEBACK"  # proves that the customer's bank took the money back
    CHARGEBACK_REVERSED = "CHARGEBACK_REVERSED"  # and gave it again
    NONE = "NONE"  # says nothing about money


class BookedAs(StrEnum):
    """What the settled money of a line is booked as, beside what its effect does to the claims on the PSE."""

    NONE = "NONE"  # it tells none, or another report has told the same money
    EFFECT = "EFFECT"  # as what its effect proves
    FEE = "FEE"
    PAYOUT = "PAYOUT"
    RESERVE = "RESERVE"
    ADJUSTMENT = "ADJUSTMENT"
    TRANSFER = "TRANSFER"
    UNEXPLAINED = "UNEXPLAINED"  # money moved, and nobody here knows why


class Report(Model):
    """A file of a PSE that was read: its hash, its dates, and whether it is whole."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    business_date = fields.DateField()
    name = fields.CharField(max_length=200)
    digest = fields.CharField(max_length=64)  # SHA-256 of the file, hex
    content_type = fields.CharField(max_length=100)
    content = fields.BinaryField()  # the file, packed (settlements/pieces); nothing where it is in pieces
    totals = fields.JSONField[dict[str, Any]]()
    created_at = fields.DatetimeField(auto_now_add=True)
    superseded_at = fields.DatetimeField(null=True)
    repeat_since = fields.DatetimeField(null=True)  # what it says can be matched better now: its date is run again
    retired_at = fields.DatetimeField(null=True)  # when retention took the file away
    known = fields.CharField(max_length=200, null=True)  # what the books knew when it was matched last

    class Meta:
        table = "reports"


class ReportPiece(Model):
    """A piece of the file of a large report, by its number from 0: packed by itself."""

    id = fields.BigIntField(primary_key=True)
    report: "fields.ForeignKeyRelation[Report]" = fields.ForeignKeyField(
        "models.Report", on_delete=fields.RESTRICT, db_index=False
    )
    report_id: UUID
    number = fields.IntField()
    content = fields.BinaryField()
    created_at = fields.DatetimeField(auto_now_add=True)
    retired_at = fields.DatetimeField(null=True)  # when retention took it away

    class Meta:
        table = "report_pieces"


class SettlementLine(Model):
    """A line of a report and what it settles. No foreign keys: the check "lines" of domain/invariants verifies them."""

    id = fields.BigIntField(primary_key=True)
    report_id = fields.UUIDField()
    line = fields.BigIntField()
    type = fields.CharField(max_length=24)
    state = fields.CharField(max_length=16)
    payment_reference: str | None = fields.TextField(null=True)
    payment_alias: str | None = fields.TextField(null=True)
    order_reference: str | None = fields.TextField(null=True)
    reference: str | None = fields.TextField(null=True)
    pse_refund_reference: str | None = fields.TextField(null=True)
    by_amount = fields.BooleanField(default=False)  # no id of the refund is told: matched by payment and amount
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    settled_gross = fields.DecimalField(max_digits=28, decimal_places=8, null=True)  # major units of settled_currency
    settled_fee = fields.DecimalField(max_digits=28, decimal_places=8, null=True)
    settled_tax = fields.DecimalField(max_digits=28, decimal_places=8, null=True)
    settled_withheld = fields.DecimalField(max_digits=28, decimal_places=8, null=True)
    settled_net = fields.DecimalField(max_digits=28, decimal_places=8, null=True)
    settled_currency = fields.CharField(max_length=3, null=True)
    payout_reference: str | None = fields.TextField(null=True)
    by_bank = fields.BooleanField()
    kind: str | None = fields.TextField(null=True)
    booked_at = fields.DatetimeField()
    business_date = fields.DateField()
    effect = fields.CharField(max_length=20)  # Effect
    booked_as = fields.CharField(max_length=16, default="NONE")  # BookedAs
    payment_id = fields.UUIDField(null=True)
    refund_id = fields.UUIDField(null=True)
    voided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "settlement_lines"


class ReportBalance(Model):
    """What a report did to the balance at the PSE, and what it says that this was before and after. Minor units."""

    id = fields.BigIntField(primary_key=True)
    report: "fields.ForeignKeyRelation[Report]" = fields.ForeignKeyField(
        "models.Report", on_delete=fields.RESTRICT, db_index=False
    )
    report_id: UUID
    currency = fields.CharField(max_length=3)
    opening = fields.BigIntField(null=True)  # as the report says, null where it says nothing
    closing = fields.BigIntField(null=True)
    moved = fields.BigIntField()  # by its lines, as booked; signed
    paid_out = fields.BigIntField()  # of it what went to a bank, as booked; a payout is above zero

    class Meta:
        table = "report_balances"
        unique_together = (("report_id", "currency"),)


class Payout(Model):
    """Money that left the PSE for the merchant's bank, as its reports tell; below zero it went the other way."""

    id = fields.UUIDField(primary_key=True)
    merchant: "fields.ForeignKeyRelation[Merchant]" = fields.ForeignKeyField(
        "models.Merchant", on_delete=fields.RESTRICT, db_index=False
    )
    merchant_id: UUID
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    reference = fields.TextField()  # the PSE's; of one without, the report's name and line
    currency = fields.CharField(max_length=3)  # of what the bank gets
    amount = fields.BigIntField()  # minor units: what its valid parts add up to, 0 where no report tells it any more
    business_date = fields.DateField()
    expected_at = fields.DateField(null=True)  # at the bank, where the PSE says it
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "payouts"
        unique_together = (("connection_id", "reference", "currency"),)


class PayoutPart(Model):
    """What one report says of a payout. Amounts in minor units, above zero where the money left the PSE."""

    id = fields.BigIntField(primary_key=True)
    payout: "fields.ForeignKeyRelation[Payout]" = fields.ForeignKeyField(
        "models.Payout", on_delete=fields.RESTRICT, db_index=True
    )
    payout_id: UUID
    report: "fields.ForeignKeyRelation[Report]" = fields.ForeignKeyField(
        "models.Report", on_delete=fields.RESTRICT, db_index=True
    )
    report_id: UUID
    line = fields.BigIntField(null=True)  # the first that tells it; null: the report tells it beside its lines
    amount = fields.BigIntField()  # in the payout's currency
    settled = fields.BigIntField()  # what it took from the balance, in settled_currency
    settled_currency = fields.CharField(max_length=3)
    # What it says, of which `amount` and `settled` are what counts here: others may have counted the rest.
    told_amount = fields.BigIntField(default=0)
    told_settled = fields.BigIntField(default=0)
    voided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payout_parts"


class AnnouncedReport(Model):
    """A report that a webhook has announced; it is fetched by the next run."""

    id = fields.BigIntField(primary_key=True)
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    name = fields.CharField(max_length=200)
    announced_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "announced_reports"
        unique_together = (("connection_id", "name"),)


class ReportNews(Model):
    """What became of a report to be fetched: announced again, fetched, or not."""

    id = fields.BigIntField(primary_key=True)
    connection: "fields.ForeignKeyRelation[Connection]" = fields.ForeignKeyField(
        "models.Connection", on_delete=fields.RESTRICT, db_index=False
    )
    connection_id: UUID
    name = fields.CharField(max_length=200)
    what = fields.CharField(max_length=16)  # ANNOUNCED, BEGUN (to be entered), FETCHED (and entered) or FAILED
    said: str | None = fields.TextField(null=True)  # why it failed
    run_id = fields.UUIDField(null=True)
    at = fields.DatetimeField()

    class Meta:
        table = "report_news"
